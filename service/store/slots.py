"""Slots: written when their round opens, seen as trials."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, ScalarSelect, Select, case, func, literal, select

from clr.errors import NotFound
from clr.plan import PlannedSlot
from clr.resources import AttemptResource, Page, TrialResource, TrialState
from clr.results import Evaluation, Phase, Trial
from service import pagination
from service.store import states
from service.store.clock import utc
from service.store.database import Database
from service.store.dialect import insert_missing
from service.store.schema import attempts, evaluations, slots, studies

Curves = Literal["none", "range-test", "search", "ends", "all"]
"""Which evaluations come with trials. search: the curves of range test and search, which a pruned search goes on from.
ends: the range test's curves, and the last evaluation of every other trial."""
_FOR_A_TRIAL = [column for column in slots.c if column.name not in ("config", "provenance", "facts")]


def insert(connection: Connection, study: str, planned: Sequence[PlannedSlot]) -> Sequence[int]:
    """Writes those of a round's slots that are not there yet; returns their ids."""
    rows = [
        {
            "study": study,
            **slot.model_dump(mode="json", include={"phase", "arm", "round", "position", "number", "params", "config"}),
            "seed": slot.config.seed,
            "split_seed": slot.config.split_seed,
            "iterations": slot.config.iterations,
        }
        for slot in planned
    ]
    return insert_missing(connection, slots, rows, "id") if rows else ()


def trials(database: Database, study: str, *, curves: Curves) -> tuple[Trial, ...]:
    """Every slot of a study that is written, by number, with the curves that are asked for."""
    with database.read() as connection:
        return read(connection, study, curves=curves)


def read(connection: Connection, study: str, *, curves: Curves) -> tuple[Trial, ...]:
    """`trials` within a transaction."""
    found = _curves(connection, study, curves)
    rows = connection.execute(_rows(study, *_FOR_A_TRIAL).order_by(slots.c.number)).all()
    return tuple(_trial(row, found.get(row.id, ())) for row in rows)


def unrecorded(connection: Connection, study: str, condition: ColumnElement[bool], limit: int) -> dict[int, Trial]:
    """The first slots, by number, that meet a condition, with their curves, by id."""
    rows = connection.execute(_rows(study).where(condition).order_by(slots.c.number).limit(limit)).all()
    measured = connection.execute(_evaluations().where(evaluations.c.slot.in_([row.id for row in rows]))).all()
    curves = _grouped(measured)
    return {row.id: _trial(row, curves.get(row.id, ())) for row in rows}


def page(
    database: Database,
    study: str,
    cursor: str | None,
    limit: int,
    *,
    phase: Phase | None = None,
    arm: str | None = None,
    state: TrialState | None = None,
) -> Page[TrialResource]:
    """The slots that are written, by number, with their attempts, without curves.

    Raises:
        NotFound: no such study.
        InvalidSpec: not a cursor of this list.
    """
    query = _rows(study).order_by(slots.c.number).limit(limit + 1)
    if cursor is not None:
        query = query.where(slots.c.number > pagination.decode(cursor, int)[0])
    for column, wanted in ((slots.c.phase, phase), (slots.c.arm, arm), (states.slot_state, state)):
        if wanted is not None:
            query = query.where(column == wanted)
    with database.read() as connection:
        if not connection.scalar(select(func.count()).where(studies.c.id == study)):
            raise NotFound(f"There is no study {study!r}.")
        rows = connection.execute(query).all()
        tried = _attempts(connection, [row.id for row in rows[:limit]])
    items = tuple(_resource(row, tried.get(row.id, ())) for row in rows[:limit])
    return Page(items=items, next_cursor=pagination.encode(items[-1].number) if len(rows) > limit else None)


def whole(database: Database, study: str) -> tuple[TrialResource, ...]:
    """Every slot that is written, by number, with attempts and curves: what a report is drawn from."""
    with database.read() as connection:
        rows = connection.execute(_rows(study).order_by(slots.c.number)).all()
        tried = _attempts(connection, [row.id for row in rows])
        curves = _curves(connection, study, "all")
    found = ((_resource(row, tried.get(row.id, ())), curves.get(row.id, ())) for row in rows)
    return tuple(resource.model_copy(update={"curve": curve}) for resource, curve in found)


def get(database: Database, study: str, number: int) -> TrialResource:
    """One slot with its attempts and its curve.

    Raises:
        NotFound: no such slot, or its round is not open yet.
    """
    with database.read() as connection:
        row = connection.execute(_rows(study).where(slots.c.number == number)).one_or_none()
        if row is None:
            raise NotFound(f"Study {study!r} has no trial {number}; those of rounds to come are not there yet.")
        tried = _attempts(connection, [row.id])
        curve = _grouped(connection.execute(_evaluations().where(evaluations.c.slot == row.id)).all())
    return _resource(row, tried.get(row.id, ())).model_copy(update={"curve": curve.get(row.id, ())})


def _rows(study: str, *columns: ColumnElement[Any]) -> Select[Any]:
    """Of a study's slots, these columns or all, and what is derived."""
    seconds = select(func.coalesce(func.sum(attempts.c.seconds), 0.0)).where(attempts.c.slot == slots.c.id)
    return (
        select(
            *(columns or (slots,)),
            states.slot_state.label("state"),
            seconds.scalar_subquery().label("seconds"),
            _device_kind().label("device_kind"),
            studies.c.facts["metric"].as_string().label("metric"),
        )
        .join(studies)
        .where(slots.c.study == study)
    )


def _device_kind() -> ColumnElement[str]:
    """Of a confirm slot's last attempt, else "": nobody asks it of the many slots of a search."""
    last = select(attempts.c.device_kind).where(attempts.c.slot == slots.c.id, attempts.c.fence == slots.c.fence)
    return case((slots.c.phase == "confirm", func.coalesce(last.scalar_subquery(), "")), else_="")


def _evaluations() -> Select[Any]:
    return select(evaluations).order_by(evaluations.c.slot, evaluations.c.iteration)


def _curves(connection: Connection, study: str, curves: Curves) -> Mapping[int, tuple[Evaluation, ...]]:
    if curves == "none":
        return {}
    query, ramps = _evaluations().join(slots).where(slots.c.study == study), slots.c.phase == "range-test"
    if curves == "all":
        return _grouped(connection.execute(query).all())
    if curves == "search":
        return _grouped(connection.execute(query.where(slots.c.phase.in_(["range-test", "search"]))).all())
    whole = connection.execute(query.where(ramps)).all()
    # A query of its own: under an OR the databases would look at every evaluation.
    ends = query.where(~ramps, evaluations.c.iteration == _last_iteration())
    return _grouped([*whole, *(connection.execute(ends).all() if curves == "ends" else ())])


def _last_iteration() -> ScalarSelect[int]:
    others = evaluations.alias()
    return select(func.max(others.c.iteration)).where(others.c.slot == slots.c.id).scalar_subquery()


def _grouped(rows: Sequence[Row[Any]]) -> dict[int, tuple[Evaluation, ...]]:
    found: dict[int, list[Evaluation]] = {}
    for row in rows:
        found.setdefault(row.slot, []).append(Evaluation(row.iteration, row.metrics))
    return {slot: tuple(curve) for slot, curve in found.items()}


def _outcome_value(row: Row[Any]) -> float | None:
    """The phase's metric: validation in search, test in confirm."""
    if row.outcome != "done" or row.phase not in ("search", "confirm"):
        return None
    value: float | None = row.value if row.phase == "search" else (row.test or {}).get(row.metric)
    return value


def _trial(row: Row[Any], curve: tuple[Evaluation, ...]) -> Trial:
    return Trial(
        number=row.number,
        phase=row.phase,
        arm=row.arm,
        round=row.round,
        position=row.position,
        params=row.params,
        seed=row.seed,
        split_seed=row.split_seed,
        iterations=row.iterations,
        outcome=None if row.state in ("waiting", "running") else row.state,
        value=_outcome_value(row),
        reason=row.reason,
        curve=curve,
        test=row.test or {},
        seconds=row.seconds,
        device_kind=row.device_kind,
    )


def _resource(row: Row[Any], tried: tuple[AttemptResource, ...]) -> TrialResource:
    return TrialResource(
        study=row.study,
        number=row.number,
        phase=row.phase,
        arm=row.arm,
        round=row.round,
        position=row.position,
        params=row.params,
        schedule=row.config["schedule"],
        seed=row.seed,
        split_seed=row.split_seed,
        iterations=row.iterations,
        state=row.state,
        value=_outcome_value(row),
        test=row.test or {},
        reason=row.reason,
        seconds=row.seconds,
        attempts=tried,
        provenance=row.provenance or {},
    )


def _attempts(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[AttemptResource, ...]]:
    how = case(
        ((attempts.c.how == "running") & studies.c.cancelled_at.is_not(None), literal("cancelled")),
        else_=attempts.c.how,
    )
    query = (
        select(attempts, how.label("ended_how"))
        .select_from(attempts.join(slots).join(studies))
        .where(attempts.c.slot.in_(ids))
        .order_by(attempts.c.slot, attempts.c.fence)
    )
    found: dict[int, list[AttemptResource]] = {}
    for row in connection.execute(query):
        found.setdefault(row.slot, []).append(_attempt(row))
    return {slot: tuple(tried) for slot, tried in found.items()}


def _attempt(row: Row[Any]) -> AttemptResource:
    return AttemptResource(
        fence=row.fence,
        worker=row.worker,
        host=row.host,
        device=row.device,
        device_kind=row.device_kind,
        started_at=utc(row.started_at),
        ended_at=utc(row.ended_at),
        how=row.ended_how,
        tail=row.tail,
    )
