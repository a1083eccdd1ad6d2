"""Which confirm runs an arm has, and the table of their values that arms are compared by: pure.

Rounds of the confirm phase: one for each planned look, then the final one, in which the best set runs once more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from clr.plan import Plan
from clr.results import Outcome, Trial

Values = Mapping[str, Mapping[str, float]]
"""arm -> seed -> test metric of that seed's run."""


def runs(plan: Plan, trials: Sequence[Trial], arm: str) -> list[Trial]:
    """The runs of an arm that are compared with the other arms', in order of their number."""
    return [trial for trial in _of(trials, arm) if trial.round < final_round(plan)]


def final_runs(plan: Plan, trials: Sequence[Trial], arm: str) -> list[Trial]:
    """The runs of a member of the best set on fresh seeds, in order of their number."""
    return [trial for trial in _of(trials, arm) if trial.round == final_round(plan)]


def final_round(plan: Plan) -> int:
    return len(plan.planned_looks)


def _of(trials: Sequence[Trial], arm: str) -> list[Trial]:
    return sorted((t for t in trials if t.phase == "confirm" and t.arm == arm), key=lambda t: t.number)


def count(trials: Sequence[Trial], outcome: Outcome) -> int:
    return sum(trial.outcome == outcome for trial in trials)


def holds(confirm: Sequence[Trial]) -> bool:
    """At least half of the runs are done: an arm that lost more would take its seeds from every other arm."""
    return bool(confirm) and 2 * count(confirm, "done") >= len(confirm)


def values(confirm: Sequence[Trial]) -> dict[str, float]:
    """Test metric by seed of the runs that are done."""
    return {str(t.seed): t.value for t in confirm if t.outcome == "done" and t.value is not None}


def table(plan: Plan, trials: Sequence[Trial]) -> dict[str, dict[str, float]]:
    """Every arm that holds, with its values: the baseline first, then in the plan's order."""
    names = sorted((arm.name for arm in plan.arms), key=lambda name: name != plan.baseline)
    found = {name: runs(plan, trials, name) for name in names}
    return {name: values(confirm) for name, confirm in found.items() if holds(confirm)}


def shared(found: Values) -> tuple[str, ...]:
    """The seeds that every arm has, in the order of the first one: a seed lost in one arm leaves all."""
    rows = list(found.values())
    return tuple(seed for seed in rows[0] if all(seed in row for row in rows)) if rows else ()
