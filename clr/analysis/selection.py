"""Which of an arm's search trials is confirmed: chosen on validation data alone."""

from __future__ import annotations

import math
from collections.abc import Iterable

from clr.protocol import Direction
from clr.results import Trial


def finalist(trials: Iterable[Trial], direction: Direction) -> Trial | None:
    """The finished trial with the best validation value; the lowest number among equals; None where none finished.

    A diverged, failed or cancelled trial is never chosen, nor one without a finite value.

    Args:
        trials: search trials of one arm, in any order.
        direction: of the task's metric.
    """
    sign = -1.0 if direction == "maximize" else 1.0
    finished = [
        (sign * trial.value, trial.number, trial)
        for trial in trials
        if trial.outcome == "done" and trial.value is not None and math.isfinite(trial.value)
    ]
    return min(finished, key=lambda entry: entry[:2])[2] if finished else None
