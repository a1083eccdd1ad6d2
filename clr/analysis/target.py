"""Iterations to a target on validation curves: when had a run reached it for good enough?

A single evaluation crosses a target by luck (with 50 evaluations one standard deviation below it, almost surely), so a
target counts as reached at the first of two evaluations in a row at or beyond it. Cyclic schedules dip between their
cycles' ends, where nobody would stop: every arm is judged at stop points, ends of its own cycles or, for the rest, the
same spacing. Two in a row take two stop points: a spacing that leaves one is imposed on nobody, and a cyclic arm with a
single cycle has no number.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import median

from clr import search_space
from clr.analysis import confirmed
from clr.errors import InvalidNumbers
from clr.plan import ArmPlan, Plan
from clr.protocol import Direction
from clr.resources import ToTarget
from clr.results import Evaluation, Trial
from clr.schedules import Schedule


def iterations_to(
    curve: Iterable[Evaluation], metric: str, target: float, direction: Direction = "maximize"
) -> int | None:
    """Iteration of the first of two evaluations in a row at or beyond the target, else None.

    Args:
        curve: evaluations in any order; those without the metric are left out.
        metric: name of the validation metric.
        target: in the metric's own unit (a fraction, not percent).
        direction: "maximize" reaches it from below, "minimize" from above.

    Raises:
        InvalidNumbers: the target is not finite.
    """
    if not math.isfinite(target):
        raise InvalidNumbers("target", "must be finite", target)
    sign = 1.0 if direction == "maximize" else -1.0
    measured = sorted((e.iteration, e.metrics[metric]) for e in curve if metric in e.metrics)
    for (iteration, value), (_, following) in pairwise(measured):
        if sign * value >= sign * target and sign * following >= sign * target:
            return iteration
    return None


def cycle(plan: Plan, arm: ArmPlan, schedule: Schedule) -> float | None:
    """Length of an arm's cycles [iterations]; None for an arm without, or with cycles that differ in length."""
    length = schedule.cycle if "cycles" in search_space.coordinates(arm.family) else None
    if length is None or schedule.to_dict().get("period_multiplier", 1) != 1:
        return None
    return min(float(length), float(plan.iterations))


def leaves_two(plan: Plan, spacing: float) -> bool:
    """Whether a run of the plan's length has two stop points at this spacing [iterations] (the nearest evaluations)."""
    return _stop_points(plan.iterations, spacing) >= 2


def _stop_points(iterations: int, spacing: float) -> int:
    """Whole spacings in a run; a cycle that is cut off by the run's end has no end to stop at."""
    return int(iterations / spacing + 1e-6)  # iterations / (iterations / n) may round to just below n


def at_stop_points(curve: Sequence[Evaluation], spacing: float | None) -> tuple[Evaluation, ...]:
    """The evaluations nearest to multiples of `spacing` [iterations], each once; all where there is no spacing."""
    if spacing is None or not curve:
        return tuple(curve)
    ordered = sorted(curve, key=lambda e: e.iteration)
    at = [e.iteration for e in ordered]
    kept: dict[int, Evaluation] = {}
    for k in range(1, _stop_points(at[-1], spacing) + 1):
        place = bisect.bisect_left(at, k * spacing)
        near = [i for i in (place - 1, place) if 0 <= i < len(at)]
        chosen = ordered[min(near, key=lambda i: (abs(at[i] - k * spacing), i))]
        kept[chosen.iteration] = chosen
        if len(kept) == len(at):
            break
    return tuple(kept[iteration] for iteration in sorted(kept))


def of_baseline(plan: Plan, trials: Sequence[Trial]) -> float | None:
    """The target: given, or the median final validation value of the baseline's extra runs; None without either."""
    if plan.target is not None:
        return plan.target
    last = [
        run.curve[-1].metrics[plan.facts.metric]
        for run in confirmed.target_runs(plan, trials)
        if run.outcome == "done" and run.curve and plan.facts.metric in run.curve[-1].metrics
    ]
    return float(median(last)) if last else None


def why_none(plan: Plan, trials: Sequence[Trial], *, confirmed_all: bool) -> str:
    """Why no arm has iterations to a target so far; "" where each has them, or a reason of its own.

    Args:
        confirmed_all: whether the confirm phase is over.
    """
    if plan.target is None and not plan.target_seeds:
        return "the spec states no target: iterations to one are given where it has `target` or `target_seeds`"
    if not confirmed_all:
        return "iterations to the target are given once every confirm run has ended"
    if of_baseline(plan, trials) is None:
        return f"none of the {len(plan.target_seeds)} runs of {plan.baseline} that set the target came to a value"
    return ""


def summary(
    curves: Mapping[str, Sequence[Evaluation]],
    metric: str,
    target: float,
    direction: Direction = "maximize",
    too_few: str = "",
) -> ToTarget:
    """Per seed and over seeds; `reason` says why a seed, or the median, has no number.

    Args:
        curves: validation curve of each finished run at its stop points, by seed.
        too_few: why the runs have fewer than two stop points, where that lies in the schedule, not in the evaluations.
    """
    counts = [sum(metric in e.metrics for e in curve) for curve in curves.values()]
    gaps = [b.iteration - a.iteration for curve in curves.values() for a, b in pairwise(curve)]
    per_seed = {seed: iterations_to(curve, metric, target, direction) for seed, curve in curves.items()}
    reached = [iteration for iteration in per_seed.values() if iteration is not None]
    return ToTarget(
        target=target,
        reached=len(reached),
        of=len(per_seed),
        median=float(median(reached)) if reached else None,
        per_seed=per_seed,
        reason=_reason(curves, metric, len(reached), too_few),
        stop_points=max(counts) if counts else None,
        spacing=max(gaps) if gaps else None,
    )


def _reason(curves: Mapping[str, Sequence[Evaluation]], metric: str, reached: int, too_few: str) -> str:
    if not curves:
        return "no confirm run has finished"
    if reached == len(curves):
        return ""
    if all(sum(metric in e.metrics for e in curve) < 2 for curve in curves.values()):
        return too_few or f"no run has two evaluations of {metric} where a user could stop: evaluate more often"
    missed = len(curves) - reached
    return f"{missed} of {len(curves)} runs never held the target for two evaluations in a row"
