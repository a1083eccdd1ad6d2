"""How a range test runs: ramp, length, evaluations, seeds."""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from dataclasses import dataclass

from torch.optim import Optimizer

from clr.analysis.bounds import Ramp
from clr.errors import InvalidRangeTest

EVALUATIONS, MIN_EVALUATIONS, MIN_LINEAR_EVALUATIONS = 120, 50, 100
ITERATIONS, MIN_ITERATIONS, EPOCHS = 1_000, 300, 4
MAX_DEFAULT_ITERATIONS = 3_000
"""Longer ramps were never compared, and the edge of a longer one moves little: ask for them by `iterations`."""
SGD_RAMP, ADAM_RAMP = (1e-5, 10.0), (1e-6, 1.0)
MIN_RISE = 10.0
"""Highest / lowest rate: less holds no rise and no edge."""


@dataclass(frozen=True)
class Settings:
    """`iterations` is a multiple of `every`, the updates between two evaluations."""

    ramp: Ramp
    low: float
    high: float
    iterations: int
    every: int
    seeds: tuple[int, ...]


def make(
    optimizer: Optimizer,
    epoch: int | None,
    *,
    ramp: Ramp,
    low: float | None,
    high: float | None,
    iterations: int | None,
    evaluations: int,
    seeds: int | Sequence[int],
) -> Settings:
    """Checks what was asked for, and fills in the rest.

    Args:
        epoch: batches in a pass; None where it is not known.

    Raises:
        InvalidRangeTest: something is out of its range.
    """
    length = _length(iterations, epoch)
    least = MIN_LINEAR_EVALUATIONS if ramp == "linear" else MIN_EVALUATIONS
    if not least <= operator.index(evaluations) <= length:
        raise InvalidRangeTest("evaluations", f"must lie in {least} ... {length} (the iterations)", evaluations)
    every = math.ceil(length / evaluations)
    if length // every < least:
        raise InvalidRangeTest("evaluations", f"of {length} iterations come out as fewer than {least}", evaluations)
    first, last = _ends(optimizer, ramp, low, high)
    return Settings(ramp, first, last, every * math.ceil(length / every), every, _seeds(seeds))


def normalizes(optimizer: Optimizer) -> bool:
    """Whether the optimizer divides steps by the gradients' size, as Adam's kind does: its rates are lower."""
    return any("betas" in group or "eps" in group for group in optimizer.param_groups)


def _length(iterations: int | None, epoch: int | None) -> int:
    if iterations is None:
        return min(max(ITERATIONS, EPOCHS * (epoch or 0)), MAX_DEFAULT_ITERATIONS)
    if operator.index(iterations) < MIN_ITERATIONS:
        raise InvalidRangeTest("iterations", f"must be at least {MIN_ITERATIONS} updates", iterations)
    return iterations


def _ends(optimizer: Optimizer, ramp: Ramp, low: float | None, high: float | None) -> tuple[float, float]:
    if ramp not in ("exponential", "linear"):
        raise InvalidRangeTest("ramp", 'must be "exponential" or "linear"', ramp)
    if ramp == "linear":
        if high is None or not 0 < high < math.inf:
            raise InvalidRangeTest(
                "high", "of a linear ramp must be given: 1.5 to 3 times the edge that an exponential one found", high
            )
        if low not in (None, 0):
            raise InvalidRangeTest("low", "of a linear ramp is 0: leave it out", low)
        return 0.0, float(high)
    default = ADAM_RAMP if normalizes(optimizer) else SGD_RAMP
    first, last = default[0] if low is None else low, default[1] if high is None else high
    if not 0 < first < math.inf:
        raise InvalidRangeTest("low", "must be a rate above 0", low)
    if not MIN_RISE * first <= last < math.inf:
        raise InvalidRangeTest("high", f"must be at least {MIN_RISE:g} times low ({first:g})", last)
    return float(first), float(last)


def _seeds(seeds: int | Sequence[int]) -> tuple[int, ...]:
    found = tuple(range(seeds)) if isinstance(seeds, int) else tuple(operator.index(seed) for seed in seeds)
    if not found or len(set(found)) < len(found) or min(found) < 0:
        raise InvalidRangeTest("seeds", "must be a number above 0, or different integers from 0 on", seeds)
    return found
