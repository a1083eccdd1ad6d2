"""Pause, resume, priority. A paused study keeps what it has; no slot of it is handed out, holders give theirs back."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from clr.errors import Conflict
from service.store import events, states, studies
from service.store.clock import milliseconds_now
from service.store.database import Database
from service.store.events import Event
from service.store.schema import studies as study_rows


def pause(database: Database, study: str, reason: str) -> None:
    """Hands out no slot of a study any more, and lets those who hold one know. Twice is once: the first reason stands.

    Raises:
        NotFound: no such study.
        Conflict: it has ended.
    """
    with database.write() as connection:
        if not put(connection, study, reason):
            _refuse_ended(connection, study, "paused")


def put(connection: Connection, study: str, reason: str) -> bool:
    """`pause` within a transaction; whether this paused it."""
    row = {"paused_at": milliseconds_now, "pause_reason": reason}
    changed = connection.execute(update(study_rows).where(study_rows.c.id == study, states.served).values(row))
    if changed.rowcount:
        events.append(connection, study, [Event("paused")])
    return changed.rowcount == 1


def resume(
    database: Database, study: str, *, max_seconds: float | None = None, estimated_seconds: float | None = None
) -> None:
    """Hands out a study's slots again. Twice is once.

    Args:
        max_seconds: device time that it may take from now on; None: as before.
        estimated_seconds: that it will take, which its user has accepted; None: as before.

    Raises:
        NotFound: no such study.
        Conflict: it has ended.
    """
    given = {"max_seconds": max_seconds, "estimated_seconds": estimated_seconds}
    row = {name: value for name, value in given.items() if value is not None}
    with database.write() as connection:
        this = update(study_rows).where(study_rows.c.id == study, states.live)
        paused = this.where(study_rows.c.paused_at.is_not(None)).values(paused_at=None, pause_reason="", **row)
        if connection.execute(paused).rowcount:
            events.append(connection, study, [Event("resumed")])
            return
        _refuse_ended(connection, study, "resumed")
        if row:
            connection.execute(this.values(row))


def prioritise(database: Database, study: str, priority: int) -> None:
    """Gives a live study another priority.

    Raises:
        NotFound: no such study.
        Conflict: it has ended.
    """
    with database.write() as connection:
        this = update(study_rows).where(study_rows.c.id == study, states.live)
        if not connection.execute(this.values(priority=priority)).rowcount:
            _refuse_ended(connection, study, "given another priority")


def _refuse_ended(connection: Connection, study: str, done: str) -> None:
    query = select(study_rows.c.id, study_rows.c.ended_at, study_rows.c.cancelled_at).where(study_rows.c.id == study)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise studies.missing(study)
    if row.ended_at is not None:
        how = "was cancelled" if row.cancelled_at is not None else "has ended"
        raise Conflict(f"Study {study} {how}: it can't be {done} any more.")
