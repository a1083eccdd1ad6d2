"""The 1cycle policy: one rise to a large rate, and one long fall far below where it began."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np

from clr.schedules.base import Iterations, Rates, Schedule, between, half_cosine
from clr.schedules.parameters import Choice, Count, Flag, Number


@dataclass(frozen=True, repr=False)
class OneCycle(Schedule):
    """The rate rises from max_lr / div_factor to max_lr, then falls to a final rate far below its start, then stays.

    first = max_lr / div_factor, final = first / final_div_factor
    rate(i) = from first to max_lr at i = pct_start * iterations - 1, then to final at i = iterations - 1
    (three_phase: from max_lr back to first at i = 2 * pct_start * iterations - 2, then to final)
    each from a to b along a + (b - a) * t (linear) or a + (b - a) * (1 - cos(pi t)) / 2 (cosine), 0 <= t <= 1

    Args:
        max_lr: highest rate, float > 0.
        iterations: length of the run [iterations], int >= 1.
        pct_start: part of the run that rises, 0 <= pct_start <= 1 (three_phase: <= 0.5).
        div_factor: max_lr / first rate, float > 0.
        final_div_factor: first rate / final rate, float > 0.
        anneal: "cosine" or "linear".
        three_phase: fall as long as the rise, then to the final rate.

    Example:
        >>> schedule = OneCycle(max_lr=1.0, iterations=204, pct_start=0.25, div_factor=4, anneal="linear")
        >>> schedule.rates(51)[[0, 25, 50]]
        array([0.25 , 0.625, 1.   ])

    Source: Smith 2018 (a disciplined approach, part 1); torch.optim.lr_scheduler.OneCycleLR, whose momentum
    cycling is not part of this.
    """

    family: ClassVar[str] = "one_cycle"
    max_lr: Annotated[float, Number("highest rate", above=0, role="rate")]
    iterations: Annotated[int, Count("length of the run [iterations]", role="length")]
    pct_start: Annotated[float, Number("part of the run that rises; at most 0.5 with three_phase", least=0, most=1)] = (
        0.3
    )
    div_factor: Annotated[float, Number("max_lr / first rate", above=0)] = 25.0
    final_div_factor: Annotated[float, Number("first rate / final rate", above=0)] = 1e4
    anneal: Annotated[str, Choice("shape of rise and fall", ("cosine", "linear"))] = "cosine"
    three_phase: Annotated[bool, Flag("fall as long as the rise, then to the final rate")] = False

    @property
    def length(self) -> int:
        return self.iterations

    def _rates(self, iterations: Iterations) -> Rates:
        # 1. the phases' ends and the rates there
        at, rates = self._knots()
        # 2. the phase of each iteration, and how much of it is done; a phase without length is over
        position = np.minimum(iterations, self.iterations - 1).astype(np.float64)
        phase = np.searchsorted(at[1:-1], position, side="left")
        start, length = at[phase], at[phase + 1] - at[phase]
        done = np.where(length > 0, (position - start) / np.where(length > 0, length, 1.0), 1.0)
        # 3. the rate in between
        return between(rates[phase], rates[phase + 1], done if self.anneal == "linear" else 1.0 - half_cosine(done))

    def _knots(self) -> tuple[Rates, Rates]:
        first = self.max_lr / self.div_factor
        rise = self.pct_start * self.iterations
        last = self.iterations - 1.0
        if self.three_phase:
            at, rates = [rise - 1, 2 * rise - 2, last], [first, self.max_lr, first, first / self.final_div_factor]
        else:
            at, rates = [rise - 1, last], [first, self.max_lr, first / self.final_div_factor]
        return np.clip([0.0, *at], 0.0, last), np.array(rates)

    def _broken_relation(self) -> tuple[str, str] | None:
        if self.three_phase and self.pct_start > 0.5:
            return "pct_start", "must be at most 0.5 with three_phase"
        return None
