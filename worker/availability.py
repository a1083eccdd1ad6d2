"""When a worker may use its device: in its hours, and while nobody else does."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from worker.hours import Hours
from worker.neighbours import Probe

LOOK_SECONDS = 1.0
"""Pause between two looks at the hours."""

LOOKS_PER_PROBE = 5
"""Neighbours are looked for less often."""


@dataclass(frozen=True)
class Permission:
    """Notice: whether this worker may use its device from now on. `refusal`: why not, "" where it may."""

    refusal: str


@dataclass
class Patience:
    """Holds a changing answer still: one busy moment stops no trial, one idle moment starts none.

    The first look decides at once.

    Args:
        to_stop: consecutive looks that must find the device busy before we leave it.
        to_start: consecutive looks that must find it idle before we come back.
    """

    to_stop: int = 2
    to_start: int = 6
    _held: str | None = None
    _against: int = 0

    def told(self, busy: str) -> str:
        """The answer that stands after a look: why the device is busy, "" where it is not."""
        if self._held is None or bool(busy) == bool(self._held):
            self._held, self._against = busy, 0
            return busy
        self._against += 1
        if self._against >= (self.to_stop if busy else self.to_start):
            self._held, self._against = busy, 0
        return self._held


@dataclass
class Availability:
    """Asked again and again whether the worker may train.

    Args:
        hours: None: at any time.
        probe: None: whatever others do.
        now: local time.
        pause: between two questions [seconds].
    """

    hours: Hours | None = None
    probe: Probe | None = None
    now: Callable[[], datetime] = datetime.now
    patience: Patience = field(default_factory=Patience)
    pause: float = LOOK_SECONDS
    _looks: int = 0
    _busy: str = ""

    def refusal(self, *, at_work: bool) -> str:
        """Why the worker may not train now, "" where it may. `at_work`: whether a trial of ours runs."""
        if self.probe is not None:
            if self._looks % LOOKS_PER_PROBE == 0:
                self._busy = self.patience.told(self.probe(at_work=at_work))
            self._looks += 1
        if self.hours is not None and not self.hours.include(self.now()):
            return f"outside its hours {self.hours.text}"
        return f"the device is busy: {self._busy}" if self._busy else ""


class Watch(threading.Thread):
    """Notifies each change of permission; the first look is made before the thread starts.

    Args:
        availability: what it asks.
        at_work: whether a trial of ours runs right now.
        notify: takes each `Permission`, from this thread but for the first.
    """

    def __init__(
        self, availability: Availability, at_work: Callable[[], bool], notify: Callable[[Permission], None]
    ) -> None:
        super().__init__(daemon=True, name="availability")
        self._availability, self._at_work, self._notify = availability, at_work, notify
        self._closed = threading.Event()
        self._refusal = ""
        self._look()

    def run(self) -> None:
        while not self._closed.wait(self._availability.pause):
            self._look()

    def close(self) -> None:
        self._closed.set()

    def _look(self) -> None:
        refusal = self._availability.refusal(at_work=self._at_work())
        if bool(refusal) != bool(self._refusal):
            self._notify(Permission(refusal))
        self._refusal = refusal
