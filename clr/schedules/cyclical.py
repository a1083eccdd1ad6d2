"""Cyclical learning rates: the rate runs between two bounds, up and down, at a fixed period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import numpy.typing as npt

from clr.schedules.base import Iterations, Rates, Schedule, between
from clr.schedules.parameters import Number

_BASE = Number("lowest rate, at the start of each cycle", least=0)
_MAX = Number("rate at the peak of the first cycle; not below base_lr", above=0, not_below="base_lr")
_STEP = Number("half a cycle's length [iterations], a real number", above=0)


@dataclass(frozen=True)
class Triangular(Schedule):
    """The rate runs in straight lines from base_lr to max_lr and back, each in step_size iterations.

    tri(i) = max(0, 1 - |i / step_size - 2 cycle + 1|) with cycle = floor(1 + i / (2 step_size))
    rate(i) = base_lr + (max_lr - base_lr) * tri(i)

    Args:
        base_lr: lowest rate, float >= 0.
        max_lr: highest rate, float > 0, not below base_lr.
        step_size: half a cycle's length [iterations], float > 0; the paper takes 2 to 10 epochs.

    Example:
        >>> Triangular(base_lr=0.25, max_lr=0.75, step_size=2000)(5000)
        0.5

    Source: Smith 2017, section 3.1.
    """

    family: ClassVar[str] = "triangular"
    base_lr: Annotated[float, _BASE]
    max_lr: Annotated[float, _MAX]
    step_size: Annotated[float, _STEP]

    def _rates(self, iterations: Iterations) -> Rates:
        _, height = cycle_position(iterations, self.step_size)
        return between(self.base_lr, self.max_lr, height)


@dataclass(frozen=True)
class Triangular2(Schedule):
    """As triangular, but the height above base_lr is halved at the end of each cycle.

    rate(i) = base_lr + (max_lr - base_lr) * tri(i) / 2 ** (cycle - 1)     (tri, cycle: see Triangular)

    Args:
        base_lr: lowest rate, float >= 0.
        max_lr: highest rate of the first cycle, float > 0, not below base_lr.
        step_size: half a cycle's length [iterations], float > 0.

    Example:
        >>> Triangular2(base_lr=0.0, max_lr=1.0, step_size=2000)(6000)
        0.5

    Source: Smith 2017, section 3.1 and appendix A.
    """

    family: ClassVar[str] = "triangular2"
    base_lr: Annotated[float, _BASE]
    max_lr: Annotated[float, _MAX]
    step_size: Annotated[float, _STEP]

    def _rates(self, iterations: Iterations) -> Rates:
        cycle, height = cycle_position(iterations, self.step_size)
        halvings = np.minimum(cycle, 2000.0).astype(np.int32)  # beyond 2**-1074 a float64 is 0 anyway
        return between(self.base_lr, self.max_lr, np.ldexp(height, -halvings))


@dataclass(frozen=True)
class ExpRange(Schedule):
    """As triangular, but the height above base_lr shrinks by gamma at every iteration; base_lr stays.

    rate(i) = base_lr + (max_lr - base_lr) * tri(i) * gamma ** i     (tri: see Triangular)

    Args:
        base_lr: lowest rate, float >= 0.
        max_lr: highest rate if gamma were 1, float > 0, not below base_lr.
        step_size: half a cycle's length [iterations], float > 0.
        gamma: factor of the height per iteration, 0 < gamma <= 1.

    Example:
        >>> ExpRange(base_lr=0.0, max_lr=1.0, step_size=2, gamma=0.5)(2)
        0.25

    Source: Smith 2017, section 3.1, in the form of its implementations (bckenstler/CLR, torch CyclicLR): the paper's
    words let both bounds decline.
    """

    family: ClassVar[str] = "exp_range"
    base_lr: Annotated[float, _BASE]
    max_lr: Annotated[float, _MAX]
    step_size: Annotated[float, _STEP]
    gamma: Annotated[float, Number("factor of the height above base_lr per iteration", above=0, most=1)]

    def _rates(self, iterations: Iterations) -> Rates:
        _, height = cycle_position(iterations, self.step_size)
        return between(self.base_lr, self.max_lr, height * np.power(self.gamma, iterations))


def cycle_position(iterations: Iterations, step_size: float) -> tuple[Rates, npt.NDArray[np.float64]]:
    """The 0-based cycle of each iteration, and the triangle's height there: 0 at a cycle's ends, 1 at its peak.

    The textbook 1 - |i/s - 2 cycle + 1| loses a digit for every digit of the cycle's number. fmod is exact, so the
    position in the cycle is too, and the height has one rounding however late the iteration.
    """
    # a doubled denormal or an infinite period is harmless: fmod stays exact
    period = 2.0 * step_size
    count = iterations.astype(np.float64)
    position = np.fmod(count, period)
    cycle = np.rint((count - position) / period)
    height = np.minimum(position, period - position) / step_size if np.isfinite(period) else position / step_size
    return cycle, np.minimum(height, 1.0)
