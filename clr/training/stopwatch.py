"""How fast a trial trains: seconds of one update and of one evaluation, measured while it runs."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator

from clr.protocol import Pace

WARM_UP = 10
"""Updates that are not counted: the first ones load kernels, fill caches, let the allocator grow."""
UPDATES = 50
"""Counted updates that make a pace."""


class Stopwatch:
    """Told by the loop where it is. Every call comes when the device has finished what was asked of it.

    Args:
        clock: monotonic seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._warm_up = WARM_UP
        self._last: tuple[int, float] | None = None
        self._updates, self._training = 0, 0.0
        self._evaluations, self._evaluating = 0, 0.0

    def begins(self, iteration: int) -> None:
        """Updates begin here, at the trial's start or after an evaluation."""
        self._last = iteration, self._clock()

    def at(self, iteration: int) -> None:
        """So many updates are done."""
        if self._last is None:
            return
        (before, then), now = self._last, self._clock()
        self._last = iteration, now
        if self._warm_up > 0:
            self._warm_up -= iteration - before
            return
        self._updates += iteration - before
        self._training += now - then

    @contextlib.contextmanager
    def evaluation(self) -> Iterator[None]:
        """An evaluation lasts as long as the block."""
        self._last, began = None, self._clock()
        yield
        self._evaluations += 1
        self._evaluating += self._clock() - began

    @property
    def pace(self) -> Pace | None:
        """Seconds of an update and of an evaluation, on average; None before `UPDATES` and one evaluation."""
        if self._updates < UPDATES or not self._evaluations:
            return None
        return Pace(
            iteration_seconds=self._training / self._updates, evaluation_seconds=self._evaluating / self._evaluations
        )
