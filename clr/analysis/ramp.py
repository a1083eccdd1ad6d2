"""One seed's ramp: its rates, and when it may stop (NumPy only)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clr.analysis.bounds import Ramp
from clr.analysis.crossings import Floats
from clr.schedules import Exponential

WINDOW = 5
"""Evaluations in a running median."""


def rates(ramp: Ramp, low: float, high: float, iterations: int) -> Floats:
    """The rate of each update [iterations].

    exponential: low * (high / low) ** (i / (iterations - 1)).
    linear, the paper's: high * (i + 1) / iterations; it begins at 0, whatever `low` is.

    >>> rates("exponential", 0.01, 1.0, 3).round(6).tolist(), rates("linear", 0.0, 1.0, 4).tolist()
    ([0.01, 0.1, 1.0], [0.25, 0.5, 0.75, 1.0])
    """
    if ramp == "linear":
        return np.asarray(high * np.arange(1, iterations + 1) / iterations, dtype=np.float64)
    return Exponential(lr=low, gamma=(high / low) ** (1 / (iterations - 1))).rates(iterations)


def has_fallen(accuracies: Sequence[float], planned: int) -> bool:
    """Whether a ramp may stop: accuracy rose, fell back, and max(5, planned/20) more evaluations were made since.

    With start = median of the first m = max(5, planned/10) accuracies, a(k) = median of the last 5 at evaluation k and
    p(k) = the highest a so far (from evaluation m on): fallen at the first k where
    p(k) - start > max(0.05, 6 standard deviations of the first m) and a(k) < start + 0.3 (p(k) - start).

    Args:
        accuracies: of one seed so far, by evaluation, as fractions.
        planned: evaluations in the whole ramp.

    Source: the project's study of range tests (stopping saves 9 % of the evaluations, readings unchanged).
    """
    first = max(WINDOW, planned // 10)
    more = max(WINDOW, planned // 20)
    if len(accuracies) < first + more:
        return False
    values = np.asarray(accuracies, dtype=np.float64)
    start, spread = float(np.median(values[:first])), float(np.std(values[:first], ddof=1))
    # medians[j] covers evaluations j ... j + 4, so it is a(j + 5) in evaluations made
    medians = np.median(np.lib.stride_tricks.sliding_window_view(values, WINDOW), axis=1)[first - WINDOW :]
    climb = np.maximum.accumulate(medians) - start
    fallen = (climb > max(0.05, 6 * spread)) & (medians < start + 0.3 * climb)
    return bool(fallen.any()) and len(accuracies) >= first + int(np.argmax(fallen)) + more
