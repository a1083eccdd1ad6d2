"""Studies: submitted, looked at, cancelled, deleted."""

from __future__ import annotations

import contextlib
import secrets
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, and_, exists, func, select, update
from sqlalchemy import delete as sql_delete

from clr.errors import Conflict, NotFound
from clr.plan import Plan, PlannedSlot
from clr.protocol import TaskFacts
from clr.resources import Page, PhaseProgress, StudyResource, StudyState, StudySummary
from clr.spec import StudySpec
from service import pagination
from service.store import events, extension_rows, optuna_trials, progress, slots, states
from service.store.clock import milliseconds_now, utc
from service.store.database import Database
from service.store.dialect import insert_missing
from service.store.events import Event
from service.store.schema import attempts, studies, workers
from service.store.schema import slots as slot_rows
from service.store.workers import LIVE_SECONDS


@dataclass(frozen=True)
class Stored:
    """A study's facts. `facts` and `plan` are None until a describe slot has found them; times in ms since 1970."""

    id: str
    spec: StudySpec
    facts: TaskFacts | None
    plan: Plan | None
    created_at: int
    cancelled_at: int | None
    ended_at: int | None
    recorded_at: int | None
    reason: str


@dataclass(frozen=True)
class Moment:
    """How far a study's trail of events has come.

    Attributes:
        sequence: of its last event.
        settled: it has ended by itself: until a further event nothing of its trials changes. (After a cancellation
            attempts still end, without an event.)
    """

    sequence: int
    settled: bool


def new_id() -> str:
    """An id that sorts by time: microseconds since 1970, then 64 random bits."""
    return f"s{time.time_ns() // 1000:014x}{secrets.token_hex(8)}"


def submit(
    database: Database,
    spec: StudySpec,
    facts: TaskFacts | None,
    plan: Plan | None,
    first: Sequence[PlannedSlot],
    *,
    key: str | None,
    body_hash: str,
    max_seconds: float | None = None,
    estimated_seconds: float | None = None,
) -> tuple[str, bool]:
    """Stores a study with its first slots, in one transaction; returns its id and whether it is new.

    Args:
        facts, plan: None where the describe slot in `first` finds them.
        key: idempotency key: the same key with the same body is the study that was stored first.
        body_hash: of what was submitted.
        max_seconds: device time that it may take; None: what the spec says.
        estimated_seconds: that it will take; None: not known yet.

    Raises:
        Conflict: the key was used for another body.
    """
    row: dict[str, Any] = {
        "id": new_id(),
        "name": spec.name,
        "task": spec.task.name,
        "priority": spec.priority,
        "owner": spec.owner,
        "max_seconds": 3600 * spec.max_device_hours if max_seconds is None else max_seconds,
        "estimated_seconds": estimated_seconds,
        "spec": spec.model_dump(mode="json"),
        "facts": facts.model_dump(mode="json") if facts is not None else None,
        "plan": plan.model_dump(mode="json") if plan is not None else None,
        "idempotency_key": key,
        "body_hash": body_hash,
    }
    with database.write() as connection:
        row["created_at"] = connection.scalar(select(milliseconds_now))
        if not insert_missing(connection, studies, [row], "id"):
            return _replayed(connection, str(key), body_hash), False
        opened = slots.insert(connection, row["id"], first)
        events.append(connection, row["id"], [Event("submitted"), *(Event("opened", slot) for slot in opened)])
    return str(row["id"]), True


def _replayed(connection: Connection, key: str, body_hash: str) -> str:
    query = select(studies.c.id, studies.c.body_hash).where(studies.c.idempotency_key == key)
    stored = connection.execute(query).one()
    if stored.body_hash != body_hash:
        raise Conflict(f"The idempotency key {key!r} was used for another study ({stored.id}): take a new key.")
    return str(stored.id)


def is_stored(database: Database, key: str) -> bool:
    """Whether a study was submitted under this idempotency key."""
    with database.read() as connection:
        return connection.scalar(select(studies.c.id).where(studies.c.idempotency_key == key)) is not None


def load(database: Database, study: str) -> Stored:
    """
    Raises:
        NotFound: no such study.
    """
    with database.read() as connection:
        return read(connection, study)


def read(connection: Connection, study: str) -> Stored:
    """`load` within a transaction."""
    row = connection.execute(select(studies).where(studies.c.id == study)).one_or_none()
    if row is None:
        raise missing(study)
    return Stored(
        id=row.id,
        spec=StudySpec.model_validate(row.spec),
        facts=TaskFacts.model_validate(row.facts) if row.facts is not None else None,
        plan=_plan(row),
        created_at=row.created_at,
        cancelled_at=row.cancelled_at,
        ended_at=row.ended_at,
        recorded_at=row.recorded_at,
        reason=row.reason,
    )


def moment(database: Database, study: str) -> Moment:
    """
    Raises:
        NotFound: no such study.
    """
    with database.read() as connection:
        query = select(studies.c.sequence, studies.c.ended_at, studies.c.cancelled_at).where(studies.c.id == study)
        row = connection.execute(query).one_or_none()
    if row is None:
        raise missing(study)
    return Moment(row.sequence, row.ended_at is not None and row.cancelled_at is None)


def missing(study: str) -> NotFound:
    return NotFound(f"There is no study {study!r}.")


def _plan(row: Row[Any]) -> Plan | None:
    return Plan.model_validate(row.plan) if row.plan is not None else None


def get(database: Database, study: str) -> StudyResource:
    """One study, whole.

    Raises:
        NotFound: no such study.
    """
    with database.read() as connection:
        row = connection.execute(_rows().where(studies.c.id == study)).one_or_none()
        if row is None:
            raise missing(study)
        opened = progress.opened(connection, [study])[study]
        parts = _progress(row, opened)
        begun = select(func.min(attempts.c.started_at)).join(slot_rows).where(slot_rows.c.study == study)
        return StudyResource(
            **_summary(row, opened, parts).model_dump(),
            started_at=utc(connection.scalar(begun)),
            spec=row.spec,
            plan=row.plan,
            progress=parts,
            seconds_left=_seconds_left(connection, row, parts),
            reason=row.reason,
            paused=row.pause_reason if row.paused_at is not None and not _over(row) else "",
            estimated_seconds=row.estimated_seconds,
            extensions=extension_rows.told(_plan(row), row.extensions),
        )


@dataclass(frozen=True)
class Wanted:
    """Which studies a list is of: those that meet all that is given.

    Attributes:
        name: what their name holds, in any case. after: submitted after this time, ms since 1970.
    """

    state: StudyState | None = None
    task: str | None = None
    owner: str | None = None
    name: str | None = None
    after: int | None = None

    def conditions(self) -> Iterator[ColumnElement[bool]]:
        """What a study's row must meet."""
        for column, value in (
            (states.study_state, self.state),
            (studies.c.task, self.task),
            (studies.c.owner, self.owner),
        ):
            if value is not None:
                yield column == value
        if self.name is not None:
            yield studies.c.name.icontains(self.name, autoescape=True)
        if self.after is not None:
            yield studies.c.created_at > self.after


def page(database: Database, cursor: str | None, limit: int, wanted: Wanted = Wanted()) -> Page[StudySummary]:
    """Studies, newest first, of those that are wanted.

    Raises:
        InvalidSpec: not a cursor of this list.
    """
    query = _rows().where(*wanted.conditions()).order_by(studies.c.id.desc()).limit(limit + 1)
    if cursor is not None:
        query = query.where(studies.c.id < pagination.decode(cursor, str)[0])
    with database.read() as connection:
        rows = connection.execute(query).all()
        opened = progress.opened(connection, [row.id for row in rows[:limit]])
    items = []
    for row in rows[:limit]:
        parts = _progress(row, opened[row.id])
        items.append(_summary(row, opened[row.id], parts))
    return Page(items=tuple(items), next_cursor=pagination.encode(items[-1].id) if len(rows) > limit else None)


def _rows() -> Select[Any]:
    return select(studies, states.study_state.label("state"))


def _over(row: Row[Any]) -> bool:
    return row.ended_at is not None


def _progress(row: Row[Any], opened: progress.Opened) -> tuple[PhaseProgress, ...]:
    return progress.by_phase(_plan(row), opened, ended=_over(row), cancelled=row.cancelled_at is not None)


def _summary(row: Row[Any], opened: progress.Opened, parts: Sequence[PhaseProgress]) -> StudySummary:
    return StudySummary(
        id=row.id,
        name=row.name,
        task=row.task,
        state=row.state,
        phase=None if _over(row) else opened.phase,
        priority=row.priority,
        owner=row.owner,
        created_at=utc(row.created_at),
        ended_at=utc(row.ended_at),
        slots=progress.total(parts),
    )


def _seconds_left(connection: Connection, row: Row[Any], parts: Sequence[PhaseProgress]) -> float | None:
    """Device seconds per finished iteration x iterations left / live workers that have the task."""
    if _over(row) or row.plan is None:
        return None
    spent = select(func.sum(attempts.c.seconds)).join(slot_rows)
    ended = and_(slot_rows.c.study == row.id, slot_rows.c.outcome.in_(["done", "diverged"]))
    seconds = connection.scalar(spent.where(ended, attempts.c.how == slot_rows.c.outcome))
    trained = connection.scalar(select(func.sum(slot_rows.c.iterations)).where(ended))
    able = connection.execute(
        select(workers.c.tasks).where(workers.c.last_seen >= milliseconds_now - int(1000 * LIVE_SECONDS))
    )
    count = sum(row.task in worker.tasks for worker in able)
    if not seconds or not trained or not count:
        return None
    plan = Plan.model_validate(row.plan)
    lengths = {"range-test": plan.range_test.iterations if plan.range_test else 0, "describe": 1}
    left = sum((part.waiting + part.running) * lengths.get(part.phase, plan.iterations) for part in parts)
    return float(seconds / trained * left / count)


def lock(connection: Connection, ids: Iterable[str]) -> None:
    """Takes the rows' locks in the order that every transaction takes them; before any lock on a slot."""
    if ordered := sorted(set(ids)):
        rows = select(studies.c.id).where(studies.c.id.in_(ordered)).order_by(studies.c.id)
        connection.execute(rows.with_for_update()).all()


def stalled(database: Database) -> list[str]:
    """Live studies with no open slot: a round is due, or the end, unless a request is just opening it."""
    an_open_slot = exists().where(slot_rows.c.study == studies.c.id, states.is_open)
    with database.read() as connection:
        return list(connection.scalars(select(studies.c.id).where(states.live, ~an_open_slot).order_by(studies.c.id)))


def cancel(database: Database, study: str) -> None:
    """Ends a study: its slots are no longer leased, and their holders learn it at their next call. Twice is once.

    Raises:
        NotFound: no such study.
        Conflict: it has ended by itself.
    """
    with database.write() as connection:
        row = {"cancelled_at": milliseconds_now, "ended_at": milliseconds_now}
        if connection.execute(update(studies).where(studies.c.id == study, states.live).values(row)).rowcount:
            events.append(connection, study, [Event("cancelled")])
            return
        if read(connection, study).cancelled_at is None:
            raise Conflict(f"Study {study} has ended: there is nothing to cancel.")


def delete(database: Database, study: str) -> None:
    """Takes a study away with everything that hangs on it, its record first; its holders' next call finds no lease.

    Raises:
        NotFound: no such study.
    """
    with database.recording():
        stored = load(database, study)
        if stored.plan is not None:
            storage = database.optuna_storage()
            for name in optuna_trials.names(study, stored.plan):
                with contextlib.suppress(KeyError):  # nothing was recorded under that name
                    storage.delete_study(storage.get_study_id_from_name(name))
        with database.write() as connection:
            lock(connection, [study])
            held = select(slot_rows.c.id).where(slot_rows.c.study == study).order_by(slot_rows.c.id)
            connection.execute(held.with_for_update()).all()  # the cascade would lock them in any order
            connection.execute(sql_delete(studies).where(studies.c.id == study))
