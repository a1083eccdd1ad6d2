"""The queue: live studies in the order in which leases go to them, with what that means for each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, Row, select

from clr.errors import NotFound
from clr.plan import Plan, cost
from clr.resources import Counts
from clr.turns import Queue, Turn
from service import forecast
from service.forecast import Bench, Contender
from service.store import fairness, progress, states, studies, workers
from service.store.clock import milliseconds_now, utc
from service.store.database import Database
from service.store.schema import attempts, slots
from service.store.schema import studies as study_rows


@dataclass(frozen=True)
class _Standing:
    """A live study's row, its trials by state, and how long an update of it takes, evaluations and all [s]."""

    row: Row[Any]
    plan: Plan | None
    slots: Counts
    iteration_seconds: float | None

    @property
    def left(self) -> float | None:
        """Device seconds that it still needs."""
        if self.plan is None or self.iteration_seconds is None:
            return None
        return self.iteration_seconds * max(0, cost.iterations(self.plan) - int(self.row.ended_iterations))

    @property
    def contender(self) -> Contender:
        each = None
        if self.plan is not None and self.iteration_seconds is not None:
            each = self.iteration_seconds * self.plan.iterations
        row = self.row
        return Contender(row.id, row.task, row.owner, row.priority, self.slots.waiting, each)


def read(database: Database, study: str | None = None) -> Queue:
    """Every live study, or that one alone.

    Raises:
        NotFound: it is not there, or it is over.
    """
    with database.read() as connection:
        found = _standings(connection)
        benches = _benches(connection, {one.row.id: one.iteration_seconds for one in found})
        now = utc(int(connection.scalar(select(milliseconds_now)) or 0))
        if study is not None and study not in {one.row.id for one in found}:
            studies.read(connection, study)
            raise NotFound(f"Study {study} is over: it waits for nothing.")
    served = [one for one in found if one.row.state != "paused"]
    used = {one.row.owner: float(one.row.used) for one in served}
    starts = forecast.starts([one.contender for one in served if one.slots.waiting], used, benches)
    turns = [
        _turn(place, one, served[: place - 1], starts.get(one.row.id), benches) for place, one in enumerate(found, 1)
    ]
    dated = [
        turn if wait is None else turn.model_copy(update={"starts_at": now + timedelta(seconds=wait)})
        for turn, wait in zip(turns, (starts.get(one.row.id) for one in found), strict=True)
    ]
    return Queue(turns=tuple(turn for turn in dated if study in (None, turn.study)), workers=len(benches))


def _standings(connection: Connection) -> list[_Standing]:
    joined, used = fairness.used()
    paused = study_rows.c.paused_at.is_not(None)
    query = select(study_rows, states.study_state.label("state"), used.label("used")).select_from(joined)
    order = paused, study_rows.c.priority.desc(), used, study_rows.c.id
    rows = connection.execute(query.where(states.live).order_by(*order)).all()
    written = progress.opened(connection, [row.id for row in rows])
    return [_standing(row, written[row.id]) for row in rows]


def _standing(row: Row[Any], written: progress.Opened) -> _Standing:
    plan = Plan.model_validate(row.plan) if row.plan is not None else None
    parts = progress.by_phase(plan, written, ended=False, cancelled=False)
    pace = None
    if row.ended_iterations and row.used_seconds:
        pace = row.used_seconds / row.ended_iterations
    elif plan is not None and row.estimated_seconds is not None:
        pace = row.estimated_seconds / max(1, cost.iterations(plan))
    return _Standing(row, plan, progress.total(parts), pace)


def _benches(connection: Connection, iteration_seconds: dict[str, float | None]) -> list[Bench]:
    """Live workers. One that runs several trials is free when the last of them has ended."""
    busy: dict[str, float | None] = {}
    age = (milliseconds_now - attempts.c.started_at).label("age")
    held = select(slots.c.holder, slots.c.study, slots.c.iterations, age).join(
        attempts, (attempts.c.slot == slots.c.id) & (attempts.c.fence == slots.c.fence)
    )
    for row in connection.execute(held.where(states.leased)):
        each = iteration_seconds.get(row.study, 0.0)  # of a study that is over it lets go at its next call
        left = None if each is None else max(0.0, each * row.iterations - row.age / 1000)
        before = busy.get(row.holder, 0.0)
        busy[row.holder] = None if left is None or before is None else max(left, before)
    return [Bench(tasks, busy.get(worker, 0.0)) for worker, tasks in workers.live(connection, busy)]


def _turn(
    place: int, one: _Standing, before: Sequence[_Standing], starts: float | None, benches: Sequence[Bench]
) -> Turn:
    row, lefts = one.row, [other.left for other in before]
    ahead = None if any(left is None for left in lefts) else sum(left or 0.0 for left in lefts)
    return Turn(
        position=place,
        study=row.id,
        name=row.name,
        task=row.task,
        owner=row.owner,
        priority=row.priority,
        state=row.state,
        paused=row.pause_reason if row.state == "paused" else "",
        waiting=one.slots.waiting,
        running=one.slots.running,
        seconds_left=one.left,
        seconds_ahead=ahead,
        starts_at=None,
        sentence=_sentence(one, len(before), ahead, starts, benches),
    )


def _sentence(one: _Standing, before: int, ahead: float | None, starts: float | None, benches: Sequence[Bench]) -> str:
    """What runs before it, and when it starts."""
    if one.row.state == "paused":
        return f"It is paused: {one.row.pause_reason} Nothing of it is handed out until it is resumed."
    if not any(one.row.task in bench.tasks for bench in benches):
        return f"No live worker has its task {one.row.task!r}: it waits for one."
    known = (
        ""
        if ahead is None or not before
        else f", which {'needs' if before == 1 else 'need'} about {cost.in_words(ahead)} more"
    )
    studies_ = f"{before} {'study' if before == 1 else 'studies'}"
    first = (
        f"Before it {'stands' if before == 1 else 'stand'} {studies_}{known}" if before else "Nothing stands before it"
    )
    running = f"; {one.slots.running} of its trials {'is' if one.slots.running == 1 else 'are'} running"
    return f"{first}{running if one.slots.running else ''}; {_next(one, starts)}."


def _next(one: _Standing, starts: float | None) -> str:
    trial = "its next trial" if one.slots.running else "its first trial"
    if not one.slots.waiting:
        return "no trial of it waits"
    if starts is None:
        return f"when a worker takes {trial} can't be told yet"
    return f"a worker takes {trial} " + ("now" if starts < 1 else f"in about {_time(starts)}")


def _time(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
