"""Warm-up: a rise in front of another schedule, and the schedule that is made of warm-up, plateau and decay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Self

import numpy as np

from clr.schedules.base import Iterations, Rates, Schedule, between, half_cosine
from clr.schedules.parameters import Choice, Count, Number
from clr.schedules.parts import Part


@dataclass(frozen=True, repr=False)
class Warmup(Schedule):
    """The rate rises to where another schedule begins, which then follows, counting from its own start.

    f = start_factor, t = i / iterations
    rate(i) = schedule(0) * (f + (1 - f) * t)     i < iterations, linear
    rate(i) = schedule(0) * f ** (1 - t)          i < iterations, exponential
    rate(i) = schedule(i - iterations)            i >= iterations

    Args:
        schedule: what follows.
        iterations: length of the rise [iterations], int >= 1.
        start_factor: rate at iteration 0 / schedule(0), 0 <= start_factor <= 1; above 0 where exponential.
        shape: "linear" or "exponential".

    Example:
        >>> from clr.schedules import Fixed
        >>> Warmup(schedule=Fixed(lr=1.0), iterations=4, start_factor=0.0).rates(6)
        array([0.  , 0.25, 0.5 , 0.75, 1.  , 1.  ])

    Source: Goyal et al. 2017, section 2.2; torch: LinearLR in front of another scheduler in SequentialLR.
    """

    family: ClassVar[str] = "warmup"
    schedule: Annotated[Schedule, Part("what follows the rise, counting from its own start")]
    iterations: Annotated[int, Count("length of the rise [iterations]", role="length")]
    start_factor: Annotated[
        float, Number("rate at iteration 0 / first rate of the schedule; above 0 where exponential", least=0, most=1)
    ] = 0.01
    shape: Annotated[str, Choice("shape of the rise", ("linear", "exponential"))] = "linear"

    @property
    def length(self) -> int | None:
        return None if self.schedule.length is None else self.iterations + self.schedule.length

    @property
    def cycle(self) -> float:
        return self.iterations + (self.schedule.cycle or 0)

    @property
    def shortest(self) -> int:
        return 1 + self.schedule.shortest

    def with_length_times(self, factor: float) -> Self:
        if self.length is None:
            return super().with_length_times(factor)
        total = max(self.shortest, round(self.length * factor))
        rise = min(max(1, round(self.iterations * factor)), total - self.schedule.shortest)
        return replace(self, iterations=rise, schedule=self.schedule.stretched(total - rise))

    def _rates(self, iterations: Iterations) -> Rates:
        peak = self.schedule(0)
        after = self.schedule(np.maximum(iterations - self.iterations, 0))
        risen = np.minimum(iterations, self.iterations)
        if self.shape == "linear":
            rise = between(self.start_factor * peak, peak, risen / self.iterations)
        else:
            rise = peak * np.power(self.start_factor, (self.iterations - risen) / self.iterations)
        return np.where(iterations < self.iterations, rise, after)

    def _broken_relation(self) -> tuple[str, str] | None:
        if self.shape == "exponential" and self.start_factor == 0:
            return "start_factor", "must be above 0 where the shape is exponential"
        return None


@dataclass(frozen=True, repr=False)
class WarmupStableDecay(Schedule):
    """The rate rises from 0 to lr, stays there, falls to end_lr at the end of the run, then stays.

    rate(i) = lr * i / warmup                                    i < warmup
    rate(i) = lr                                                 warmup <= i <= iterations - decay
    rate(i) = end_lr + (lr - end_lr) * fall(t)                   t = (i - iterations + decay) / decay, at most 1
    with fall(t) = 1 - t (linear), (1 + cos(pi t)) / 2 (cosine) or 1 - sqrt(t) (1-sqrt)

    Args:
        lr: learning rate of the plateau, float > 0.
        end_lr: learning rate from `iterations` on, float >= 0.
        warmup: length of the rise [iterations], int >= 0. The first update of a rise has rate 0.
        decay: length of the fall [iterations], int >= 0; 0 keeps lr to the end and after.
        iterations: length of the run [iterations], int >= 1, at least warmup + decay.
        shape: "linear", "cosine" or "1-sqrt".

    Example:
        >>> WarmupStableDecay(lr=1.0, end_lr=0.0, warmup=2, decay=4, iterations=8).rates(9)
        array([0.  , 0.5 , 1.  , 1.  , 1.  , 0.75, 0.5 , 0.25, 0.  ])

    Source: Hu et al. 2024 (MiniCPM); 1-sqrt: Hägele et al. 2024; transformers.get_wsd_schedule.
    """

    family: ClassVar[str] = "warmup_stable_decay"
    lr: Annotated[float, Number("learning rate of the plateau", above=0, role="rate")]
    end_lr: Annotated[float, Number("learning rate from `iterations` on", least=0, role="rate")]
    warmup: Annotated[int, Count("length of the rise from 0 [iterations]", least=0, role="length")]
    decay: Annotated[int, Count("length of the fall [iterations]", least=0, role="length")]
    iterations: Annotated[int, Count("length of the run [iterations], at least warmup + decay", role="length")]
    shape: Annotated[str, Choice("shape of the fall", ("linear", "cosine", "1-sqrt"))] = "linear"

    @property
    def length(self) -> int:
        return self.iterations

    def with_length_times(self, factor: float) -> Self:
        total, rise, fall = (round(part * factor) for part in (self.iterations, self.warmup, self.decay))
        total = max(1, total)
        return replace(self, iterations=total, warmup=rise, decay=min(fall, total - rise))

    def _rates(self, iterations: Iterations) -> Rates:
        rise = self.lr * np.minimum(iterations, self.warmup) / max(self.warmup, 1)
        fallen = np.clip(iterations - (self.iterations - self.decay), 0, self.decay) / max(self.decay, 1)
        fall = between(self.end_lr, self.lr, self._left(fallen))
        return np.where(iterations < self.warmup, rise, fall)

    def _left(self, done: Rates) -> Rates:
        if self.shape == "cosine":
            return half_cosine(done)
        return 1.0 - (np.sqrt(done) if self.shape == "1-sqrt" else done)

    def _broken_relation(self) -> tuple[str, str] | None:
        if self.warmup + self.decay > self.iterations:
            return "iterations", f"must be at least warmup + decay ({self.warmup + self.decay})"
        return None
