"""An arm's finalist, chosen on validation data."""

from __future__ import annotations

from collections.abc import Sequence

from clr.protocol import Direction
from clr.results import Trial


def finalist(trials: Sequence[Trial], direction: Direction) -> Trial | None:
    """The finished search trial with the best validation value; None where none has finished.

    A diverged or failed trial is never chosen. Of equal values the lowest number is, so that order does not matter.
    """
    sign = -1.0 if direction == "maximize" else 1.0
    finished = [(sign * t.value, t.number, t) for t in trials if t.outcome == "done" and t.value is not None]
    return min(finished, key=lambda item: item[:2])[2] if finished else None
