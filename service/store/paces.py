"""Paces: how fast a kind of device trains a workload, as its attempts have measured it."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, select

from clr.plan import Plan, cost
from clr.protocol import Holding, Pace, TrialConfig
from service.store import workers
from service.store.clock import milliseconds_now
from service.store.dialect import insert_or_update
from service.store.schema import attempts, paces, slots

NEWEST = 0.25
"""Share of the newest measurement: one that was made while the machine was busy must not count alone."""


def note(connection: Connection, measured: Collection[tuple[Holding, Pace]]) -> list[str]:
    """Stores what attempts have measured; returns their studies."""
    now = connection.scalar(select(milliseconds_now)) if measured else None
    rows, studies = {}, set()
    for holding, pace in measured:
        of = select(slots.c.study, slots.c.config, attempts.c.device_kind).join(attempts)
        row = connection.execute(of.where(slots.c.id == holding.slot, attempts.c.fence == holding.fence)).one()
        key = cost.workload(TrialConfig.model_validate(row.config)), row.device_kind[:200]
        mixed = _mixed(_stored(connection, *key), pace)
        rows[key] = {"workload": key[0], "device_kind": key[1], **mixed.model_dump(), "measured_at": now}
        studies.add(row.study)
    if rows:  # in order: whoever stores several locks them alike
        insert_or_update(connection, paces, [rows[key] for key in sorted(rows)])
    return sorted(studies)


def _stored(connection: Connection, workload: str, kind: str) -> Pace | None:
    query = select(paces.c.iteration_seconds, paces.c.evaluation_seconds)
    row = connection.execute(query.where(paces.c.workload == workload, paces.c.device_kind == kind)).one_or_none()
    return None if row is None else Pace(**row._mapping)


def _mixed(old: Pace | None, new: Pace) -> Pace:
    if old is None:
        return new
    return Pace(
        iteration_seconds=(1 - NEWEST) * old.iteration_seconds + NEWEST * new.iteration_seconds,
        evaluation_seconds=(1 - NEWEST) * old.evaluation_seconds + NEWEST * new.evaluation_seconds,
    )


def known(connection: Connection, plan: Plan) -> tuple[Pace, str] | None:
    """A plan's pace and the kind of device that has it: the slowest of the kinds whose workers live and have the task.

    Where no such worker lives, say by day where machines work at night, it is the kind that measured last. None where
    none of them has measured it.
    """
    kinds = workers.live_kinds(connection, plan.base.task)
    query = select(paces).where(paces.c.workload == cost.workload(plan.base)).order_by(paces.c.measured_at.desc())
    query = query.where(paces.c.device_kind.in_(kinds)) if kinds else query.limit(1)
    found = [
        (Pace(iteration_seconds=row.iteration_seconds, evaluation_seconds=row.evaluation_seconds), row.device_kind)
        for row in connection.execute(query)
    ]
    return max(found, key=lambda pair: cost.seconds(plan, pair[0]), default=None)
