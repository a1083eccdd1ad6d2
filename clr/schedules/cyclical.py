"""Cyclical learning rates: the rate runs between two bounds, up and down, at a fixed period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from clr.schedules.base import Iterations, Rates, Schedule, base_above_max, between
from clr.schedules.parameters import Choice, Flag, Number
from clr.schedules.scaling import SCALE_MODES, ScaleFunction, scale_factors

_BASE = Number("lowest rate, at the start of each cycle", least=0, role="rate")
_MAX = Number("rate at the peak of the first cycle; not below base_lr", above=0, role="rate")
_UP = Number(
    "iterations from base to peak [iterations], a real number; half a cycle, unless step_size_down is given",
    above=0,
    most=2.0**53,
    role="length",
)
_DOWN = Number(
    "iterations from peak to base [iterations]; step_size if null", above=0, most=2.0**53, role="length", optional=True
)
_WINDOW = Choice("how the rate goes from base to peak", ("triangular", "welch", "hann"))


@dataclass(frozen=True, repr=False)
class Triangular(Schedule):
    """The rate runs in straight lines from base_lr to max_lr and back, each in step_size iterations.

    tri(i) = max(0, 1 - |i / step_size - 2 cycle + 1|) with cycle = floor(1 + i / (2 step_size))
    rate(i) = base_lr + (max_lr - base_lr) * tri(i)

    Args:
        base_lr: lowest rate, float >= 0.
        max_lr: highest rate, float > 0, not below base_lr.
        step_size: half a cycle's length [iterations], float > 0; the paper takes 2 to 10 epochs.
        step_size_down: iterations from peak to base where they differ from step_size [iterations], float > 0.
        window: "triangular"; "welch": the parabola tri (2 - tri); "hann": (1 - cos(pi tri)) / 2, flat at both ends.

    Example:
        >>> Triangular(base_lr=0.25, max_lr=0.75, step_size=2000)(5000)
        0.5

    Source: Smith 2017, section 3.1 (all three windows); torch.optim.lr_scheduler.CyclicLR (step_size_down).
    """

    family: ClassVar[str] = "triangular"
    base_lr: Annotated[float, _BASE]
    max_lr: Annotated[float, _MAX]
    step_size: Annotated[float, _UP]
    step_size_down: Annotated[float | None, _DOWN] = None
    window: Annotated[str, _WINDOW] = "triangular"

    @property
    def cycle(self) -> float:
        return self.step_size + (self.step_size if self.step_size_down is None else self.step_size_down)

    def _rates(self, iterations: Iterations) -> Rates:
        _, height = cycle_position(iterations, self.step_size, self.step_size_down)
        return between(self.base_lr, self.max_lr, windowed(height, self.window))

    def _broken_relation(self) -> tuple[str, str] | None:
        return base_above_max(self.base_lr, self.max_lr)


@dataclass(frozen=True, repr=False)
class Triangular2(Schedule):
    """As triangular, but the height above base_lr is halved at the end of each cycle.

    rate(i) = base_lr + (max_lr - base_lr) * tri(i) / 2 ** (cycle - 1)     (tri, cycle: see Triangular)

    Args:
        base_lr: lowest rate, float >= 0.
        max_lr: highest rate of the first cycle, float > 0, not below base_lr.
        step_size: half a cycle's length [iterations], float > 0.
        step_size_down: iterations from peak to base where they differ from step_size [iterations], float > 0.
        window: "triangular", "welch" or "hann": see Triangular.

    Example:
        >>> Triangular2(base_lr=0.0, max_lr=1.0, step_size=2000)(6000)
        0.5

    Source: Smith 2017, section 3.1 and appendix A.
    """

    family: ClassVar[str] = "triangular2"
    base_lr: Annotated[float, _BASE]
    max_lr: Annotated[float, _MAX]
    step_size: Annotated[float, _UP]
    step_size_down: Annotated[float | None, _DOWN] = None
    window: Annotated[str, _WINDOW] = "triangular"

    @property
    def cycle(self) -> float:
        return self.step_size + (self.step_size if self.step_size_down is None else self.step_size_down)

    def _rates(self, iterations: Iterations) -> Rates:
        cycle, height = cycle_position(iterations, self.step_size, self.step_size_down)
        halvings = np.minimum(cycle, 2000.0).astype(np.int32)  # beyond 2**-1074 a float64 is 0 anyway
        return between(self.base_lr, self.max_lr, np.ldexp(windowed(height, self.window), -halvings))

    def _broken_relation(self) -> tuple[str, str] | None:
        return base_above_max(self.base_lr, self.max_lr)


@dataclass(frozen=True, repr=False)
class ExpRange(Schedule):
    """As triangular, but the height above base_lr shrinks by gamma at every iteration; base_lr stays.

    rate(i) = base_lr + (max_lr - base_lr) * tri(i) * gamma ** i       (tri: see Triangular)
    rate(i) = gamma ** i * (base_lr + (max_lr - base_lr) * tri(i))     with decay_bounds

    Args:
        base_lr: lowest rate (with decay_bounds: at iteration 0), float >= 0.
        max_lr: highest rate if gamma were 1, float > 0, not below base_lr.
        step_size: half a cycle's length [iterations], float > 0.
        gamma: factor per iteration, 0 < gamma <= 1.
        step_size_down: iterations from peak to base where they differ from step_size [iterations], float > 0.
        window: "triangular", "welch" or "hann": see Triangular.
        decay_bounds: both bounds decline, as in the paper's words; else only the height, as in all implementations.

    Example:
        >>> ExpRange(base_lr=0.0, max_lr=1.0, step_size=2, gamma=0.5)(2)
        0.25

    Source: Smith 2017, section 3.1; bckenstler/CLR, torch.optim.lr_scheduler.CyclicLR (without decay_bounds).
    """

    family: ClassVar[str] = "exp_range"
    base_lr: Annotated[float, _BASE]
    max_lr: Annotated[float, _MAX]
    step_size: Annotated[float, _UP]
    gamma: Annotated[
        float, Number("factor of the height above base_lr per iteration", above=0, most=1, role="per iteration")
    ]
    step_size_down: Annotated[float | None, _DOWN] = None
    window: Annotated[str, _WINDOW] = "triangular"
    decay_bounds: Annotated[bool, Flag("both bounds decline by gamma per iteration, not the height alone")] = False

    @property
    def cycle(self) -> float:
        return self.step_size + (self.step_size if self.step_size_down is None else self.step_size_down)

    def _rates(self, iterations: Iterations) -> Rates:
        _, height = cycle_position(iterations, self.step_size, self.step_size_down)
        weight, decline = windowed(height, self.window), np.power(self.gamma, iterations)
        if self.decay_bounds:
            return np.asarray(decline * between(self.base_lr, self.max_lr, weight))
        return between(self.base_lr, self.max_lr, weight * decline)

    def _broken_relation(self) -> tuple[str, str] | None:
        return base_above_max(self.base_lr, self.max_lr)


@dataclass(frozen=True, repr=False)
class Custom(Schedule):
    """As triangular, with the height above base_lr scaled by a function of the cycle or of the iteration.

    rate(i) = base_lr + (max_lr - base_lr) * tri(i) * scale_fn(x)     (tri, cycle: see Triangular)
    with x = cycle (1, 2, ...) or x = i, by scale_mode

    Args:
        base_lr: lowest rate, float >= 0.
        max_lr: rate at a peak where scale_fn is 1, float > 0, not below base_lr.
        step_size: half a cycle's length [iterations], float > 0.
        scale_fn: "constant", "halving" (1 / 2 ** (x - 1)), "inverse" (1 / x), "sine" ((1 + sin(pi x / 2)) / 2); or a
            function of one float at the top of a module; or its import path "module:function", for a module that this
            process trusts (`clr.schedules.trust`): a document from elsewhere must not choose what is imported here.
        scale_mode: "cycle" or "iterations" (counted from the run's start). Stretching does not reach into scale_fn.

    Raises:
        InvalidSchedule: a rate is asked for, and scale_fn is not trusted, can't be imported, or gives no factor >= 0.

    Example:
        >>> Custom(base_lr=0.0, max_lr=1.0, step_size=10, scale_fn="inverse").rates(60)[[10, 30, 50]]
        array([1.        , 0.5       , 0.33333333])

    Source: bckenstler/CLR; "inverse" is the first form of Smith's Caffe patch.
    """

    family: ClassVar[str] = "custom"
    base_lr: Annotated[float, _BASE]
    max_lr: Annotated[float, Number("rate at a peak where scale_fn is 1; not below base_lr", above=0, role="rate")]
    step_size: Annotated[float, Number("half a cycle's length [iterations]", above=0, most=2.0**53, role="length")]
    scale_fn: Annotated[str, ScaleFunction("name of a scale function, or 'module:function' of a trusted module")]
    scale_mode: Annotated[str, Choice("what scale_fn is a function of", SCALE_MODES)] = "cycle"

    @property
    def cycle(self) -> float:
        return 2 * self.step_size

    def _rates(self, iterations: Iterations) -> Rates:
        cycle, height = cycle_position(iterations, self.step_size, None)
        argument = cycle + 1.0 if self.scale_mode == "cycle" else iterations.astype(np.float64)
        return self.base_lr + (self.max_lr - self.base_lr) * height * scale_factors(self.scale_fn, argument)

    def _broken_relation(self) -> tuple[str, str] | None:
        return base_above_max(self.base_lr, self.max_lr)


def cycle_position(iterations: Iterations, step_size: float, step_size_down: float | None) -> tuple[Rates, Rates]:
    """The 0-based cycle of each iteration, and the triangle's height there: 0 at a cycle's ends, 1 at its peak.

    The textbook 1 - |i/s - 2 cycle + 1| loses a digit for every digit of the cycle's number. fmod is exact, so the
    position in the cycle is too, and the height has one rounding however late the iteration.
    """
    up, down = step_size, step_size if step_size_down is None else step_size_down
    period, rest = _exact_sum(up, down)
    count = iterations.astype(np.float64)
    # 1. the position in a cycle of `period`, exactly
    position = np.fmod(count, period)
    cycle = np.rint((count - position) / period)
    # 2. the true period is longer by `rest`: every cycle before this one shifts it
    if rest != 0.0:
        position = position - cycle * rest
        turned = np.floor(position / period)  # -1, 0 or 1: over a cycle's end
        position, cycle = position - turned * period, cycle + turned
    # 3. the height, from the nearer end of the cycle
    height = np.where(position <= up, position / up, (period - position + rest) / down)
    return cycle, np.clip(height, 0.0, 1.0)


def windowed(height: Rates, window: str) -> Rates:
    """The triangle's height bent into another window, 0 and 1 staying where they are."""
    if window == "welch":
        return height * (2.0 - height)
    if window == "hann":
        return (1.0 - np.cos(np.pi * height)) / 2.0
    return height


def _exact_sum(a: float, b: float) -> tuple[float, float]:
    """a + b as the rounded sum and the rest that rounding dropped, exactly (Knuth's two-sum)."""
    total = a + b
    from_b = total - a
    return total, (a - (total - from_b)) + (b - from_b)
