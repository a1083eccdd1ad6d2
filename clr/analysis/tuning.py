"""What tuning is worth: the best of k search trials to be expected, from trials that were drawn at random."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from clr.errors import InvalidNumbers
from clr.plan import Plan
from clr.protocol import Direction
from clr.resources import TuningPoint
from clr.results import Trial

RANDOM_AT_FIRST = ("tpe", "gp", "cma-es")


def expected_best(values: ArrayLike, k: int, direction: Direction = "maximize") -> float:
    """Mean of the best of k values over every choice of k out of n: unbiased for a fresh random search of k trials.

    sum over i = k .. n of C(i - 1, k - 1) / C(n, k) x_(i), with x_(1) <= ... <= x_(n) (for "minimize": mirrored).

    Args:
        values: validation metric of independent trials [n]: a search's random round, not those that a sampler steered;
            a diverged trial stands as the worst finite value of its arm.
        k: 1 <= k <= n.

    Raises:
        InvalidNumbers: a value is not finite, or k is out of range.

    Source: Tang et al. 2020, "Showing Your Work Doesn't Always Work" (the estimator of Dodge et al. 2019 is biased).

    >>> expected_best([0.1, 0.2, 0.3], 2)
    0.26666666666666666
    """
    sign = 1.0 if direction == "maximize" else -1.0
    row = np.sort(sign * np.asarray(values, dtype=np.float64))
    if row.ndim != 1 or not np.isfinite(row).all():
        raise InvalidNumbers("values", "must be one finite value a trial", np.asarray(values).tolist())
    if not 1 <= k <= len(row):
        raise InvalidNumbers("k", f"must lie between 1 and the number of trials ({len(row)})", k)
    weights = np.array([math.comb(i - 1, k - 1) / math.comb(len(row), k) for i in range(k, len(row) + 1)])
    return float(sign * weights @ row[k - 1 :])


def curve(plan: Plan, search: Sequence[Trial]) -> tuple[TuningPoint, ...]:
    """What 1, 2, 4, 8 ... trials of an arm are expected to find, from those that were drawn at random.

    These are the first round of its search, which is never pruned, or where the sampler is random and nothing is pruned
    (survivors are no random draw) every round in the interval that was searched at first; a diverged trial stands as
    the worst finite value. () where none finished, or nothing was drawn at random (grid, qmc).
    """
    rounds = _random_rounds(plan, search)
    drawn = [t for t in search if t.outcome in ("done", "diverged") and t.round in rounds]
    finite = [t.value for t in drawn if t.value is not None and math.isfinite(t.value)]
    if not finite:
        return ()
    worst = min(finite) if plan.facts.direction == "maximize" else max(finite)
    values = [*finite, *[worst] * (len(drawn) - len(finite))]
    counts = [2**power for power in range(len(values).bit_length())]
    return tuple(TuningPoint(trials=k, value=expected_best(values, k, plan.facts.direction)) for k in counts)


def _random_rounds(plan: Plan, search: Sequence[Trial]) -> range:
    if plan.sampler in RANDOM_AT_FIRST or (plan.sampler == "random" and plan.pruner != "none"):
        return range(1)
    if plan.sampler != "random" or not search:
        return range(0)
    arm = plan.arm(search[0].arm)
    last = len(arm.rounds) * plan.replicates
    return range(min(plan.widenings(arm.name), default=last))
