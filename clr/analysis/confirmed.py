"""Which confirm runs an arm has, and the table of their values that arms are compared by: pure.

Rounds of the confirm phase: one for each planned look (or replicate), then the final one, in which the best set runs
once more, then one for each shorter length, then the baseline's runs that set the target.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import fmean

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


def runs_at(plan: Plan, trials: Sequence[Trial], arm: str, length: int) -> list[Trial]:
    """The runs of an arm at a shorter length; `length`: its index in `plan.shorter`."""
    return [trial for trial in _of(trials, arm) if trial.round == length_round(plan, length)]


def target_runs(plan: Plan, trials: Sequence[Trial]) -> list[Trial]:
    """The baseline's runs that set the target and are used for nothing else."""
    return [trial for trial in _of(trials, plan.baseline) if trial.round == target_round(plan)]


def final_round(plan: Plan) -> int:
    return plan.replicates if plan.replicates > 1 else len(plan.planned_looks)


def length_round(plan: Plan, length: int) -> int:
    return final_round(plan) + 1 + length


def target_round(plan: Plan) -> int:
    return length_round(plan, len(plan.shorter))


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
    """Every arm that holds, with its values by seed, or by replicate: the baseline first, then in the plan's order."""
    names = sorted((arm.name for arm in plan.arms), key=lambda name: name != plan.baseline)
    confirm = {name: runs(plan, trials, name) for name in names}
    kept = {name: found for name, found in confirm.items() if holds(found)}
    if plan.replicates == 1:
        return {name: values(found) for name, found in kept.items()}
    return _by_replicate(plan, kept)


def _by_replicate(plan: Plan, confirm: Mapping[str, Sequence[Trial]]) -> dict[str, dict[str, float]]:
    """Means over the seeds that every arm has in a replicate; one without such a seed leaves the table."""
    means: dict[str, dict[str, float]] = {name: {} for name in confirm}
    for replicate in range(plan.replicates):
        found = {name: values([t for t in runs if t.round == replicate]) for name, runs in confirm.items()}
        if seeds := shared(found):
            for name, row in found.items():
                means[name][f"replicate {replicate + 1}"] = fmean(row[seed] for seed in seeds)
    return means


def shared(found: Values) -> tuple[str, ...]:
    """The seeds that every arm has, in the order of the first one: a seed lost in one arm leaves all."""
    rows = list(found.values())
    return tuple(seed for seed in rows[0] if all(seed in row for row in rows)) if rows else ()
