"""What happened to a study, in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from sqlalchemy import Connection, insert, update

from service.store.clock import milliseconds_now
from service.store.schema import events, studies

Kind = Literal[
    "submitted",
    "opened",
    "leased",
    "released",
    "expired",
    "crashed",
    "done",
    "diverged",
    "pruned",
    "failed",
    "paused",
    "resumed",
    "extended",
    "cancelled",
    "ended",
]


class Event(NamedTuple):
    kind: Kind
    slot: int | None = None
    fence: int | None = None


def append(connection: Connection, study: str, happened: Sequence[Event]) -> None:
    """Writes events in the transaction of what they tell of; takes the study's row lock."""
    counted = update(studies).where(studies.c.id == study).values(sequence=studies.c.sequence + len(happened))
    last = connection.scalar(counted.returning(studies.c.sequence))
    if last is None or not happened:
        return
    first = last - len(happened) + 1
    rows = [{"study": study, "sequence": first + k, **event._asdict()} for k, event in enumerate(happened)]
    connection.execute(insert(events).values(at=milliseconds_now), rows)
