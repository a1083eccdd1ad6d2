"""The learning-rate range test's own rules: when one seed's ramp may stop, and on what it is evaluated.

The ramp itself is the plain loop under an exponential schedule; `clr.analysis.bounds` reads the curves.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from clr.tasks.base import Examples
from clr.tasks.permutation import permutation

VALIDATION_IMAGES = 1000
"""Examples per evaluation: standard deviation 1.6 points at accuracy 0.5."""

WINDOW = 5
"""Evaluations in a running median."""

_SUBSET_ENTROPY = 1000


def validation_subset(examples: Examples, split_seed: int) -> Examples:
    """`VALIDATION_IMAGES` of the validation examples drawn at random, all if there are fewer.

    A function of the split seed alone, so the seeds of one range test share it.
    """
    if len(examples) <= VALIDATION_IMAGES:
        return examples
    chosen = permutation(len(examples), _SUBSET_ENTROPY, split_seed)[:VALIDATION_IMAGES]
    return examples.take(torch.from_numpy(chosen).to(examples.targets.device))


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
