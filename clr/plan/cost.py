"""What a plan will take: its work by phase and arm, and with a measured pace its device time. Pure."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator

from clr.plan.ledger import ArmPlan, Plan
from clr.protocol import Pace, TrialConfig
from clr.results import Phase
from clr.turns import Work

FINALISTS = 3
"""Arms that are confirmed at most where a study confirms finalists only."""
DRIFT = 1.5
"""A study that will take more than this many times its estimate has drifted."""
DRIFT_FLOOR = 600.0
"""A study that is to end within so many device seconds never counts as drifted: a busy machine alone does that."""


def workload(config: TrialConfig) -> str:
    """A name for everything that an update's time hangs on: the same for all trials that train at one pace."""
    parts = {"task", "task_options", "model", "model_options", "batch_size", "optimizer", "training"}
    text = json.dumps(config.model_dump(mode="json", include=parts), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def work(plan: Plan, pace: Pace | None = None) -> tuple[Work, ...]:
    """All that a plan may train, reruns of the range test aside; failures and early ends make it less."""
    rows = [*_range_test(plan), *(_search(plan, arm) for arm in plan.arms), *_confirm(plan)]
    return tuple(row.model_copy(update={"seconds": _seconds(row, pace)}) for row in rows) if pace else tuple(rows)


def seconds(plan: Plan, pace: Pace) -> float:
    """Device time of all trials: updates and evaluations, without what loading data and starting up take."""
    return sum(_seconds(row, pace) for row in work(plan))


def iterations(plan: Plan) -> int:
    """Updates of all trials."""
    return sum(row.iterations for row in work(plan))


def projected(used: float, ended: int, plan: Plan, pace: Pace) -> float:
    """Device time that a study under way will have taken at its end: used + what is left, at this pace.

    Args:
        used: device time so far [s].
        ended: planned iterations of the slots that have an outcome; evaluations are taken to go along with them.
    """
    share_left = 1 - min(1.0, ended / max(1, iterations(plan)))
    return used + share_left * seconds(plan, pace)


def has_drifted(projected_seconds: float, estimated_seconds: float) -> bool:
    """
    >>> has_drifted(4000, 2000), has_drifted(2900, 2000), has_drifted(500, 10)
    (True, False, False)
    """
    return projected_seconds > max(DRIFT * estimated_seconds, DRIFT_FLOOR)


def in_words(seconds: float) -> str:
    """
    >>> in_words(42.0), in_words(1800.0), in_words(44_300.0)
    ('42 device seconds', '0.5 device hours', '12.3 device hours')
    """
    return f"{seconds:.3g} device seconds" if seconds < 360 else f"{seconds / 3600:.3g} device hours"


def _seconds(row: Work, pace: Pace) -> float:
    return row.iterations * pace.iteration_seconds + row.evaluations * pace.evaluation_seconds


def _range_test(plan: Plan) -> Iterator[Work]:
    ramp = plan.range_test
    if ramp is not None:
        runs = len(ramp.seeds)
        evaluations = runs * math.ceil(ramp.iterations / ramp.evaluate_every)
        yield Work(phase="range-test", arm="", trials=runs, iterations=runs * ramp.iterations, evaluations=evaluations)


def _search(plan: Plan, arm: ArmPlan) -> Work:
    trials = arm.trials * plan.replicates
    return _runs("search", arm.name, plan, {plan.iterations: trials}, tests=0.0)


def _confirm(plan: Plan) -> Iterator[Work]:
    test = plan.facts.test_size / plan.facts.validation_size if plan.facts.validation_size else 1.0
    seeds = len(plan.all_confirm_seeds)
    lengths = dict.fromkeys([*plan.shorter, plan.iterations], seeds)
    lengths[plan.iterations] += len(plan.final_seeds)
    known = plan.confirm == "all" or len(plan.arms) <= FINALISTS
    for name in [arm.name for arm in plan.arms] if known else [""] * FINALISTS:
        target = {plan.iterations: len(plan.target_seeds) if name in (plan.baseline, "") else 0}
        runs = {length: count + target.get(length, 0) for length, count in lengths.items()}
        yield _runs("confirm", name, plan, runs, tests=test)


def _runs(phase: Phase, arm: str, plan: Plan, runs: dict[int, int], *, tests: float) -> Work:
    """So many trials of each length, evaluated as often whatever the length, and tested once each."""
    each = math.ceil(plan.iterations / plan.base.evaluate_every)
    trials = sum(runs.values())
    return Work(
        phase=phase,
        arm=arm,
        trials=trials,
        iterations=sum(length * count for length, count in runs.items()),
        evaluations=trials * (each + tests),
    )
