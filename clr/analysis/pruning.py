"""What a search trial must reach at its rungs not to be pruned: from ended earlier rounds of its own arm alone: pure.

Thresholds are fixed when a round opens and travel in the trials' configs, so that a study prunes the same trials on one
worker or fifty, in any order, after any crash. Trials are compared within their arm (and replicate), each where the
shape of its own schedule allows (`clr.plan.rungs`): a trial at its rung against every earlier one at that one's own
last rung that is not later. So none is judged by a run that was trained longer, and a cyclic trial only at the end of
a cycle, by others at ends of theirs.

    median    pruned where worse than the median of the earlier ones
    asha      pruned where not among the best third, itself counted
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from clr import search_space
from clr.plan import ArmPlan, Plan, rungs
from clr.protocol import Direction, Rung
from clr.results import Trial

Standing = Mapping[int, float | None]
"""An earlier trial's metric at each of its rungs, by iteration; None at one that it did not reach."""


def of_round(
    plan: Plan, arm: ArmPlan, points: Sequence[search_space.Params], earlier: Sequence[Trial]
) -> list[tuple[Rung, ...]]:
    """The rungs of each trial of a round, with their thresholds; () each where nothing is pruned.

    A rung without a threshold (fewer than `rungs.ENOUGH` to compare with, as in the first round) is there to be
    evaluated: later rounds are compared with it.

    Args:
        points: parameters of the round's trials.
        earlier: the ended trials, with their curves, of the earlier rounds of the same arm and replicate.
    """
    if plan.pruner == "none":
        return [() for _ in points]
    standings = [_standing(plan, arm, trial) for trial in earlier if trial.outcome in ("done", "diverged", "pruned")]
    return [
        tuple(Rung(iteration=i, threshold=_threshold(plan, i, standings)) for i in _rungs(plan, arm, point))
        for point in points
    ]


def threshold(pruner: str, values: Sequence[float], direction: Direction) -> float | None:
    """The metric below which (for "minimize": above which) a trial is pruned; None where there is too little to say.

    median: the median of the values.
    asha: the k-th best of n values, k = (n + 1) / 3 rounded down, at least 1: a trial that is not worse is among the
    best third once it is counted, too.

    Args:
        pruner: "median" or "asha". values: of earlier trials, the worst possible (an infinity) for one that diverged.

    Source: Golovin et al. 2017, section 3.2 (median stopping); Li et al. 2020 (asynchronous successive halving).

    >>> threshold("median", [0.5, 0.6, 0.7, 0.8, 0.9], "maximize")
    0.7
    >>> threshold("asha", [0.5, 0.6, 0.7, 0.8, 0.9], "maximize")
    0.8
    """
    if len(values) < rungs.ENOUGH:
        return None
    if pruner == "median":
        found = statistics.median(values)
    else:
        kept = max(1, (len(values) + 1) // rungs.REDUCTION)
        found = sorted(values, reverse=direction == "maximize")[kept - 1]
    return float(found) if math.isfinite(found) else None


def _threshold(plan: Plan, iteration: int, standings: Sequence[Standing]) -> float | None:
    comparable = (_last(standing, iteration) for standing in standings)
    values = [value for value in comparable if value is not None]
    return threshold(plan.pruner, values, plan.facts.direction)


def _last(standing: Standing, iteration: int) -> float | None:
    """Where a trial stood at its last rung by an iteration; None without one, or where it was pruned before."""
    reached = [rung for rung in standing if rung <= iteration]
    return standing[max(reached)] if reached else None


def _standing(plan: Plan, arm: ArmPlan, trial: Trial) -> Standing:
    own = _rungs(plan, arm, trial.params)
    if trial.outcome == "diverged":
        worst = -math.inf if plan.facts.direction == "maximize" else math.inf
        return dict.fromkeys(own, worst)
    measured = {e.iteration: e.metrics.get(plan.facts.metric) for e in trial.curve}
    return {rung: measured.get(rung) for rung in own}


def _rungs(plan: Plan, arm: ArmPlan, point: search_space.Params) -> tuple[int, ...]:
    schedule = search_space.schedule(arm.family, arm.constants, arm.parameters, point, plan.iterations)
    every = plan.base.evaluate_every
    return rungs.at(schedule, plan.pruner, iterations=plan.iterations, evaluate_every=every)
