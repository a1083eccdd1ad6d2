"""What is still to be told to the service of the attempt under way. The clock is passed in; nothing here waits."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

from clr.protocol import Holding, Pace, Report, Result
from clr.results import Checkpoint, Evaluation

CHUNK = 1000
"""Evaluations in one report at most."""


@dataclass(frozen=True)
class Renew:
    """Say that the slot is still held."""

    holding: Holding


@dataclass(frozen=True)
class GiveBack:
    """Release the slot: this attempt does not count."""

    holding: Holding
    reason: str


Parcel = Renew | Report | Result | GiveBack


class Spool:
    """Evaluations, the newest checkpoint, the pace and the end of one attempt, kept until the service has taken them.

    A checkpoint is told at once, evaluations within `report_seconds`; without news the lease is renewed every
    `beat_seconds`. The end goes last, and takes along the evaluations that are not told yet. Not safe across threads:
    `worker.link` locks.

    Args:
        holding: the slot and its fencing token.
        now: when it was leased, on the caller's clock [seconds].
    """

    def __init__(self, holding: Holding, *, beat_seconds: float, report_seconds: float, now: float) -> None:
        self.holding = holding
        self._beat, self._pause = beat_seconds, report_seconds
        self._evaluations: deque[Evaluation] = deque()
        self._checkpoint: Checkpoint | None = None
        self._pace: Pace | None = None
        self._end: Result | GiveBack | None = None
        self._told_at = now

    def evaluated(self, evaluation: Evaluation) -> None:
        self._evaluations.append(evaluation)

    def paced(self, pace: Pace) -> None:
        self._pace = pace

    def saved(self, checkpoint: Checkpoint) -> None:
        self._checkpoint = checkpoint

    def end(self, end: Result | GiveBack) -> None:
        self._end = end
        if isinstance(end, Result) and end.outcome != "crashed":
            self._checkpoint = None  # nobody goes on from there

    @property
    def waiting(self) -> int:
        """Evaluations that are not told yet."""
        return len(self._evaluations)

    @property
    def due_at(self) -> float:
        """When something is to be said next, on the caller's clock."""
        if self._end is not None or self._checkpoint is not None:
            return self._told_at  # a store keeps few checkpoints: the service must know one that is still there
        return self._told_at + (min(self._pause, self._beat) if self._has_news else self._beat)

    def parcel(self) -> Parcel:
        """What to say next; saying it again gives the same answer."""
        rest = len(self._evaluations) - CHUNK
        if isinstance(self._end, Result) and rest <= 0 and self._checkpoint is None and self._pace is None:
            return self._end.model_copy(update={"evaluations": tuple(self._evaluations)})
        if self._has_news:
            some = tuple(self._evaluations)[:CHUNK]
            checkpoint = self._checkpoint if rest <= 0 else None  # not before the evaluations that lie before it
            told = {"evaluations": some, "checkpoint": checkpoint, "pace": self._pace}
            return Report(slot=self.holding.slot, fence=self.holding.fence, **told)
        return self._end if isinstance(self._end, GiveBack) else Renew(self.holding)

    def told(self, parcel: Parcel, now: float) -> None:
        """The service has taken the parcel."""
        self._told_at = now
        if isinstance(parcel, Report | Result):
            for _ in parcel.evaluations:
                self._evaluations.popleft()
        if isinstance(parcel, Report) and parcel.checkpoint == self._checkpoint:
            self._checkpoint = None
        if isinstance(parcel, Report) and parcel.pace is not None:
            self._pace = None

    @property
    def _has_news(self) -> bool:
        return bool(self._evaluations) or self._checkpoint is not None or self._pace is not None
