"""From the confirmed values of a study to the one thing to do: pure, and the same for whoever computes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from clr import search_space
from clr.analysis import accounts, comparison, confirmed
from clr.analysis.comparison import Comparison
from clr.analysis.intervals import LEVEL
from clr.plan import ArmPlan, Plan
from clr.resources import Action
from clr.results import Trial

SCREENED: Action = "no verdict: screened only"


@dataclass(frozen=True)
class Decision:
    """What the confirmed values say.

    Attributes:
        action: what to do. arm: whom it names; None without a verdict.
        loss: undecided and equivalent: what that choice may lose against the truly best arm at most.
        names, seeds: rows and columns of the table that was compared.
        found: the comparison of its rows; None where there was nothing to compare.
        level: of all differences at once, and of the best set.
        why: why there is no verdict; "" where there is one.
        values: of each arm by seed (or replicate); rows and columns of the table are among them.
        among: the arms that are equivalent, where that is the action.
    """

    action: Action
    arm: str | None = None
    loss: float | None = None
    names: tuple[str, ...] = ()
    seeds: tuple[str, ...] = ()
    found: Comparison | None = None
    level: float = LEVEL
    why: str = ""
    values: confirmed.Values = field(default_factory=dict)
    among: tuple[str, ...] = ()

    @property
    def members(self) -> tuple[str, ...]:
        """The best set, best mean first; () without a verdict."""
        if self.found is None or self.found.best is None or self.why:
            return ()
        return tuple(self.names[k] for k in self.found.best.members)

    @property
    def noisy(self) -> str | None:
        """The arm whose spread stands out."""
        return self.names[self.found.noisy] if self.found is not None and self.found.noisy is not None else None

    @property
    def identical(self) -> tuple[tuple[str, ...], ...]:
        groups = self.found.identical if self.found is not None else ()
        return tuple(tuple(self.names[k] for k in group) for group in groups)


def decide(plan: Plan, trials: Sequence[Trial]) -> Decision:
    """The decision that the confirm runs among `trials` support, whether or not more are to come."""
    values = confirmed.table(plan, trials)
    diverged = {name: confirmed.count(confirmed.runs(plan, trials, name), "diverged") for name in values}
    made = of_values(plan, values, diverged, level_of_look(plan, confirmed.unplanned_looks(plan, trials)))
    if not made.why and (why := accounts.starved(plan, trials, made.names)):
        return replace(made, action=SCREENED, arm=None, loss=None, among=(), why=why)
    return made


def level_of_look(plan: Plan, unplanned: int = 0) -> float:
    """Of a planned look, or of one that `unplanned` extensions have led to.

    The error is split between the planned looks (Bonferroni): three looks at 98.3 % each are 95 % together. Each look
    that was not planned gets half of the error of the one before: however often a study is extended, the unplanned ones
    together add no more than one planned look.
    """
    return 1 - (1 - LEVEL) / len(plan.planned_looks) / 2.0**unplanned


def error_of_all_looks(plan: Plan, unplanned: int) -> float:
    """How often at most some answer of a study without differences names a winner, over all its looks."""
    return sum(1 - level_of_look(plan, k) for k in range(1, unplanned + 1)) + (1 - LEVEL)


def of_values(plan: Plan, values: confirmed.Values, diverged: Mapping[str, int], level: float = LEVEL) -> Decision:
    """The decision on a table of values.

    Args:
        values: of the confirmed arms, the baseline first. diverged: runs of each that diverged: such an arm is
            compared, over the seeds it finished, and not chosen.
    """
    names, seeds = tuple(values), confirmed.shared(values)
    if why := _nothing_to_compare(plan, names, seeds):
        return Decision(SCREENED, names=names, seeds=seeds, level=level, why=why, values=values)
    found = comparison.compare(
        [[values[name][seed] for seed in seeds] for name in names],
        baseline=names.index(plan.baseline),
        direction=plan.facts.direction,
        level=level,
        resolution=resolution(plan),
        eligible=[k for k, name in enumerate(names) if not diverged.get(name)],
    )
    if why := _no_verdict(plan, found):
        return Decision(SCREENED, names=names, seeds=seeds, found=found, level=level, why=why, values=values)
    advised = comparison.recommend(found, margin(plan), _simplest_first(plan, names, values, seeds))
    arm = None if advised.arm is None else names[advised.arm]
    among = tuple(names[row] for row in advised.among)
    return Decision(advised.action, arm, advised.loss, names, seeds, found, level, values=values, among=among)


def _nothing_to_compare(plan: Plan, names: Sequence[str], seeds: Sequence[str]) -> str:
    if not names:
        return "no arm has finished at least half of its confirm runs"
    if not seeds:
        return "no seed is left that every confirmed arm has finished"
    if plan.baseline not in names:
        return f"the baseline {plan.baseline} failed or was not confirmed, so nothing is compared with it"
    if len(names) == 1:
        return f"there is no other arm to compare {names[0]} with"
    return ""


def _no_verdict(plan: Plan, found: Comparison) -> str:
    if unequal := accounts.unequal(plan):
        return unequal
    if found.best is None:
        few = "one seed shows no spread" if found.seeds == 1 else "no spread between seeds, and no known resolution"
        return f"there is no interval for a difference to {plan.baseline}: {few}"
    return "" if found.best.members else "every confirmed arm has a diverged run"


def _simplest_first(plan: Plan, names: Sequence[str], values: confirmed.Values, seeds: Sequence[str]) -> list[int]:
    """Rows by number of parameters, then the better mean, then the plan's order."""
    sign = -1.0 if plan.facts.direction == "maximize" else 1.0

    def key(row: int) -> tuple[int, float, int]:
        mean = sum(values[names[row]][seed] for seed in seeds) / len(seeds)
        return parameters(plan.arm(names[row])), sign * mean, row

    return sorted(range(len(names)), key=key)


def parameters(arm: ArmPlan) -> int:
    """How many numbers someone who takes this arm has to choose: its family's coordinates, or what the user gave."""
    return len(search_space.coordinates(arm.family)) or len(arm.parameters)


def margin(plan: Plan) -> float:
    """The largest difference that does not matter, in the metric's unit; 0 for a metric without a known unit."""
    if plan.margin is not None:
        return plan.margin
    size = _examples(plan)
    return comparison.default_margin(size) if size and plan.facts.metric == "accuracy" else 0.0


def resolution(plan: Plan) -> float | None:
    """The least step of an accuracy: one test example. It stands for the spread where runs show none."""
    size = _examples(plan)
    return 1 / size if size and plan.facts.metric == "accuracy" else None


def _examples(plan: Plan) -> int:
    """Examples behind a confirmed value: of the test split, else of the validation split; 0 where not known."""
    return plan.facts.test_size or plan.facts.validation_size
