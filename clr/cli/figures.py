"""An answer's numbers as text, with as many decimals in every row, so that they stand below each other."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from clr.resources import Answer, Bounds

ABSENT = "–"


@dataclass(frozen=True)
class Figures:
    """How values of a metric are printed: an accuracy in percent, any other metric with four digits of the largest.

    Attributes:
        scale: a value is multiplied by it. decimals: after the point; None for values that only %g can print.
        unit: of a difference.
    """

    scale: float
    decimals: int | None
    unit: str

    @classmethod
    def of(cls, found: Answer) -> Figures:
        """For the values of an answer."""
        return cls.of_values(found.metric, [v for arm in found.arms for v in (arm.mean, arm.search_value) if v])

    @classmethod
    def of_values(cls, metric: str, values: Iterable[float]) -> Figures:
        """For some values of a metric."""
        if metric == "accuracy":
            return cls(100.0, 2, " points")
        most = max(map(abs, values), default=1.0)
        fits = 1e-3 <= most < 1e7
        return cls(1.0, max(0, 3 - math.floor(math.log10(most))) if fits else None, "")

    def value(self, value: float | None, sign: str = "") -> str:
        """A value of the metric; with sign="+" a difference."""
        if value is None:
            return ABSENT
        form = f"{sign}z.4g" if self.decimals is None else f"{sign}z.{self.decimals}f"  # z: no "-0.00"
        return format(self.scale * value, form)

    def amount(self, value: float) -> str:
        """The size of a difference; one that is not zero is not rounded to it."""
        scaled = self.scale * value
        rounded = format(scaled, f".{self.decimals}f") if self.decimals is not None else "0"
        return f"{rounded if float(rounded) or not scaled else format(scaled, '.2g')}{self.unit}"

    def ends(self, bounds: Bounds | None, sign: str = "") -> tuple[str, str]:
        """Both ends of an interval."""
        return (ABSENT, ABSENT) if bounds is None else (self.value(bounds.low, sign), self.value(bounds.high, sign))

    def reach(self, bounds: Bounds | None, middle: float) -> str:
        """How far an interval reaches from its middle: the longer way, if the two differ."""
        return ABSENT if bounds is None else self.value(max(bounds.high - middle, middle - bounds.low))


def duration(seconds: float) -> str:
    """A length of time in its largest fitting unit.

    >>> duration(42), duration(180), duration(9000)
    ('42 s', '3 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
