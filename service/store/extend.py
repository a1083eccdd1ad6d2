"""Extensions: what is added to a study, in one guarded transaction. The study lives on, if it had ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select, update

from clr.errors import Conflict
from clr.plan import Plan
from clr.results import Trial
from clr.spec import Extension, StudySpec
from service.store import events, extension_rows, slots, studies
from service.store.clock import milliseconds_now
from service.store.database import Database
from service.store.events import Event
from service.store.schema import studies as study_rows


@dataclass(frozen=True)
class Extendable:
    """A study that may be extended, as it was read.

    Attributes:
        trials: its slots, those of the range test with their curves. ended: it has come to its end.
        known: its extensions so far, as they are stored.
        max_seconds: device time that it may take; None: any.
    """

    spec: StudySpec
    plan: Plan
    trials: Sequence[Trial]
    ended: bool
    known: Sequence[Mapping[str, Any]]
    max_seconds: float | None

    def replays(self, key: str | None, body_hash: str) -> bool:
        """Whether the very same request was stored before.

        Raises:
            Conflict: the key was used for another extension of this study.
        """
        earlier = [entry for entry in self.known if key is not None and entry["key"] == key]
        if earlier and earlier[0]["body_hash"] != body_hash:
            raise Conflict(f"The idempotency key {key!r} was used for another extension of this study: take a new key.")
        return bool(earlier)


def read(database: Database, study: str) -> Extendable:
    """
    Raises:
        NotFound: no such study.
        Conflict: it was cancelled, or has no plan.
    """
    with database.read() as connection:
        stored = studies.read(connection, study)
        if stored.cancelled_at is not None:
            raise Conflict(f"Study {study} was cancelled: it can't be extended. Submit its spec as a new study.")
        if stored.plan is None:
            wait = "wait until a worker has found out the sizes of its task's data"
            why = wait if stored.ended_at is None else "it ended before there was one"
            raise Conflict(f"Study {study} has no plan that could be extended: {why}.")
        columns = select(study_rows.c.extensions, study_rows.c.max_seconds).where(study_rows.c.id == study)
        row = connection.execute(columns).one()
        trials = slots.read(connection, study, curves="range-test")
    ended = stored.ended_at is not None
    return Extendable(stored.spec, stored.plan, trials, ended, row.extensions or [], row.max_seconds)


def write(
    database: Database,
    study: str,
    found: Extendable,
    plan: Plan,
    extension: Extension,
    *,
    key: str | None,
    body_hash: str,
    estimated_seconds: float | None,
) -> bool:
    """Stores the longer plan; returns whether it did: not if the study was extended, cancelled or deleted meanwhile.

    Args:
        found: what `plan` was made of. extension: that it adds. key, body_hash: of the request.
        estimated_seconds: device time of the longer plan; None: not known yet.
    """
    with database.write() as connection:
        this = study_rows.c.id == study
        row = connection.execute(
            select(study_rows.c.extensions, study_rows.c.ended_at, milliseconds_now.label("now"))
            .where(this, study_rows.c.cancelled_at.is_(None))
            .with_for_update()
        ).one_or_none()
        if row is None or len(row.extensions or []) != len(found.known):
            return False
        changed: dict[str, Any] = {
            "plan": plan.model_dump(mode="json"),
            "extensions": [*found.known, extension_rows.entry(extension, row.now, key, body_hash)],
            "estimated_seconds": estimated_seconds,
            "recorded_at": None,
        }
        if row.ended_at is not None:
            changed |= {"ended_at": None, "reason": "", "paused_at": None, "pause_reason": ""}
        if extension.max_device_hours is not None:
            changed["max_seconds"] = 3600 * extension.max_device_hours
        connection.execute(update(study_rows).where(this).values(changed))
        events.append(connection, study, [Event("extended")])
    return True
