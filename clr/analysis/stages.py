"""The confirm phase in stages: which arms run on which seeds next, from ended runs alone: pure.

First the planned looks, each on more seeds; the first that settles the comparison is the last. Then what was asked for
beside it: the best set once more on fresh seeds (its first values were picked as the highest of several and flatter),
every confirmed arm at shorter lengths, and the baseline's runs that set the target. Replicates each have their own
finalists and seeds, all at once.

An extension's confirm runs are what is lacking: every confirmed arm on its added seeds, and an arm whose further search
has found a better finalist on all seeds in use. Then the same for what was asked for beside it.
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
        first: index of the first run among all that this part of the plan may hold for an arm, which sets the slots'
            numbers.
        iterations: length of each run.
        replicate: of the search whose finalists run.
    """

    round: int
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    first: int
    iterations: int
    replicate: int = 0


def parts(plan: Plan, trials: Sequence[Trial]) -> Iterator[tuple[Plan, Sequence[Trial]]]:
    """The plan as it was submitted and after each extension, with the trials that it has asked for by then."""
    for part in range(len(plan.extensions)):
        known = plan.after(part)
        yield known, [trial for trial in trials if trial.number <= known.numbers.last]
    yield plan, trials


def answered(plan: Plan, trials: Sequence[Trial]) -> tuple[Plan, Sequence[Trial]]:
    """What there is an answer to: the plan up to the last extension that has run to its end, with its trials."""
    found = list(parts(plan, trials))
    return next((known for known in reversed(found[1:]) if _over(*known)), found[0])


def _over(plan: Plan, trials: Sequence[Trial]) -> bool:
    searched = sum(trial.phase == "search" for trial in trials) == sum(arm.trials for arm in plan.arms)
    ran = all(trial.outcome not in (None, "cancelled") for trial in trials)
    return searched and ran and not due(plan, trials)


def due(plan: Plan, trials: Sequence[Trial]) -> tuple[Stage, ...]:
    """The stages to open now; () while one runs, and when the phase is over. The searches have ended.

    Of an extended plan: those of its last extension, once all before it is over.
    """
    confirm = [trial for trial in trials if trial.phase == "confirm"]
    opened = {trial.round for trial in confirm}
    if not all(trial.ended for trial in confirm):
        return ()
    if plan.extensions:
        return _extension(plan, trials, max(opened, default=-1))
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


def _extension(plan: Plan, trials: Sequence[Trial], last: int) -> tuple[Stage, ...]:
    """What an extension adds to the comparison, then what it adds beside it; `last`: the last round opened."""
    part = len(plan.extensions)
    if last < confirmed.compared_round(plan, part) and (lacking := tuple(_lacking(plan, trials))):
        return lacking
    if last > confirmed.compared_round(plan, part):
        return ()
    names = tuple(arm.name for arm in plan.arms if confirmed.runs(plan, trials, arm.name))
    return tuple(_beside(plan, trials, names))


def _lacking(plan: Plan, trials: Sequence[Trial]) -> Iterator[Stage]:
    """Compared runs that arms lack: of those confirmed so far, and of the finalists of today."""
    part, chosen = len(plan.extensions), finalists(plan, trials)
    seeds = (*(confirmed.seeds_in_use(plan, trials) or plan.confirm_seeds), *plan.extensions[-1].seeds)
    for arm in plan.arms:
        runs = confirmed.runs(plan, trials, arm.name)
        wanted = arm.name in chosen or runs or confirmed.superseded(plan, trials, arm.name)
        if wanted and seeds[len(runs) :]:
            yield _stage(plan, confirmed.compared_round(plan, part), arm.name, seeds, len(runs), 0)


def _beside(plan: Plan, trials: Sequence[Trial], names: tuple[str, ...]) -> Iterator[Stage]:
    """What runs once the comparison is over, where it is lacking: final seeds, shorter lengths, the target's seeds."""
    part, first = len(plan.extensions), len(plan.all_confirm_seeds)
    members = decision.decide(plan, trials).members if plan.final_seeds else ()
    for name in names:
        if name in members and not confirmed.final_runs(plan, trials, name):
            yield _stage(plan, confirmed.final_round(plan, part), name, plan.final_seeds, 0, first)
    first += len(plan.final_seeds)
    seeds = confirmed.seeds_in_use(plan, trials)
    for k, iterations in enumerate(plan.shorter):
        for name in names:
            done = len(confirmed.runs_at(plan, trials, name, k))
            if seeds[done:]:
                round_ = confirmed.length_round(plan, k, part)
                yield _stage(plan, round_, name, seeds, done, first + k * len(plan.all_confirm_seeds), iterations)
    first += len(plan.shorter) * len(plan.all_confirm_seeds)
    if plan.target_seeds and plan.baseline in names and not confirmed.target_runs(plan, trials):
        yield _stage(plan, confirmed.target_round(plan, part), plan.baseline, plan.target_seeds, 0, first)


def _stage(
    plan: Plan, round_: int, arm: str, seeds: tuple[int, ...], done: int, first: int, iterations: int | None = None
) -> Stage:
    """One arm's runs on all of `seeds` but the first `done`; `first`: index of the run on the first one."""
    return Stage(round_, (arm,), seeds[done:], first + done, iterations or plan.iterations)
