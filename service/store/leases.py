"""Leases: the right of one worker to run one slot for a while, with a fencing token.

Every write of a worker is one guarded statement: it changes the slot only where id, fence and holder match and the slot
is open. Nothing changed = the lease is lost. Safety hangs on the fence alone, never on clocks.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    Row,
    and_,
    bindparam,
    case,
    cast,
    exists,
    insert,
    select,
    update,
)

from clr.protocol import Answers, Holding, Lease, LeaseRequest, Release, Renewal, SlotAnswer, SlotReply, TrialConfig
from clr.results import Checkpoint
from service.store import accounts, events, fairness, rounds, states, studies, workers
from service.store.clock import milliseconds_now
from service.store.database import Database
from service.store.events import Event
from service.store.schema import attempts, checkpoints, slots
from service.store.schema import studies as study_rows

H = TypeVar("H", bound=Holding)
logger = logging.getLogger("clr.service")


def lease(database: Database, request: LeaseRequest, lease_seconds: float) -> tuple[Lease, ...]:
    """Leases up to `count` slots of one study to a worker.

    The study is the one with the highest priority, then of the owner that used the fewest device seconds of late
    (`service.store.fairness`), then the oldest; a paused one is passed by. Leases that ran out are counted first, in
    the same transaction. Right after the service's start they wait.

    Raises:
        NotFound: the worker has not registered.
    """
    with database.read() as connection:  # most requests of a worker that waits find nothing: they hold up no writer
        worker = workers.find(connection, request.worker)
        # Asked once connected: connecting may be what finds out that the database was out of reach.
        expired_too = database.grants_expired(lease_seconds)
        anything = choice(worker.tasks, expired_too=expired_too, shared=False)  # whose turn it is matters below
        at_work = bool(_lapsed(connection) if expired_too else ()) or connection.scalar(anything)
    if not at_work and worker.age < workers.TOUCH_MS:
        return ()
    with database.write() as connection:
        expired_too = database.grants_expired(lease_seconds)
        database.take_turns(connection, "lease")
        lapsed = _lapsed(connection) if expired_too else []
        chosen = _choose(connection, worker.tasks, expired_too)
        studies.lock(connection, [*lapsed, *([chosen] if chosen else [])])
        given_up = _expire(connection, lapsed)
        granted = _grant(connection, worker, chosen, request.count, lease_seconds) if chosen else ()
        if worker.age >= workers.TOUCH_MS:
            workers.touch(connection, request.worker)
    _open_rounds(database, given_up)
    return granted


def _open_rounds(database: Database, ids: Collection[str]) -> None:
    """A slot that was given up may have been the last of its round. The lease stands, whatever comes of this."""
    for study in ids:
        try:
            rounds.open(database, study)
        except Exception:
            logger.exception("the next round of study %s can't be opened", study)


def _grant(connection: Connection, worker: Row[Any], study: str, count: int, lease_seconds: float) -> tuple[Lease, ...]:
    claimed = _claim(connection, study, worker.id, count, lease_seconds)
    _begin_attempts(connection, worker, claimed)
    events.append(connection, study, [Event("leased", row.id, row.fence) for row in claimed])
    resume = _latest_checkpoints(connection, [row.id for row in claimed])
    return tuple(
        Lease(
            slot=row.id,
            fence=row.fence,
            study=row.study,
            number=row.number,
            attempt=row.attempt,
            config=TrialConfig.model_validate(row.config),
            resume=resume.get(row.id),
        )
        for row in claimed
    )


def choice(tasks: Collection[str], *, expired_too: bool, shared: bool) -> Any:
    """The study that a worker with these tasks is to work for, as a query. `shared`: more than one owner waits."""
    waiting = exists().where(slots.c.study == study_rows.c.id, states.leasable(expired_too=expired_too))
    able = select(study_rows.c.id).where(states.served, study_rows.c.task.in_(tasks), waiting).limit(1)
    if not shared:
        return able.order_by(study_rows.c.priority.desc(), study_rows.c.id)
    joined, used = fairness.used()
    return able.select_from(joined).order_by(study_rows.c.priority.desc(), used, study_rows.c.id)


def _choose(connection: Connection, tasks: Collection[str], expired_too: bool) -> str | None:
    shared = fairness.shared(connection)
    chosen: str | None = connection.scalar(choice(tasks, expired_too=expired_too, shared=shared))
    return chosen


def claim(study: str, worker: str, count: int, lease_seconds: float) -> Any:
    """The claim of a study's first free slots, as a statement; one that a renewal has locked right now is passed by."""
    served = exists().where(study_rows.c.id == study, states.served)  # it may have been paused since it was chosen
    waiting = select(slots.c.id).where(slots.c.study == study, states.free, served)
    waiting = waiting.order_by(slots.c.number).limit(count)
    first = waiting.with_for_update(skip_locked=True).cte("first")
    return (
        update(slots)
        .where(slots.c.id.in_(select(first.c.id)))
        .values(
            fence=slots.c.fence + 1,
            attempt=slots.c.attempt + 1,
            holder=worker,
            lease_until=_until(lease_seconds),
        )
        .returning(slots.c.id, slots.c.study, slots.c.number, slots.c.fence, slots.c.attempt, slots.c.config)
    )


def _claim(connection: Connection, study: str, worker: str, count: int, lease_seconds: float) -> Sequence[Row[Any]]:
    rows = connection.execute(claim(study, worker, count, lease_seconds)).all()
    return sorted(rows, key=lambda row: row.number)


def _until(lease_seconds: float) -> ColumnElement[int]:
    return milliseconds_now + round(1000 * lease_seconds)


def _begin_attempts(connection: Connection, worker: Row[Any], claimed: Sequence[Row[Any]]) -> None:
    if not claimed:
        return
    begun = insert(attempts).values(
        worker=worker.id,
        host=worker.host,
        device=worker.device["name"],
        device_kind=worker.device["kind"],
        started_at=milliseconds_now,
        how="running",
    )
    connection.execute(begun, [{"slot": row.id, "fence": row.fence} for row in claimed])


def _latest_checkpoints(connection: Connection, ids: Sequence[int]) -> dict[int, Checkpoint]:
    query = select(checkpoints).where(checkpoints.c.slot.in_(ids))
    rows = connection.execute(query.order_by(checkpoints.c.fence, checkpoints.c.iteration))
    return {row.slot: Checkpoint(iteration=row.iteration, path=row.path, sha256=row.sha256) for row in rows}


def _lapsed(connection: Connection) -> list[str]:
    """Studies with a lease that ran out."""
    # No DISTINCT: SQLite would walk every open slot, in the order of studies.
    return sorted(set(connection.scalars(select(slots.c.study).where(states.expired))))


def _expire(connection: Connection, ids: Sequence[str]) -> set[str]:
    """Counts leases that ran out as crashes; returns the studies in which a slot was given up for that.

    The holder stays noted: until the slot is leased again it may renew.
    """
    if not ids:
        return set()
    query = select(slots.c.id, slots.c.study, slots.c.fence, slots.c.iterations, study_rows.c.cancelled_at)
    query = query.join(study_rows)
    ran_out = query.where(states.expired, slots.c.study.in_(ids)).order_by(slots.c.id)
    rows = connection.execute(ran_out.with_for_update(of=slots, skip_locked=True)).all()
    stopped = [row for row in rows if row.cancelled_at is not None]
    if stopped:  # whoever held it heard of no crash but of the end
        freed = update(slots).where(slots.c.id.in_([row.id for row in stopped]))
        connection.execute(freed.values(holder=None, lease_until=None))
        _end_attempts(connection, stopped, "cancelled")
    lapsed = [row for row in rows if row.cancelled_at is None]
    if not lapsed:
        return set()
    counted = count_crash(connection, [row.id for row in lapsed], "the worker went silent")
    _end_attempts(connection, lapsed, "expired")
    for study in sorted({row.study for row in lapsed}):
        mine = [row for row in lapsed if row.study == study]
        given_up = [row for row in mine if counted[row.id]]
        accounts.book(connection, [accounts.Entry(study, 0.0, row.iterations) for row in given_up])
        events.append(connection, study, [event for row in mine for event in _expired(row, counted[row.id])])
    return {row.study for row in lapsed if counted[row.id]}


def _end_attempts(connection: Connection, rows: Sequence[Any], how: str) -> None:
    this = update(attempts).where(attempts.c.slot == bindparam("of"), attempts.c.fence == bindparam("under"))
    ended = this.values(how=how, ended_at=milliseconds_now)
    connection.execute(ended, [{"of": row.id, "under": row.fence} for row in rows])


def _expired(row: Any, outcome: str | None) -> list[Event]:
    expired = [Event("expired", row.id, row.fence)]
    return [*expired, Event("failed", row.id, row.fence)] if outcome else expired


def count_crash(connection: Connection, ids: Sequence[int], reason: str) -> dict[int, str | None]:
    """Counts a crash of each slot and takes its lease; gives those up that crashed too often. Returns the outcomes."""
    last = slots.c.crashes >= states.CRASHES - 1
    given_up = f"Given up after {states.CRASHES} crashes; the last: {reason}"
    counted = (
        update(slots)
        .where(slots.c.id.in_(ids), states.is_open)
        .values(
            crashes=slots.c.crashes + 1,
            lease_until=None,
            outcome=case((last, "failed")),
            reason=case((last, given_up), else_=""),
            ended_at=case((last, milliseconds_now)),
        )
        .returning(slots.c.id, slots.c.outcome)
    )
    return {row.id: row.outcome for row in connection.execute(counted)}


def held(worker: str, holding: Holding) -> ColumnElement[bool]:
    """The guard of every write: the slot is open, and leased last to this worker under this fence."""
    return and_(slots.c.id == holding.slot, slots.c.fence == holding.fence, slots.c.holder == worker, states.is_open)


def prolong(connection: Connection, worker: str, holding: Holding, lease_seconds: float) -> SlotReply | None:
    """Renews a lease that was not granted again, even where it ran out; takes the slot's lock.

    An expiry that was counted as a crash meanwhile is taken back. A paused study's lease is renewed, too, since its
    holder needs time to save, and answered "paused"; None where nothing was renewed.
    """
    cancelled = exists().where(study_rows.c.id == slots.c.study, study_rows.c.cancelled_at.is_not(None))
    paused = exists().where(study_rows.c.id == slots.c.study, study_rows.c.paused_at.is_not(None))
    query = select(slots.c.lease_until.is_(None).label("ran_out"), paused.label("paused"))
    row = connection.execute(query.where(held(worker, holding), ~cancelled).with_for_update(of=slots)).one_or_none()
    if row is None:
        return None
    renewed = update(slots).where(held(worker, holding)).values(lease_until=_until(lease_seconds))
    if row.ran_out:
        renewed = renewed.values(crashes=slots.c.crashes - 1)
        connection.execute(
            update(attempts)
            .where(attempts.c.slot == holding.slot, attempts.c.fence == holding.fence)
            .values(how="running", ended_at=None)
        )
    connection.execute(renewed)
    return "paused" if row.paused else "accepted"


def renew(database: Database, renewal: Renewal, lease_seconds: float) -> Answers:
    """Renews leases; those that ran out but were not granted again, too."""
    with database.write() as connection:

        def renewed(holding: Holding) -> SlotReply:
            kept = prolong(connection, renewal.worker, holding, lease_seconds)
            return kept or refusal(connection, holding)

        replies = each(renewal.leases, renewed)
        workers.touch(connection, renewal.worker)
    return replies


def release(database: Database, request: Release) -> Answers:
    """Gives slots and their attempts back: they can be leased at once, and it counts as no crash."""
    spent: list[accounts.Entry] = []
    with database.write() as connection:
        lock_studies(connection, request.leases)

        def released(holding: Holding) -> SlotReply:
            reply, study = _release(connection, request.worker, holding, request.reason)
            spent.extend([accounts.Entry(study, _stop_clock(connection, holding), 0)] if study else [])
            return reply

        replies = each(request.leases, released)
        accounts.book(connection, spent)
        workers.touch(connection, request.worker)
    return replies


def _stop_clock(connection: Connection, holding: Holding) -> float:
    """Notes how long an attempt that was given back has had its device; returns that [seconds]."""
    this = (attempts.c.slot == holding.slot, attempts.c.fence == holding.fence)
    seconds = cast(attempts.c.ended_at - attempts.c.started_at, Double) / 1000
    stopped = update(attempts).where(*this).values(seconds=seconds).returning(attempts.c.seconds)
    return float(connection.scalar(stopped) or 0.0)


def _release(connection: Connection, worker: str, holding: Holding, reason: str) -> tuple[SlotReply, str | None]:
    """The reply, and the study where something was given back."""
    given_back = (
        update(slots)
        .where(held(worker, holding))
        .values(
            holder=None,
            lease_until=None,
            attempt=slots.c.attempt - 1,
            # An expiry that was counted is taken back: the worker was there after all.
            crashes=slots.c.crashes - case((slots.c.lease_until.is_(None), 1), else_=0),
        )
        .returning(slots.c.study)
    )
    study = connection.scalar(given_back)
    if study is None:
        again = attempt_of(connection, worker, holding)
        same = again is not None and again.how == "released" and again.fence == again.current
        return "accepted" if same else refusal(connection, holding), None
    end_attempt(connection, holding, how="released", tail=reason)
    events.append(connection, study, [Event("released", holding.slot, holding.fence)])
    return "accepted", study


def end_attempt(connection: Connection, holding: Holding, *, how: str, tail: str, seconds: float = 0.0) -> None:
    """Notes how an attempt ended, with its last lines and its device time."""
    this = (attempts.c.slot == holding.slot, attempts.c.fence == holding.fence)
    facts = {"how": how, "tail": clean(tail), "seconds": seconds, "ended_at": milliseconds_now}
    connection.execute(update(attempts).where(*this).values(facts))


def clean(text: str) -> str:
    """PostgreSQL's text can't hold NUL, and a crashed process's last lines may."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}")


def attempt_of(connection: Connection, worker: str, holding: Holding) -> Row[Any] | None:
    """The worker's attempt under this fence, with `current`: the slot's newest fence."""
    query = select(attempts, slots.c.fence.label("current")).join(slots)
    mine = query.where(attempts.c.slot == holding.slot, attempts.c.fence == holding.fence, attempts.c.worker == worker)
    return connection.execute(mine).one_or_none()


def refusal(connection: Connection, holding: Holding) -> SlotReply:
    """Why nothing was changed."""
    query = select(study_rows.c.cancelled_at).join(slots).where(slots.c.id == holding.slot, states.is_open)
    return "lease-lost" if connection.scalar(query) is None else "cancelled"


def lock_studies(connection: Connection, holdings: Sequence[Holding]) -> None:
    """Locks the studies of these slots, before any slot is locked."""
    ids = [holding.slot for holding in holdings]
    studies.lock(connection, connection.scalars(select(slots.c.study).where(slots.c.id.in_(ids)).distinct()))


def each(holdings: Sequence[H], act: Callable[[H], SlotReply]) -> Answers:
    """Acts on slots in the order in which every transaction locks them; replies in the order asked."""
    order = sorted(range(len(holdings)), key=lambda k: (holdings[k].slot, holdings[k].fence))
    replies = {k: act(holdings[k]) for k in order}
    return Answers(answers=tuple(SlotAnswer(slot=h.slot, reply=replies[k]) for k, h in enumerate(holdings)))
