"""The confirmed best of every study that has one: written when its answer is recorded, read without its slots."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from sqlalchemy import Connection, delete, insert, select, tuple_

from clr.errors import FieldError, InvalidSpec
from clr.evidence import Settings
from clr.findings import Finding, Findings
from clr.resources import Answer
from service import pagination
from service.store.clock import utc
from service.store.database import Database
from service.store.schema import findings, studies

ORDER = (
    findings.c.task, findings.c.model, findings.c.optimizer, findings.c.iterations, findings.c.setting,
    findings.c.cost, findings.c.study,
)  # fmt: skip
SHARED = frozenset(
    {"task", "task_options", "model", "model_options", "optimizer", "optimizer_options", "training", "batch_size",
     "iterations"}
)  # fmt: skip
"""The settings in which studies must agree to be roughly comparable."""


def setting(settings: Settings) -> str:
    """The name of what studies that train alike have in common."""
    shared = settings.model_dump(mode="json", include=set(SHARED))
    return hashlib.sha256(json.dumps(shared, sort_keys=True).encode()).hexdigest()[:16]


def write(connection: Connection, found: Answer) -> None:
    """Stores what a study has found, in place of what it had; nothing where no arm was confirmed."""
    connection.execute(delete(findings).where(findings.c.study == found.study))
    if (document := _document(found)) is None or found.settings is None:
        return
    sign = -1.0 if found.direction == "maximize" else 1.0
    row = {
        "study": found.study,
        "task": found.settings.task,
        "model": found.settings.model,
        "optimizer": found.settings.optimizer,
        "iterations": found.settings.iterations,
        "setting": document["setting"],
        "cost": sign * document["mean"],
        "finding": document,
    }
    connection.execute(insert(findings).values(row))


def _document(found: Answer) -> dict[str, Any] | None:
    """A finding without what the study's row knows."""
    if found.status != "confirmed" or found.best is None or found.settings is None:
        return None
    arm = next(arm for arm in found.arms if arm.arm == found.best.arm)
    reported = found.reported if found.reported is not None and found.reported.arm == arm.arm else None
    mean, interval = (reported.mean, reported.interval) if reported else (arm.mean, arm.interval)
    if mean is None:
        return None
    return {
        "setting": setting(found.settings),
        "settings": found.settings.model_dump(mode="json"),
        "metric": found.metric,
        "direction": found.direction,
        "action": found.action,
        "baseline": found.baseline,
        "arm": arm.arm,
        "family": arm.family,
        "schedule": found.best.schedule,
        "mean": mean,
        "interval": interval.model_dump() if interval else None,
        "seeds": len(reported.values if reported else arm.values),
        "fresh": reported is not None and reported.fresh,
        "sentence": found.sentence,
    }


def page(database: Database, cursor: str | None, limit: int, **wanted: str | None) -> Findings:
    """Findings of studies that are over, those of one setting together, the best mean of it first.

    Args:
        wanted: by column: task, model, optimizer, setting; None for all.

    Raises:
        InvalidSpec: not a cursor of this list, or its study is gone.
    """
    query = select(findings, studies.c.name, studies.c.ended_at).join(studies).where(studies.c.ended_at.is_not(None))
    for column, value in wanted.items():
        if value is not None:
            query = query.where(findings.c[column] == value)
    with database.read() as connection:
        if cursor is not None:
            query = query.where(tuple_(*ORDER) > tuple_(*_place(connection, cursor)))
        rows = connection.execute(query.order_by(*ORDER).limit(limit + 1)).all()
    items = tuple(
        Finding(study=row.study, name=row.name, ended_at=utc(row.ended_at), **row.finding) for row in rows[:limit]
    )
    return Findings(items=items, next_cursor=pagination.encode(items[-1].study) if len(rows) > limit else None)


def _place(connection: Connection, cursor: str) -> tuple[Any, ...]:
    """Where the study that a page ended with stands in the list."""
    (study,) = pagination.decode(cursor, str)
    row = connection.execute(select(*ORDER).where(findings.c.study == study)).one_or_none()
    if row is None:
        raise InvalidSpec([FieldError("/cursor", f"the study that the page ended with is gone ({study}): start anew")])
    return tuple(row)
