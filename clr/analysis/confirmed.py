"""Which confirm runs an arm has, and the table of their values that arms are compared by: pure.

Rounds of the confirm phase: one for each planned look (or replicate), then the final one, in which the best set runs
once more, then one for each shorter length, then the baseline's runs that set the target. Each extension adds such
rounds, with one for what is compared. After further search trials an arm's runs are those of its finalist of today.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from statistics import fmean

from clr.analysis import selection
from clr.plan import Plan
from clr.results import Outcome, Trial

Values = Mapping[str, Mapping[str, float]]
"""arm -> seed -> test metric of that seed's run."""
COMPARED, FINAL, SHORTER = 0, 1, 2
"""What a round is for; SHORTER + k: the k-th shorter length; after those: the target."""


def runs(plan: Plan, trials: Sequence[Trial], arm: str) -> list[Trial]:
    """The runs of an arm that are compared with the other arms', in order of their number."""
    return _of(plan, trials, arm, COMPARED)


def final_runs(plan: Plan, trials: Sequence[Trial], arm: str) -> list[Trial]:
    """The runs of a member of the best set on fresh seeds, in order of their number."""
    return _of(plan, trials, arm, FINAL)


def runs_at(plan: Plan, trials: Sequence[Trial], arm: str, length: int) -> list[Trial]:
    """The runs of an arm at a shorter length; `length`: its index in `plan.shorter`."""
    return _of(plan, trials, arm, SHORTER + length)


def target_runs(plan: Plan, trials: Sequence[Trial]) -> list[Trial]:
    """The baseline's runs that set the target and are used for nothing else."""
    return _of(plan, trials, plan.baseline, SHORTER + len(plan.shorter))


def superseded(plan: Plan, trials: Sequence[Trial], arm: str) -> list[Trial]:
    """Compared runs of an arm's former finalists: an extension's search has found a better one."""
    if not plan.extensions:
        return []
    kept = {trial.number for trial in runs(plan, trials, arm)}
    return [t for t in _in(_rounds(plan, COMPARED), trials) if t.arm == arm and t.number not in kept]


def seeds_in_use(plan: Plan, trials: Sequence[Trial]) -> tuple[int, ...]:
    """Confirm seeds that some arm was compared on, in the plan's order: planned looks may have stopped early."""
    used = {trial.seed for trial in _in(_rounds(plan, COMPARED), trials)}
    return tuple(seed for seed in plan.all_confirm_seeds if seed in used)


def unplanned_looks(plan: Plan, trials: Sequence[Trial]) -> int:
    """Extensions that brought confirm runs to be compared, each after an answer could be seen."""
    looks = {compared_round(plan, part) for part in range(1, len(plan.extensions) + 1)}
    return len(looks & {trial.round for trial in trials if trial.phase == "confirm"})


def final_round(plan: Plan, part: int = 0) -> int:
    """Of the plan as submitted, or of its `part`-th extension; so below."""
    if part:
        return compared_round(plan, part) + FINAL
    return plan.replicates if plan.replicates > 1 else len(plan.planned_looks)


def length_round(plan: Plan, length: int, part: int = 0) -> int:
    return final_round(plan, part) + 1 + length


def target_round(plan: Plan, part: int = 0) -> int:
    return length_round(plan, len(plan.shorter), part)


def compared_round(plan: Plan, part: int) -> int:
    """Of an extension, >= 1: its first round."""
    return target_round(plan) + 1 + (part - 1) * _rounds_of_an_extension(plan)


def _rounds_of_an_extension(plan: Plan) -> int:
    return SHORTER + len(plan.shorter) + 1


def _rounds(plan: Plan, purpose: int) -> frozenset[int]:
    """Every round for this purpose: of the plan as submitted, and of its extensions."""
    parts = range(len(plan.extensions) + 1)
    if purpose != COMPARED:
        return frozenset(final_round(plan, part) - FINAL + purpose for part in parts)
    return frozenset([*range(final_round(plan)), *(compared_round(plan, part) for part in parts[1:])])


def _in(rounds: frozenset[int], trials: Sequence[Trial]) -> Iterator[Trial]:
    return (trial for trial in trials if trial.phase == "confirm" and trial.round in rounds)


def _of(plan: Plan, trials: Sequence[Trial], arm: str, purpose: int) -> list[Trial]:
    """The runs of an arm's finalist of today, by number."""
    found = [trial for trial in _in(_rounds(plan, purpose), trials) if trial.arm == arm]
    if plan.extensions:
        search = (trial for trial in trials if trial.phase == "search" and trial.arm == arm)
        finalist = selection.finalist(search, plan.facts.direction)
        found = [trial for trial in found if finalist is not None and trial.params == finalist.params]
    return sorted(found, key=lambda trial: trial.number)


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
