"""Schedules without cycles: constant, staircases, and falls."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from clr.schedules.base import Iterations, Rates, Schedule, base_above_max, between, half_cosine
from clr.schedules.parameters import Count, Milestones, Number

_LR = Number("learning rate at iteration 0", above=0, role="rate")
_START = Number("learning rate at iteration 0", least=0, role="rate")
_END = Number("learning rate from `iterations` on", least=0, role="rate")
_DROP = Number("factor by which the rate is multiplied at each step", above=0)


@dataclass(frozen=True, repr=False)
class Fixed(Schedule):
    """The same rate at every iteration.

    rate(i) = lr

    Args:
        lr: learning rate, float > 0.

    Example:
        >>> Fixed(lr=0.01)(123)
        0.01
    """

    family: ClassVar[str] = "fixed"
    lr: Annotated[float, Number("learning rate", above=0, role="rate")]

    def _rates(self, iterations: Iterations) -> Rates:
        return np.full(iterations.shape, self.lr)


@dataclass(frozen=True, repr=False)
class Step(Schedule):
    """The rate is multiplied by gamma every step_size iterations.

    rate(i) = lr * gamma ** (i // step_size)

    Args:
        lr: learning rate at iteration 0, float > 0.
        gamma: factor of each step, float > 0.
        step_size: length of a step [iterations], int >= 1.

    Example:
        >>> Step(lr=0.5, gamma=0.5, step_size=10)(20)
        0.125

    Source: Caffe's "step" policy; torch.optim.lr_scheduler.StepLR.
    """

    family: ClassVar[str] = "step"
    lr: Annotated[float, _LR]
    gamma: Annotated[float, _DROP]
    step_size: Annotated[int, Count("length of a step [iterations]", role="length")]

    def _rates(self, iterations: Iterations) -> Rates:
        return np.asarray(self.lr * np.power(self.gamma, iterations // self.step_size))


@dataclass(frozen=True, repr=False)
class MultiStep(Schedule):
    """The rate is multiplied by gamma at each milestone.

    rate(i) = lr * gamma ** n     with n = number of milestones <= i

    Args:
        lr: learning rate at iteration 0, float > 0.
        gamma: factor of each step, float > 0.
        milestones: first iterations at the new rate, increasing ints >= 1.

    Example:
        >>> MultiStep(lr=0.5, gamma=0.5, milestones=(60, 80)).rates(81)[[59, 60, 79, 80]]
        array([0.5  , 0.25 , 0.25 , 0.125])

    Source: Caffe's "multistep" policy; torch.optim.lr_scheduler.MultiStepLR.
    """

    family: ClassVar[str] = "multi_step"
    lr: Annotated[float, _LR]
    gamma: Annotated[float, _DROP]
    milestones: Annotated[tuple[int, ...], Milestones("first iterations at the new rate, increasing")]

    def _rates(self, iterations: Iterations) -> Rates:
        drops = np.searchsorted(np.array(self.milestones), iterations, side="right")
        return np.asarray(self.lr * np.power(self.gamma, drops))


@dataclass(frozen=True, repr=False)
class Exponential(Schedule):
    """The rate is multiplied by gamma at every iteration; with gamma above 1 it is the ramp of an LR range test.

    rate(i) = lr * gamma ** i

    Args:
        lr: learning rate at iteration 0, float > 0.
        gamma: factor per iteration, float > 0. Above 1 the rate is infinite once it leaves float64's range.

    Example:
        >>> Exponential(lr=1.0, gamma=0.5)(3)
        0.125

    Source: Smith 2017, section 4.1.1 ("exp"); Caffe's "exp" policy; torch.optim.lr_scheduler.ExponentialLR.
    """

    family: ClassVar[str] = "exponential"
    lr: Annotated[float, _LR]
    gamma: Annotated[
        float, Number("factor by which the rate is multiplied at each iteration", above=0, role="per iteration")
    ]

    def _rates(self, iterations: Iterations) -> Rates:
        return np.asarray(self.lr * np.power(self.gamma, iterations))


@dataclass(frozen=True, repr=False)
class Inverse(Schedule):
    """The rate falls like a power of the iteration, ever more slowly.

    rate(i) = lr * (1 + gamma * i) ** -power

    Args:
        lr: learning rate at iteration 0, float > 0.
        gamma: 1 / gamma is the iteration at which the rate has fallen by 2 ** power [1 / iterations], float > 0.
        power: float > 0.

    Example:
        >>> Inverse(lr=1.0, gamma=0.5, power=2.0)(2)
        0.25

    Source: Caffe's "inv" policy.
    """

    family: ClassVar[str] = "inverse"
    lr: Annotated[float, _LR]
    gamma: Annotated[float, Number("speed of the fall [1 / iterations]", above=0, role="frequency")]
    power: Annotated[float, Number("power of the fall", above=0)]

    def _rates(self, iterations: Iterations) -> Rates:
        # (1 + gamma i) ** -power would multiply the rounding of the sum by power
        return np.asarray(self.lr * np.exp(-self.power * np.log1p(self.gamma * iterations)))


@dataclass(frozen=True, repr=False)
class Polynomial(Schedule):
    """The rate falls from lr to end_lr along a power of the iterations that are left, then stays.

    rate(i) = end_lr + (lr - end_lr) * (1 - min(i, iterations) / iterations) ** power

    Args:
        lr: learning rate at iteration 0, float >= 0.
        end_lr: learning rate from `iterations` on, float >= 0.
        power: float > 0; 1 is `linear`.
        iterations: length of the fall [iterations], int >= 1.

    Example:
        >>> Polynomial(lr=1.0, end_lr=0.0, power=2.0, iterations=100)(50)
        0.25

    Source: Caffe's "poly" policy; torch.optim.lr_scheduler.PolynomialLR (both with end_lr = 0).
    """

    family: ClassVar[str] = "polynomial"
    lr: Annotated[float, _START]
    end_lr: Annotated[float, _END]
    power: Annotated[float, Number("power of the fall; 1 is linear", above=0)]
    iterations: Annotated[int, Count("length of the fall [iterations]", role="length")]

    @property
    def length(self) -> int:
        return self.iterations

    def _rates(self, iterations: Iterations) -> Rates:
        done = np.minimum(iterations, self.iterations) / self.iterations
        left = (self.iterations - np.minimum(iterations, self.iterations)) / self.iterations
        # near the start 1 - done is rounded, and a large power would multiply that; near the end log1p would
        early = np.exp(self.power * np.log1p(-np.minimum(done, 0.5)))
        return between(self.end_lr, self.lr, np.where(done < 0.5, early, np.power(left, self.power)))


@dataclass(frozen=True, repr=False)
class Linear(Schedule):
    """The rate goes in a straight line from lr to end_lr, then stays; end_lr above lr is a linear range-test ramp.

    rate(i) = lr + (end_lr - lr) * min(i, iterations) / iterations

    Args:
        lr: learning rate at iteration 0, float >= 0.
        end_lr: learning rate from `iterations` on, float >= 0.
        iterations: length of the line [iterations], int >= 1.

    Example:
        >>> Linear(lr=1.0, end_lr=0.0, iterations=100)(75)
        0.25

    Source: Li, Yumer, Ramanan 2020 (budgeted training); torch.optim.lr_scheduler.LinearLR.
    """

    family: ClassVar[str] = "linear"
    lr: Annotated[float, _START]
    end_lr: Annotated[float, _END]
    iterations: Annotated[int, Count("length of the line [iterations]", role="length")]

    @property
    def length(self) -> int:
        return self.iterations

    def _rates(self, iterations: Iterations) -> Rates:
        return between(self.lr, self.end_lr, np.minimum(iterations, self.iterations) / self.iterations)


@dataclass(frozen=True, repr=False)
class Decay(Schedule):
    """The rate falls in a straight line from max_lr to base_lr in step_size iterations, then stays.

    rate(i) = max_lr - (max_lr - base_lr) * min(i, step_size) / step_size

    Args:
        base_lr: learning rate from step_size on, float >= 0.
        max_lr: learning rate at iteration 0, float > 0, not below base_lr.
        step_size: length of the fall [iterations], float > 0.

    Example:
        >>> Decay(base_lr=0.25, max_lr=0.75, step_size=4000)(2000)
        0.5

    Source: Smith 2017, section 4.1.1: the control that falls as a cycle does, but never rises again.
    """

    family: ClassVar[str] = "decay"
    base_lr: Annotated[float, Number("learning rate from step_size on", least=0, role="rate")]
    max_lr: Annotated[float, Number("learning rate at iteration 0; not below base_lr", above=0, role="rate")]
    step_size: Annotated[float, Number("length of the fall [iterations]", above=0, most=2.0**53, role="length")]

    def _rates(self, iterations: Iterations) -> Rates:
        return between(self.max_lr, self.base_lr, np.minimum(iterations / self.step_size, 1.0))

    def _broken_relation(self) -> tuple[str, str] | None:
        return base_above_max(self.base_lr, self.max_lr)


@dataclass(frozen=True, repr=False)
class Cosine(Schedule):
    """The rate falls along half a cosine from lr to end_lr, then stays.

    rate(i) = end_lr + (lr - end_lr) * (1 + cos(pi * min(i, iterations) / iterations)) / 2

    Args:
        lr: learning rate at iteration 0, float >= 0.
        end_lr: learning rate from `iterations` on, float >= 0.
        iterations: length of the fall [iterations], int >= 1.

    Example:
        >>> Cosine(lr=1.0, end_lr=0.0, iterations=100)(100)
        0.0

    Source: Loshchilov, Hutter 2017 (SGDR), without restarts; torch.optim.lr_scheduler.CosineAnnealingLR, which
    swings back up after its T_max where this one stays.
    """

    family: ClassVar[str] = "cosine"
    lr: Annotated[float, _START]
    end_lr: Annotated[float, _END]
    iterations: Annotated[int, Count("length of the fall [iterations]", role="length")]

    @property
    def length(self) -> int:
        return self.iterations

    def _rates(self, iterations: Iterations) -> Rates:
        return between(self.end_lr, self.lr, half_cosine(np.minimum(iterations, self.iterations) / self.iterations))
