"""Reports: evaluations and checkpoints of running slots."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from clr.protocol import Answers, Pace, Report, Reports, SlotReply
from clr.results import Checkpoint, Evaluation
from service.store import leases, paces, workers
from service.store.database import Database
from service.store.dialect import insert_or_update
from service.store.schema import checkpoints, evaluations


def report(database: Database, batch: Reports, lease_seconds: float) -> tuple[Answers, list[str]]:
    """Stores what running slots have measured and saved; renews their leases. Also returns the studies with a new pace.

    What is told of a paused study is stored, too, and answered "paused".

    The same values again are accepted, another value for an iteration reported under the same fence is a conflict and
    changes nothing. What an earlier attempt reported gives way: on another device the last bits may differ.
    """
    measured: list[tuple[Report, Pace]] = []
    with database.write() as connection:

        def reported(item: Report) -> SlotReply:
            reply = _report(connection, batch.worker, item, lease_seconds)
            measured.extend([(item, item.pace)] if item.pace and reply in ("accepted", "paused") else [])
            return reply

        replies = leases.each(batch.reports, reported)
        paced = paces.note(connection, measured)
        workers.touch(connection, batch.worker)
    return replies, paced


def _report(connection: Connection, worker: str, item: Report, lease_seconds: float) -> SlotReply:
    kept = leases.prolong(connection, worker, item, lease_seconds)
    if kept is None:
        return "accepted" if _is_stored(connection, worker, item) else leases.refusal(connection, item)
    if contradicts(connection, item.slot, item.fence, item.evaluations) or _moves(connection, item):
        return "conflict"
    store(connection, item.slot, item.fence, item.evaluations)
    if item.checkpoint is not None:
        row = {"slot": item.slot, "fence": item.fence, **vars(item.checkpoint)}
        insert_or_update(connection, checkpoints, [row])
    return kept


def contradicts(connection: Connection, slot: int, fence: int, measured: Sequence[Evaluation]) -> bool:
    """Whether another value is stored, or given twice, for an iteration of this attempt."""
    known = _stored(connection, slot, fence, measured)
    for evaluation in measured:
        if known.setdefault(evaluation.iteration, dict(evaluation.metrics)) != evaluation.metrics:
            return True
    return False


def store(connection: Connection, slot: int, fence: int, measured: Sequence[Evaluation]) -> None:
    """Writes evaluations that contradict nothing."""
    rows = {
        e.iteration: {"slot": slot, "iteration": e.iteration, "fence": fence, "metrics": e.metrics} for e in measured
    }
    if rows:
        insert_or_update(connection, evaluations, list(rows.values()))


def _stored(
    connection: Connection, slot: int, fence: int, measured: Sequence[Evaluation]
) -> dict[int, dict[str, float]]:
    if not measured:
        return {}
    query = select(evaluations.c.iteration, evaluations.c.metrics).where(
        evaluations.c.slot == slot,
        evaluations.c.fence == fence,
        evaluations.c.iteration.in_([evaluation.iteration for evaluation in measured]),
    )
    return {row.iteration: row.metrics for row in connection.execute(query)}


def _checkpoint(connection: Connection, item: Report) -> Checkpoint | None:
    assert item.checkpoint is not None
    query = select(checkpoints).where(
        checkpoints.c.slot == item.slot,
        checkpoints.c.fence == item.fence,
        checkpoints.c.iteration == item.checkpoint.iteration,
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else Checkpoint(iteration=row.iteration, path=row.path, sha256=row.sha256)


def _moves(connection: Connection, item: Report) -> bool:
    """Whether another checkpoint is stored for the same iteration of this attempt."""
    return item.checkpoint is not None and _checkpoint(connection, item) not in (None, item.checkpoint)


def _is_stored(connection: Connection, worker: str, item: Report) -> bool:
    """Whether this is a report that was answered before: of the newest attempt, and all of it is stored."""
    mine = leases.attempt_of(connection, worker, item)
    if mine is None or mine.fence != mine.current:
        return False
    known = _stored(connection, item.slot, item.fence, item.evaluations)
    measured = all(known.get(e.iteration) == e.metrics for e in item.evaluations)
    return measured and (item.checkpoint is None or _checkpoint(connection, item) == item.checkpoint)
