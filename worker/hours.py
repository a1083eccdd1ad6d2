"""The hours of the day in which a shared machine may train, on its own clock. Pure: the moment is passed in."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, time

_TIME = r"(\d{1,2})(?::(\d{2}))?(?::(\d{2}))?"
_WINDOW = re.compile(rf"{_TIME}-{_TIME}")
DAY = 24 * 3600


@dataclass(frozen=True)
class Window:
    """From `start` until just before `end`, in seconds since midnight; over midnight where `end` is not after `start`.

    Attributes:
        start: 0 <= start < 86400 [seconds].
        end: 0 < end <= 86400 [seconds], other than `start`.
    """

    start: int
    end: int

    def holds(self, second: int) -> bool:
        """Whether a second of the day lies in it."""
        if self.start < self.end:
            return self.start <= second < self.end
        return second >= self.start or second < self.end


@dataclass(frozen=True)
class Hours:
    """Windows of the day, as `--hours` takes them; local time, every day.

    >>> hours = Hours.parse("20-08, 12:15-13:30")
    >>> [hours.include(datetime(2026, 1, 1, hour, 20)) for hour in (7, 8, 12, 13, 14, 20)]
    [True, False, True, True, False, True]
    """

    text: str
    windows: tuple[Window, ...]

    @classmethod
    def parse(cls, text: str) -> Hours:
        """Reads "20-08" or "20:15-08:30,12-13".

        Raises:
            ValueError: a window is not of that form, or is empty.
        """
        return cls(text, tuple(_window(part.strip()) for part in text.split(",")))

    def include(self, moment: datetime) -> bool:
        """Whether training is allowed at a local time."""
        second = 3600 * moment.hour + 60 * moment.minute + moment.second
        return any(window.holds(second) for window in self.windows)


def _window(text: str) -> Window:
    found = _WINDOW.fullmatch(text)
    if not found:
        raise ValueError(f"hours must be like 20-08 or 20:15-08:30, several joined by commas, got {text!r}.")
    start, end = _second(text, *found.groups()[:3]), _second(text, *found.groups()[3:])
    end = end or DAY  # "20-00" ends at midnight
    if start % DAY == end % DAY:
        raise ValueError(
            f"hours must begin and end at different times, got {text!r}; leave them out for the whole day."
        )
    return Window(start % DAY, end)


def _second(text: str, hour: str, minute: str | None, second: str | None) -> int:
    if hour == "24" and not int(minute or 0) + int(second or 0):
        return DAY
    try:
        moment = time(int(hour), int(minute or 0), int(second or 0))
    except ValueError:
        raise ValueError(f"hours must be times of a day, 00:00 to 24:00, got {text!r}.") from None
    return 3600 * moment.hour + 60 * moment.minute + moment.second
