"""The confirm phase in stages: which arms run on which seeds next, from ended runs alone: pure.

First the planned looks, each on more seeds; the first that settles the comparison is the last. Then, where asked for,
the best set once more on fresh seeds: its first values were picked as the highest of several and flatter.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """

    round: int
    arms: tuple[str, ...]
    seeds: tuple[int, ...]
    first: int


def due(plan: Plan, trials: Sequence[Trial]) -> Stage | None:
    """The stage to open now; None while one runs, and when the phase is over. The searches have ended."""
    confirm = [trial for trial in trials if trial.phase == "confirm"]
    opened = {trial.round for trial in confirm}
    if not all(trial.ended for trial in confirm):
        return None
    if not opened:
        return _look(plan, 0, finalists(plan, trials))
    if confirmed.final_round(plan) in opened:
        return None
    names = tuple(arm.name for arm in plan.arms if any(trial.arm == arm.name for trial in confirm))
    if (following := max(opened) + 1) < len(plan.planned_looks) and not _settled(plan, trials):
        return _look(plan, following, names)
    return _final(plan, trials)


def finalists(plan: Plan, trials: Sequence[Trial]) -> tuple[str, ...]:
    """Arms to confirm, in the plan's order: all, or the baseline and the best of the search, at most three.

    An arm without a finished search trial is not confirmed.
    """
    sign = -1.0 if plan.facts.direction == "maximize" else 1.0
    found = {arm.name: best.value for arm in plan.arms if (best := finalist(plan, trials, arm)) is not None}
    if plan.confirm == "all":
        return tuple(found)
    ranked = sorted(found, key=lambda name: (name != plan.baseline, sign * (found[name] or 0.0)))
    kept = ranked[:MOST_FINALISTS] if plan.baseline in found else ranked[: MOST_FINALISTS - 1]
    return tuple(name for name in found if name in kept)


def finalist(plan: Plan, trials: Sequence[Trial], arm: ArmPlan) -> Trial | None:
    """The search trial whose parameters are confirmed."""
    search = [trial for trial in trials if trial.phase == "search" and trial.arm == arm.name]
    return selection.finalist(search, plan.facts.direction)


def _look(plan: Plan, look: int, arms: tuple[str, ...]) -> Stage | None:
    ends = [0, *plan.planned_looks]
    first, last = list(pairwise(ends))[look]
    return Stage(look, arms, plan.confirm_seeds[first:last], first) if arms else None


def _settled(plan: Plan, trials: Sequence[Trial]) -> bool:
    return decision.decide(plan, trials).action in SETTLED


def _final(plan: Plan, trials: Sequence[Trial]) -> Stage | None:
    members = decision.decide(plan, trials).members if plan.final_seeds else ()
    arms = tuple(arm.name for arm in plan.arms if arm.name in members)
    return Stage(confirmed.final_round(plan), arms, plan.final_seeds, len(plan.confirm_seeds)) if arms else None
