"""Results: how attempts ended, and with that slots."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, case, select, update

from clr.protocol import Answers, Result, Results, SlotReply
from service.store import accounts, events, leases, reports, states, workers
from service.store.accounts import Entry
from service.store.clock import milliseconds_now
from service.store.database import Database
from service.store.events import Event
from service.store.schema import slots
from service.store.schema import studies as study_rows


class Finished(NamedTuple):
    """What became of a batch. `studies`: that used device time; `ended`: those of them in which a round has ended."""

    answers: Answers
    ended: list[str]
    studies: list[str]


def finish(database: Database, batch: Results) -> Finished:
    """Stores how attempts ended.

    A result under a fence that was answered before is answered the same again; another one is a conflict. A crashed
    attempt frees its slot, and ends it as failed the third time.
    """
    ended: set[str] = set()
    used: list[Entry] = []
    with database.write() as connection:
        leases.lock_studies(connection, batch.results)

        def finished(result: Result) -> SlotReply:
            reply, study = _finish(connection, batch.worker, result, used)
            ended.update([study] if study else [])
            return reply

        replies = leases.each(batch.results, finished)
        accounts.book(connection, used)
        workers.touch(connection, batch.worker)
    return Finished(replies, sorted(ended), sorted({entry.study for entry in used}))


def _finish(connection: Connection, worker: str, result: Result, used: list[Entry]) -> tuple[SlotReply, str | None]:
    """The reply, and the study where a round of it has ended; what the attempt used goes to `used`."""
    slot, attempt = _locked(connection, result), leases.attempt_of(connection, worker, result)
    if slot is None or attempt is None or attempt.fence != attempt.current or attempt.how == "released":
        return "lease-lost", None
    if slot.cancelled_at is not None and slot.outcome is None:
        if attempt.how in ("running", "expired"):
            used.append(Entry(slot.study, result.seconds, 0))
        leases.end_attempt(connection, result, how="cancelled", seconds=result.seconds, tail=result.tail)
        return "cancelled", None
    if attempt.how not in ("running", "expired"):
        same = _same(attempt, slot, result)
        return ("accepted", _ended_round(connection, slot)) if same else ("conflict", None)
    if slot.outcome is not None:  # given up when the third lease ran out
        return "lease-lost", None
    if result.outcome == "pruned" and not _has_rung(slot, result):
        return "conflict", None
    if reports.contradicts(connection, result.slot, result.fence, result.evaluations):
        return "conflict", None
    reports.store(connection, result.slot, result.fence, result.evaluations)
    reason = leases.clean(result.reason)
    leases.end_attempt(connection, result, how=result.outcome, seconds=result.seconds, tail=result.tail)
    if result.outcome == "crashed":
        outcome = _crash(connection, worker, result, reason)
        happened = [Event("crashed", result.slot, result.fence)]
        happened += [Event("failed", result.slot, result.fence)] if outcome else []
    else:
        outcome = _end(connection, worker, result, reason)
        happened = [Event(result.outcome, result.slot, result.fence)]
    events.append(connection, slot.study, happened)
    used.append(Entry(slot.study, result.seconds, slot.iterations if outcome else 0))
    return "accepted", _ended_round(connection, slot) if outcome else None


def _ended_round(connection: Connection, slot: Row[Any]) -> str | None:
    """The slot's study where no slot of its round is open any more. Exact, since the study's row is locked."""
    same_round = [slots.c[name] == getattr(slot, name) for name in ("study", "phase", "arm", "round")]
    left = connection.scalar(select(slots.c.id).where(*same_round, states.is_open).limit(1))
    return str(slot.study) if left is None else None


def _locked(connection: Connection, result: Result) -> Row[Any] | None:
    query = (
        select(slots, study_rows.c.cancelled_at)
        .join(study_rows)
        .where(slots.c.id == result.slot)
        .with_for_update(of=slots)
    )
    return connection.execute(query).one_or_none()


def _has_rung(slot: Row[Any], result: Result) -> bool:
    """Whether the slot may be pruned where the result says that it was: never in confirm, which has no rungs."""
    rungs = [rung for rung in slot.config.get("rungs", ()) if rung["threshold"] is not None]
    return any(rung["iteration"] == result.iteration for rung in rungs)


def _same(attempt: Row[Any], slot: Row[Any], result: Result) -> bool:
    if attempt.how != result.outcome:
        return False
    return result.outcome not in ("done", "pruned") or (slot.value == result.value and (slot.test or {}) == result.test)


def _end(connection: Connection, worker: str, result: Result, reason: str) -> str:
    ended = (
        update(slots)
        .where(leases.held(worker, result))
        .values(
            outcome=result.outcome,
            value=result.value,
            test=result.test or None,
            facts=result.facts.model_dump(mode="json") if result.facts is not None else None,
            reason=reason,
            provenance=result.provenance or None,
            lease_until=None,
            ended_at=milliseconds_now,
        )
    )
    connection.execute(ended)
    return result.outcome


def _crash(connection: Connection, worker: str, result: Result, reason: str) -> str | None:
    """Frees the slot, or gives it up; returns its outcome. An expiry of this very attempt is not counted twice."""
    uncounted = slots.c.crashes - case((slots.c.lease_until.is_(None), 1), else_=0)
    freed = update(slots).where(leases.held(worker, result))
    connection.execute(freed.values(crashes=uncounted, holder=None, provenance=result.provenance or None))
    return leases.count_crash(connection, [result.slot], reason or "the training process died")[result.slot]
