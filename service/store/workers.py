"""Workers and the tasks that they announce."""

from __future__ import annotations

import builtins
from collections.abc import Collection
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, func, select, update

from clr.errors import NotFound
from clr.protocol import Registration, TaskFacts
from clr.resources import WorkerResource
from service.store import states
from service.store.clock import milliseconds_now, utc
from service.store.database import Database
from service.store.dialect import insert_or_update
from service.store.schema import slots, tasks, workers

LIVE_SECONDS = 60.0
LISTED = 1000
# A worker that waits for work asks about once a second; its last sign of life need not be that exact.
TOUCH_MS = 5_000


def register(database: Database, registration: Registration) -> None:
    """Stores a worker and the facts of its tasks; the newest facts of a task stand."""
    with database.write() as connection:
        now = connection.scalar(select(milliseconds_now))
        worker = {
            "id": registration.worker,
            "host": registration.host,
            "device": registration.device.model_dump(mode="json"),
            "versions": registration.versions,
            "tasks": [facts.name for facts in registration.tasks],
            "registered_at": now,
            "last_seen": now,
        }
        insert_or_update(connection, workers, [worker])
        announced = {facts.name: facts.model_dump(mode="json") for facts in registration.tasks}
        rows = [{"name": name, "facts": announced[name], "announced_at": now} for name in sorted(announced)]
        if rows:
            insert_or_update(connection, tasks, rows)


def facts(database: Database) -> dict[str, TaskFacts]:
    """The newest facts of every task that a worker ever announced, by name."""
    with database.read() as connection:
        rows = connection.execute(select(tasks.c.name, tasks.c.facts).order_by(tasks.c.name))
        return {row.name: TaskFacts.model_validate(row.facts) for row in rows}


def list(database: Database, live_seconds: float = LIVE_SECONDS) -> builtins.list[WorkerResource]:
    """The workers that were seen last, newest first; live: a sign of life within `live_seconds`."""
    held = select(slots.c.holder, func.count()).where(states.leased).group_by(slots.c.holder)
    age = milliseconds_now - workers.c.last_seen
    query = select(workers, age.label("age")).order_by(workers.c.last_seen.desc()).limit(LISTED)
    with database.read() as connection:
        holding = {holder: count for holder, count in connection.execute(held)}
        return [_resource(row, holding.get(row.id, 0), live_seconds) for row in connection.execute(query)]


def _resource(row: Row[Any], holding: int, live_seconds: float) -> WorkerResource:
    return WorkerResource(
        id=row.id,
        host=row.host,
        device=row.device,
        versions=row.versions,
        tasks=tuple(row.tasks),
        registered_at=utc(row.registered_at),
        last_seen=utc(row.last_seen),
        live=holding > 0 or row.age <= 1000 * live_seconds,
        holding=holding,
    )


def live_kinds(connection: Connection, task: str) -> set[str]:
    """The kinds of device on which live workers have the task."""
    rows = connection.execute(select(workers.c.tasks, workers.c.device).where(_seen_lately()))
    return {row.device["kind"] for row in rows if task in row.tasks}


def live(connection: Connection, holders: Collection[str]) -> builtins.list[tuple[str, builtins.list[str]]]:
    """Live workers with their tasks: seen of late, or among these, which hold a lease."""
    query = select(workers.c.id, workers.c.tasks).where(_seen_lately() | workers.c.id.in_(holders))
    return [(row.id, row.tasks) for row in connection.execute(query.order_by(workers.c.registered_at))]


def _seen_lately() -> ColumnElement[bool]:
    return workers.c.last_seen >= milliseconds_now - int(1000 * LIVE_SECONDS)


def find(connection: Connection, worker: str) -> Row[Any]:
    """A worker's row with `age`: milliseconds since its last sign of life.

    Raises:
        NotFound: no such worker registered.
    """
    age = milliseconds_now - workers.c.last_seen
    row = connection.execute(select(workers, age.label("age")).where(workers.c.id == worker)).one_or_none()
    if row is None:
        raise NotFound(f"There is no worker {worker!r}: a worker registers before it asks for work.")
    return row


def touch(connection: Connection, worker: str) -> None:
    """Notes a sign of life. The last statement of its transaction, so that this row is locked last."""
    connection.execute(update(workers).where(workers.c.id == worker).values(last_seen=milliseconds_now))
