"""What other learning-rate finders would suggest from the same curve, by name: for comparison only (NumPy only).

Each reads one good rate off the loss over an exponential ramp; none reads two bounds, says "unclear", or uses more
than one seed. They are written from their published descriptions. docs/range-test.md says how often each hits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from clr.analysis.crossings import Floats
from clr.errors import InvalidNumbers

SKIPPED_FIRST, SKIPPED_LAST = 10, 1
"""Points at the ends that the steepest slope is not looked for in."""
SLIDER_WIDTH, SLIDER_STEP = 15, 0.005
"""Points between the slider's ends, and the change of slope below which it rests."""
DIVERGED = 4.0
"""A finder stops where the loss is this many times its minimum."""


def steepest_slope(rates: Floats, losses: Floats) -> float | None:
    """The rate at which the loss falls fastest, the first 10 points and the last one aside.

    Source: "steepest" in the finders of PyTorch Lightning and pytorch-lr-finder. Noise and early spikes fool it.
    """
    slope = np.gradient(losses)[SKIPPED_FIRST:-SKIPPED_LAST]
    return float(rates[SKIPPED_FIRST + int(np.argmin(slope))]) if len(slope) and slope.min() < 0 else None


def minimum_tenth(rates: Floats, losses: Floats) -> float | None:
    """A tenth of the rate at which the loss is lowest. Source: "minimum" in fastai's finder."""
    return float(rates[int(np.argmin(losses))]) / 10


def valley(rates: Floats, losses: Floats) -> float | None:
    """Two thirds of the way down the longest valley: the longest sequence of points, each below all before it in it.

    Source: "valley" in fastai's finder (its default).
    """
    lengths, before = np.ones(len(losses), dtype=int), np.arange(len(losses))
    for i in range(1, len(losses)):
        above = np.flatnonzero(losses[:i] > losses[i])
        if len(above):
            best = int(above[np.argmax(lengths[above])])
            lengths[i], before[i] = lengths[best] + 1, best
    end = start = int(np.argmax(lengths))
    while before[start] != start:
        start = int(before[start])
    return float(rates[start + round((end - start) * 2 / 3)]) if end > start else None


def slide(rates: Floats, losses: Floats) -> float | None:
    """Where a slider 15 points wide, moved down from the right, first has nearly the same slope at both its ends.

    Its left end is the suggestion. Source: the interval slide rule, "slide" in fastai's finder.
    """
    slope = np.gradient(losses)
    for right in range(len(losses) - 1, SLIDER_WIDTH - 1, -1):
        if abs(slope[right] - slope[right - SLIDER_WIDTH]) <= SLIDER_STEP:
            return float(rates[right - SLIDER_WIDTH])
    return None


RULES: Mapping[str, Callable[[Floats, Floats], float | None]] = MappingProxyType(
    {"steepest slope": steepest_slope, "minimum / 10": minimum_tenth, "valley": valley, "slide": slide}
)


def suggestions(rates: Floats, losses: Floats) -> dict[str, float | None]:
    """Every rule's rate on one loss curve, by name; None where a rule finds nothing.

    The curve is cut where it first is not finite, or where it passes 4 times its minimum so far, as the finders do.

    Args:
        rates: [P], positive, increasing.
        losses: [P]; NaN where training had failed.

    Raises:
        InvalidNumbers: not as many losses as rates.
    """
    rates, losses = np.asarray(rates, dtype=np.float64), np.asarray(losses, dtype=np.float64)
    if rates.shape != losses.shape or rates.ndim != 1:
        raise InvalidNumbers("losses", f"must be as many as the rates, {rates.shape}", losses.shape)
    kept = _until_diverged(losses)
    if kept < SKIPPED_FIRST + SKIPPED_LAST + 2:
        return dict.fromkeys(RULES)
    return {name: rule(rates[:kept], losses[:kept]) for name, rule in RULES.items()}


def _until_diverged(losses: Floats) -> int:
    over = ~np.isfinite(losses)
    lowest = np.minimum.accumulate(np.where(over, np.inf, losses))
    over |= losses > DIVERGED * lowest
    return int(np.argmax(over)) if over.any() else len(losses)
