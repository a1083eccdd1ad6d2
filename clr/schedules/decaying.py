"""Schedules without cycles: constant, staircase, exponential, and decays over a known length."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from clr.schedules.base import Iterations, Rates, Schedule, between
from clr.schedules.parameters import Count, Number


@dataclass(frozen=True)
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
    lr: Annotated[float, Number("learning rate", above=0)]

    def _rates(self, iterations: Iterations) -> Rates:
        return np.full(iterations.shape, self.lr)


@dataclass(frozen=True)
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
    lr: Annotated[float, Number("learning rate at iteration 0", above=0)]
    gamma: Annotated[float, Number("factor by which the rate is multiplied at each step", above=0)]
    step_size: Annotated[int, Count("length of a step [iterations]")]

    def _rates(self, iterations: Iterations) -> Rates:
        return np.asarray(self.lr * np.power(self.gamma, iterations // self.step_size))


@dataclass(frozen=True)
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
    lr: Annotated[float, Number("learning rate at iteration 0", above=0)]
    gamma: Annotated[float, Number("factor by which the rate is multiplied at each iteration", above=0)]

    def _rates(self, iterations: Iterations) -> Rates:
        return np.asarray(self.lr * np.power(self.gamma, iterations))


@dataclass(frozen=True)
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
    lr: Annotated[float, Number("learning rate at iteration 0", least=0)]
    end_lr: Annotated[float, Number("learning rate from `iterations` on", least=0)]
    iterations: Annotated[int, Count("length of the line [iterations]")]

    def _rates(self, iterations: Iterations) -> Rates:
        return between(self.lr, self.end_lr, np.minimum(iterations, self.iterations) / self.iterations)


@dataclass(frozen=True)
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
    lr: Annotated[float, Number("learning rate at iteration 0", least=0)]
    end_lr: Annotated[float, Number("learning rate from `iterations` on", least=0)]
    iterations: Annotated[int, Count("length of the fall [iterations]")]

    def _rates(self, iterations: Iterations) -> Rates:
        done = np.minimum(iterations, self.iterations) / self.iterations
        return between(self.end_lr, self.lr, (1.0 + np.cos(np.pi * done)) / 2.0)
