"""Lines of the table: what was counted, what it came to, what was promised."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from clr.analysis.intervals import clopper_pearson

SIGMAS = 3.29
"""An agreement holds within so many standard errors: a right program misses one in a thousand."""
LEVEL, ERROR = 0.95, 0.05
BAND_LEVEL = 0.99
HEADER = "| what | found | promised | |\n|---|---|---|---|"


@dataclass(frozen=True)
class Line:
    """One line of the table.

    Attributes:
        what: what was counted or measured. found: with its uncertainty. promised: "" where it is told as it comes out.
        held: whether the promise was kept; None without one.
    """

    what: str
    found: str
    promised: str = ""
    held: bool | None = None


@dataclass(frozen=True)
class Section:
    """Lines about one kind of study, under a heading."""

    heading: str
    lines: tuple[Line, ...]


def percent(value: float) -> str:
    """
    >>> percent(0.05), percent(1.0)
    ('5.00 %', '100.00 %')
    """
    return f"{100 * value:.2f} %"


def band(studies: int) -> float:
    """How far from 5 % (or 95 %) so many studies of a right program come in 99 of 100 cases, rounded up to 0.1 %.

    >>> band(10_000), band(4_000)
    (0.006, 0.009)
    """
    z = float(stats.norm.isf((1 - BAND_LEVEL) / 2))
    return math.ceil(1000 * z * math.sqrt(LEVEL * ERROR / studies)) / 1000


def errors(what: str, count: int, of: int) -> Line:
    """A share that is 5 %."""
    return share(what, count, of, ERROR - band(of), ERROR + band(of))


def errors_at_most(what: str, count: int, of: int) -> Line:
    """A share that is 5 % or less."""
    return share(what, count, of, None, ERROR + band(of))


def covered(what: str, count: int, of: int) -> Line:
    """A share that is 95 %."""
    return share(what, count, of, LEVEL - band(of), LEVEL + band(of))


def covered_at_least(what: str, count: int, of: int) -> Line:
    """A share that is 95 % or more."""
    return share(what, count, of, LEVEL - band(of))


def share(what: str, count: int, of: int, low: float | None = None, high: float | None = None) -> Line:
    """A share of studies with its Clopper-Pearson interval; promised is the share itself in [low, high].

    Args:
        low, high: ends of the band, as fractions; None leaves that side open.
    """
    if not of:
        return Line(what, "no such study")
    found = count / of
    bounds = clopper_pearson(count, of)
    text = f"{percent(found)} ({100 * bounds.low:.2f} to {100 * bounds.high:.2f}; {count:,} of {of:,})"
    if low is None and high is None:
        return Line(what, text)
    held = (low is None or found >= low) and (high is None or found <= high)
    return Line(what, text, _band(low, high), held)


def _band(low: float | None, high: float | None) -> str:
    if high is None:
        return f"at least {100 * (low or 0.0):.1f} %"
    if low is None:
        return f"at most {100 * high:.1f} %"
    return f"{100 * max(low, 0.0):.1f} to {100 * min(high, 1.0):.1f} %"


def agreement(what: str, count: int, of: int, other_count: int, other_of: int) -> Line:
    """Two independent simulations of one share: they differ by simulation error alone."""
    found, other = count / of, other_count / other_of
    pooled = (count + other_count) / (of + other_of)
    error = math.sqrt(pooled * (1 - pooled) * (1 / of + 1 / other_of))
    text = f"{percent(found)} ({count:,} of {of:,}), {percent(found - other).replace(' %', '')} points from the other"
    promised = f"{percent(other)} ± {100 * SIGMAS * error:.2f}"
    return Line(what, text, promised, abs(found - other) <= SIGMAS * error)


def average(what: str, values: Sequence[float], unit: str, zero: bool = False) -> Line:
    """A mean with its 95 % interval; promised, where asked for, is zero within 3.29 standard errors."""
    row = np.asarray(values, dtype=np.float64)
    centre, error = float(row.mean()), float(row.std(ddof=1)) / math.sqrt(len(row))
    reach = float(stats.t.ppf(0.975, len(row) - 1)) * error
    text = f"{centre:+.3f} {unit} ({centre - reach:+.3f} to {centre + reach:+.3f}; {len(row):,} studies)"
    if not zero:
        return Line(what, text)
    return Line(what, text, f"0 ± {SIGMAS * error:.3f}", abs(centre) <= SIGMAS * error)


def exact(what: str, count: int, of: int) -> Line:
    """Something that must hold every single time."""
    return Line(what, f"{count:,} of {of:,}", "every one", count == of and of > 0)


def missed(sections: Iterable[Section]) -> list[str]:
    """Every promise that was not kept, with what was found."""
    return [
        f"{section.heading}: {line.what}: found {line.found}, promised {line.promised}"
        for section in sections
        for line in section.lines
        if line.held is False
    ]


def markdown(section: Section) -> str:
    """A section's rows of the table, after `HEADER`."""
    lines = [f"| {line.what} | {line.found} | {line.promised or '-'} | {_mark(line)} |" for line in section.lines]
    return "\n".join([f"| **{section.heading}** | | | |", *lines])


def _mark(line: Line) -> str:
    return "" if line.held is None else "held" if line.held else "**MISSED**"
