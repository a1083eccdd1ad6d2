"""Warm restarts: a fall that begins again, over longer and longer periods."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Annotated, ClassVar

import numpy as np

from clr.schedules.base import Iterations, Rates, Schedule, between, half_cosine
from clr.schedules.parameters import Count, Number


@dataclass(frozen=True, repr=False)
class CosineRestarts(Schedule):
    """The rate falls along half a cosine from lr to end_lr, jumps back to lr, and again over the next period.

    rate(i) = end_lr + (lr - end_lr) * (1 + cos(pi * t / T)) / 2
    with T = period * period_multiplier ** restarts so far, t = iterations since the last restart

    Args:
        lr: learning rate at each restart, float >= 0.
        end_lr: learning rate that each period falls to, float >= 0.
        period: length of the first period [iterations], float > 0.
        period_multiplier: factor of each period's length to the one before, int >= 1.

    Example:
        >>> CosineRestarts(lr=1.0, end_lr=0.0, period=10, period_multiplier=2).rates(31)[[0, 5, 10, 20, 30]]
        array([1. , 0.5, 1. , 0.5, 1. ])

    Source: Loshchilov, Hutter 2017 (SGDR); torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.
    """

    family: ClassVar[str] = "cosine_restarts"
    lr: Annotated[float, Number("learning rate at each restart", least=0, role="rate")]
    end_lr: Annotated[float, Number("learning rate that each period falls to", least=0, role="rate")]
    period: Annotated[float, Number("length of the first period [iterations]", above=0, most=2.0**53, role="length")]
    period_multiplier: Annotated[int, Count("factor of each period's length to the one before", most=1000)] = 1

    @property
    def cycle(self) -> float:
        return self.period

    def _rates(self, iterations: Iterations) -> Rates:
        done = self._done_of_even_periods(iterations) if self.period_multiplier == 1 else self._done(iterations)
        return between(self.end_lr, self.lr, half_cosine(done))

    def _done_of_even_periods(self, iterations: Iterations) -> Rates:
        return np.asarray(np.fmod(iterations.astype(np.float64), self.period) / self.period)

    def _done(self, iterations: Iterations) -> Rates:
        """How much of its period each iteration has behind it, [0, 1).

        The rate jumps at a restart, so starts are exact fractions: each is kept as the first iteration at or after
        it, and how far that one is past it.
        """
        starts = self._starts(int(iterations.max(initial=0)))
        first = np.array([ceil(start) for start in starts])
        late = np.array([float(ceil(start) - start) for start in starts])
        length = np.array([float(Fraction(self.period) * self.period_multiplier**n) for n in range(len(starts))])
        which = np.searchsorted(first, iterations, side="right") - 1
        return np.asarray(((iterations - first[which]) + late[which]) / length[which])

    def _starts(self, last: int) -> list[Fraction]:
        """Where the periods begin, up to an iteration [iterations]."""
        starts, length = [Fraction(0)], Fraction(self.period)
        while starts[-1] + length <= last:
            starts.append(starts[-1] + length)
            length *= self.period_multiplier
        return starts
