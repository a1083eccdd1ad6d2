"""Iterations to a target on validation curves: when had a run reached it for good enough?

A single evaluation crosses a target by luck (with 50 evaluations one standard deviation below it, almost surely), so a
target counts as reached at the first of two evaluations in a row at or beyond it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from statistics import median

from clr.analysis.selection import Direction
from clr.errors import InvalidNumbers
from clr.resources import ToTarget
from clr.results import Evaluation


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


def summary(
    curves: Mapping[str, Sequence[Evaluation]], metric: str, target: float, direction: Direction = "maximize"
) -> ToTarget:
    """Per seed and over seeds; `reason` says why a seed, or the median, has no number.

    Args:
        curves: validation curve of each finished run, by seed.
    """
    per_seed = {seed: iterations_to(curve, metric, target, direction) for seed, curve in curves.items()}
    reached = [iteration for iteration in per_seed.values() if iteration is not None]
    return ToTarget(
        target=target,
        reached=len(reached),
        of=len(per_seed),
        median=float(median(reached)) if reached else None,
        per_seed=per_seed,
        reason=_reason(curves, metric, len(reached)),
    )


def _reason(curves: Mapping[str, Sequence[Evaluation]], metric: str, reached: int) -> str:
    if not curves:
        return "no confirm run has finished"
    if reached == len(curves):
        return ""
    if all(sum(metric in e.metrics for e in curve) < 2 for curve in curves.values()):
        return f"no run has two evaluations of {metric}: evaluate more often"
    missed = len(curves) - reached
    return f"{missed} of {len(curves)} runs never held the target for two evaluations in a row"
