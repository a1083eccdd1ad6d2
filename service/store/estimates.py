"""Device time: what studies will take, what they may take, and that those are paused which take more.

Looked at when a pace is measured and after every result, in a transaction of its own: what a crash in between leaves
out, the next result makes up for.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy import Connection, select, update

from clr.errors import FieldError, InvalidSpec
from clr.plan import Plan, cost
from clr.protocol import Pace
from service.store import paces, pauses, states, studies
from service.store.database import Database
from service.store.schema import studies as study_rows

logger = logging.getLogger("clr.service")


@dataclass(frozen=True)
class Estimate:
    """Device seconds, at the pace measured on a kind of device."""

    seconds: float
    kind: str

    def __str__(self) -> str:
        return f"about {cost.in_words(self.seconds)} ({self.seconds:,.0f} s), at the pace measured on {self.kind}"


@dataclass(frozen=True)
class Standing:
    """How a live study stands: what it has used, may use, and will have used at its end; None where unknown."""

    used: float
    limit: float | None
    estimated: float | None
    projected: Estimate | None
    paused: bool


def pace(database: Database, plan: Plan) -> tuple[Pace, str] | None:
    """A plan's pace and the kind of device that has it; None until its workload was measured."""
    with database.read() as connection:
        return paces.known(connection, plan)


def of_plan(database: Database, plan: Plan) -> Estimate | None:
    """What a plan takes from its first trial to its last; None until its workload's pace is measured."""
    found = pace(database, plan)
    return None if found is None else Estimate(cost.seconds(plan, found[0]), found[1])


def refuse_above(limit: float, estimate: Estimate | None) -> None:
    """
    Raises:
        InvalidSpec: the estimate is above the limit [s].
    """
    if estimate is not None and estimate.seconds > limit:
        detail = f"the study takes {estimate}, and may take {limit / 3600:g}: ask for less, or for more device hours"
        raise InvalidSpec([FieldError("/max_device_hours", detail)])


def hold(database: Database, ids: Iterable[str]) -> None:
    """Gives studies their estimate once it is known, and pauses those that outgrow it or their limit.

    The results that led here are stored, whatever comes of this.
    """
    for study in ids:
        try:
            _hold(database, study)
        except Exception:
            logger.exception("what study %s will take can't be told", study)


def _hold(database: Database, study: str) -> None:
    with database.read() as connection:
        standing = _standing(connection, study)
    if standing is None or standing.paused:
        return
    known = standing.projected.seconds if standing.projected else None
    new = known if standing.estimated is None else None
    reason = _objection(study, standing)
    if new is None and not reason:
        return
    with database.write() as connection:
        studies.lock(connection, [study])
        if new is not None:
            unset = study_rows.c.id == study, study_rows.c.estimated_seconds.is_(None)
            connection.execute(update(study_rows).where(*unset).values(estimated_seconds=new))
        if reason and pauses.put(connection, study, reason):
            logger.warning("study %s is paused: %s", study, reason)


def _standing(connection: Connection, study: str) -> Standing | None:
    """None where the study is over or gone."""
    row = connection.execute(select(study_rows).where(study_rows.c.id == study, states.live)).one_or_none()
    if row is None:
        return None
    plan = Plan.model_validate(row.plan) if row.plan is not None else None
    pace = paces.known(connection, plan) if plan else None
    projected = None
    if plan and pace:
        projected = Estimate(cost.projected(row.used_seconds, row.ended_iterations, plan, pace[0]), pace[1])
    return Standing(row.used_seconds, row.max_seconds, row.estimated_seconds, projected, row.paused_at is not None)


def _objection(study: str, standing: Standing) -> str:
    """Why a study must not go on as it is, and how it can; "" where it may."""
    limit, projected = standing.limit, standing.projected
    if limit is not None and standing.used > limit:
        return f"It has taken {cost.in_words(standing.used)} and may take {_raise(study, limit, standing.used)}"
    if projected is None:
        return ""
    if standing.estimated is None:
        above = limit is not None and projected.seconds > limit
        return f"It takes {projected}, and may take {_raise(study, limit or 0.0, projected.seconds)}" if above else ""
    if cost.has_drifted(projected.seconds, standing.estimated):
        said = f"It will take {projected}, more than {cost.DRIFT:g} times the {cost.in_words(standing.estimated)}"
        if limit is not None and projected.seconds > limit:
            return f"{said} of its estimate, and may take {_raise(study, limit, projected.seconds)}"
        return f"{said} of its estimate. To accept that: clr resume {study}"
    return ""


def _raise(study: str, limit: float, needed: float) -> str:
    hours = f"{float(f'{1.2 * needed / 3600:.2g}'):g}"
    return f"{cost.in_words(limit)}. To let it go on: clr resume {study} --max-device-hours {hours}"


def accepted(database: Database, study: str, max_seconds: float | None) -> float | None:
    """What a study that is to be resumed will take: its new estimate; None where that is not known.

    Args:
        max_seconds: device time that it may take from now on; None: as before.

    Raises:
        InvalidSpec: it would take more than it may, so that it would only be paused again.
    """
    with database.read() as connection:
        standing = _standing(connection, study)
    if standing is None:
        return None
    limit = standing.limit if max_seconds is None else max_seconds
    if limit is not None:
        refuse_above(limit, standing.projected)
        if standing.used > limit:
            detail = f"the study has taken {cost.in_words(standing.used)} already, and may take {cost.in_words(limit)}"
            raise InvalidSpec([FieldError("/max_device_hours", f"{detail}: ask for more device hours")])
    return standing.projected.seconds if standing.projected else None
