"""The confirm phase in stages: which arms run on which seeds next, from ended runs alone: pure.

First the planned looks, each on more seeds; the first that settles the comparison is the last. Then what was asked for
beside it: the best set once more on fresh seeds (its first values were picked as the highest of several and flatter),
every confirmed arm at shorter lengths, and the baseline's runs that set the target. Replicates each have their own
finalists and seeds, all at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from clr.analysis import confirmed, decision, selection
from clr.plan import ArmPlan, Plan
from clr.results import Trial

MOST_FINALISTS = 3
SETTLED = ("use it", "equivalent: take the simplest", "keep your baseline")


@dataclass(frozen=True)
class Stage:
    """One round of confirm runs.

    Attributes:
        round: its number. arms: names. seeds: of each arm's runs.
        first: index of the first run among all that the plan holds for an arm, which sets the slots' numbers.
        iterations: length of each run.
        replicate: of the search whose finalists run.
    """

    round: int
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    first: int
    iterations: int
    replicate: int = 0


def due(plan: Plan, trials: Sequence[Trial]) -> tuple[Stage, ...]:
    """The stages to open now; () while one runs, and when the phase is over. The searches have ended."""
    confirm = [trial for trial in trials if trial.phase == "confirm"]
    opened = {trial.round for trial in confirm}
    if not all(trial.ended for trial in confirm):
        return ()
    if not opened:
        return _replicates(plan, trials) if plan.replicates > 1 else _look(plan, 0, finalists(plan, trials))
    if plan.replicates > 1 or max(opened) >= confirmed.final_round(plan):
        return ()
    names = tuple(arm.name for arm in plan.arms if any(trial.arm == arm.name for trial in confirm))
    if (following := max(opened) + 1) < len(plan.planned_looks) and not _settled(plan, trials):
        return _look(plan, following, names)
    return tuple(_beside(plan, trials, names))


def finalists(plan: Plan, trials: Sequence[Trial], replicate: int = 0) -> tuple[str, ...]:
    """Arms to confirm, in the plan's order: all, or the baseline and the best of the search, at most three.

    An arm without a finished search trial is not confirmed.
    """
    sign = -1.0 if plan.facts.direction == "maximize" else 1.0
    best = {arm.name: finalist(plan, trials, arm, replicate) for arm in plan.arms}
    found = {name: trial.value for name, trial in best.items() if trial is not None}
    if plan.confirm == "all":
        return tuple(found)
    ranked = sorted(found, key=lambda name: (name != plan.baseline, sign * (found[name] or 0.0)))
    kept = ranked[:MOST_FINALISTS] if plan.baseline in found else ranked[: MOST_FINALISTS - 1]
    return tuple(name for name in found if name in kept)


def finalist(plan: Plan, trials: Sequence[Trial], arm: ArmPlan, replicate: int = 0) -> Trial | None:
    """The search trial of a replicate whose parameters are confirmed."""
    search = [trial for trial in trials if trial.phase == "search" and trial.arm == arm.name]
    own = [trial for trial in search if trial.round // len(arm.rounds) == replicate]
    return selection.finalist(own, plan.facts.direction)


def _look(plan: Plan, look: int, arms: tuple[str, ...]) -> tuple[Stage, ...]:
    first, last = list(pairwise([0, *plan.planned_looks]))[look]
    return (Stage(look, arms, plan.confirm_seeds[first:last], first, plan.iterations),) if arms else ()


def _replicates(plan: Plan, trials: Sequence[Trial]) -> tuple[Stage, ...]:
    each = plan.seeds_each
    found = [
        Stage(
            round=r,
            arms=finalists(plan, trials, r),
            seeds=plan.confirm_seeds[r * each : (r + 1) * each],
            first=r * each,
            iterations=plan.iterations,
            replicate=r,
        )
        for r in range(plan.replicates)
    ]
    return tuple(stage for stage in found if stage.arms)


def _settled(plan: Plan, trials: Sequence[Trial]) -> bool:
    return decision.decide(plan, trials).action in SETTLED


def _beside(plan: Plan, trials: Sequence[Trial], names: tuple[str, ...]) -> Iterator[Stage]:
    """What runs once the comparison is over: final seeds, shorter lengths, the target's seeds."""
    seeds, first = plan.confirm_seeds, len(plan.confirm_seeds)
    members = decision.decide(plan, trials).members if plan.final_seeds else ()
    if best := tuple(name for name in names if name in members):
        yield Stage(confirmed.final_round(plan), best, plan.final_seeds, first, plan.iterations)
    first += len(plan.final_seeds)
    used = max(len(confirmed.runs(plan, trials, name)) for name in names)  # looks may have stopped early
    for k, iterations in enumerate(plan.shorter):
        yield Stage(confirmed.length_round(plan, k), names, seeds[:used], first + k * len(seeds), iterations)
    first += len(plan.shorter) * len(seeds)
    if plan.target_seeds and plan.baseline in names:
        yield Stage(confirmed.target_round(plan), (plan.baseline,), plan.target_seeds, first, plan.iterations)
