"""Smoothing a range test's curve, and where it crosses a tenth of its climb (NumPy only).

A curve is accuracy over u = ln(rate). climb = peak - start; half = start + climb / 2.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEVEL = 0.1
"""Share of the climb at which rise and edge are read: lower levels drown in noise."""


@dataclass(frozen=True)
class Crossings:
    """Positions in u = ln(rate); None where the curve has no such crossing.

    Attributes:
        rise: last upward crossing of start + climb / 10 before the curve first reaches half.
        rise_half: first point at or above half.
        fall_half: first point after the peak below half.
        edge: last downward crossing of peak - climb / 10 before fall_half, or, where the curve never falls below half,
            before its end, if it ends below that level.
        peak: highest value of the curve. climb: peak - start.
    """

    rise: float | None
    rise_half: float | None
    fall_half: float | None
    edge: float | None
    peak: float
    climb: float


def running_median(curve: Floats, width: int = 5) -> Floats:
    """Median over a centred window of `width` points (odd); the ends are padded with the end value."""
    return np.asarray(np.median(_windows(curve, width), axis=-1), dtype=np.float64)


def running_mean(curve: Floats, width: int) -> Floats:
    """Mean over a centred window of `width` points (an even width takes one more); ends padded with the end value."""
    return np.asarray(_windows(curve, width | 1).mean(axis=-1), dtype=np.float64)


def _windows(curve: Floats, width: int) -> Floats:
    padded = np.pad(curve, width // 2, mode="edge")
    return np.lib.stride_tricks.sliding_window_view(padded, width | 1)


def find(u: Floats, curve: Floats, start: float) -> Crossings:
    """The crossings of a smoothed or fitted curve that begins at accuracy `start`.

    Args:
        u: ln(rate) [P], increasing.
        curve: accuracy [P].
        start: accuracy before anything is learnt.
    """
    top = int(np.argmax(curve))
    peak, climb = float(curve[top]), float(curve[top]) - start
    if climb <= 0:
        return Crossings(None, None, None, None, peak, climb)
    half = start + climb / 2
    up = int(np.argmax(curve >= half))
    fallen = top + np.flatnonzero(curve[top:] < half)
    end = int(fallen[0]) if len(fallen) else len(curve) - 1
    return Crossings(
        rise=_last_crossing(u[: up + 1], curve[: up + 1] - (start + LEVEL * climb)),
        rise_half=float(u[up]),
        fall_half=float(u[end]) if len(fallen) else None,
        edge=_last_crossing(u[top : end + 1], (peak - LEVEL * climb) - curve[top : end + 1]),
        peak=peak,
        climb=climb,
    )


def _last_crossing(u: Floats, height: Floats) -> float | None:
    """Where `height` last goes from below zero to zero or above, linear between points; None if it ends below."""
    below = np.flatnonzero(height < 0)
    if not len(below) or below[-1] == len(height) - 1:
        return None
    i = int(below[-1])
    return float(u[i] + (u[i + 1] - u[i]) * -height[i] / (height[i + 1] - height[i]))
