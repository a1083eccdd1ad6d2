"""Schedules one after the other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Annotated, ClassVar, Self

import numpy as np

from clr.schedules.base import Iterations, Rates, Schedule
from clr.schedules.parameters import Milestones, rules
from clr.schedules.parts import Parts


@dataclass(frozen=True, repr=False)
class Piecewise(Schedule):
    """Schedules joined at milestones; each counts its iterations from its own start.

    rate(i) = schedules[n](i - start)     with n = number of milestones <= i, start = the last of these (or 0)

    Args:
        schedules: two or more, in order.
        milestones: first iteration of each but the first [iterations], increasing ints >= 1, one less than schedules.

    Example:
        >>> from clr.schedules import Fixed, Linear
        >>> Piecewise(schedules=(Linear(lr=0.0, end_lr=1.0, iterations=4), Fixed(lr=0.5)), milestones=(4,)).rates(6)
        array([0.  , 0.25, 0.5 , 0.75, 0.5 , 0.5 ])

    Source: Smith 2017, Table 2: three stages of triangular2; torch.optim.lr_scheduler.SequentialLR.
    """

    family: ClassVar[str] = "piecewise"
    schedules: Annotated[tuple[Schedule, ...], Parts("schedules in order, each counting from its own start")]
    milestones: Annotated[tuple[int, ...], Milestones("first iteration of each schedule but the first, increasing")]

    @property
    def length(self) -> int | None:
        last = self.schedules[-1].length
        return None if last is None else self.milestones[-1] + last

    @property
    def cycle(self) -> float:
        first = self.schedules[0].cycle
        return self.milestones[0] if first is None else min(first, self.milestones[0])

    @property
    def shortest(self) -> int:
        return len(self.milestones) + self.schedules[-1].shortest

    def with_length_times(self, factor: float) -> Self:
        *first, last = self.schedules
        # 1. the milestones; the last schedule takes what they leave of the run, where it has an end
        milestones = rules(type(self))["milestones"].stretched(self.milestones, factor)
        if self.length is not None:
            total = max(self.shortest, round(self.length * factor))
            latest = range(total - self.shortest + 1, total)
            milestones = tuple(map(min, milestones, latest))
            last = last.stretched(total - milestones[-1])
        else:
            last = last.with_length_times(factor)
        # 2. the others fill their stages as before
        old, new = ([late - early for early, late in pairwise((0, *ends))] for ends in (self.milestones, milestones))
        stages = zip(first, old, new, strict=True)
        first = [schedule.with_length_times(length / before) for schedule, before, length in stages]
        return replace(self, schedules=(*first, last), milestones=milestones)

    def _rates(self, iterations: Iterations) -> Rates:
        which = np.searchsorted(np.array(self.milestones), iterations, side="right")
        rates = np.empty(iterations.shape)
        for n, (schedule, start) in enumerate(zip(self.schedules, (0, *self.milestones), strict=True)):
            rates[which == n] = schedule(iterations[which == n] - start)
        return rates

    def _broken_relation(self) -> tuple[str, str] | None:
        if len(self.milestones) != len(self.schedules) - 1:
            return "milestones", f"must be one less than the schedules ({len(self.schedules)})"
        return None
