"""The record: what every Optuna tool can read, written in the background. The answer never waits for it."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Sequence

import optuna
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial
from sqlalchemy import ColumnElement, and_, exists, or_, select, update

from clr.analysis import answer, peak_interval
from clr.errors import NotFound
from clr.plan import Plan
from clr.results import Trial
from service.store import findings, optuna_trials, slots, studies
from service.store.clock import milliseconds_now
from service.store.database import Database
from service.store.schema import slots as slot_rows
from service.store.schema import studies as study_rows

logger = logging.getLogger("clr.service")
INTERVAL = 1.0
PATIENCE = 60.0
# Slots written while the record's lock is held: deleting a study waits for it.
BATCH = 32


class Recorder:
    """Writes slots that have ended, and studies that have, into Optuna's storage.

    `add_trial` is one transaction of Optuna's own, so a crash can fall between it and our note of it: what is in the
    storage already is looked up by attribute first.
    """

    def __init__(self, database: Database, interval: float = INTERVAL) -> None:
        self._database, self._interval = database, interval
        self._stopping = threading.Event()
        self._patience: dict[str, float] = {}
        self._thread = threading.Thread(target=self._run, name="clr-recorder", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Returns once nothing is being written."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def record(self) -> int:
        """Writes everything that is due; returns how many trials it wrote."""
        now = time.monotonic()
        return sum(self._record(study) for study in due(self._database) if self._patience.get(study, now) <= now)

    def _run(self) -> None:
        while not self._stopping.wait(self._interval):
            try:
                self.record()
            except Exception:
                logger.exception("the record can't be written; it is tried again")

    def _record(self, study: str) -> int:
        try:
            total = written = record_slots(self._database, study, BATCH)
            while written == BATCH and not self._stopping.is_set():
                written = record_slots(self._database, study, BATCH)
                total += written
            return total if self._stopping.is_set() else total + record_answer(self._database, study)
        except NotFound:  # deleted in between
            return 0
        except Exception:
            logger.exception("the record of study %s can't be written; tried again in %g s", study, PATIENCE)
            self._patience[study] = time.monotonic() + PATIENCE
            return 0


def due(database: Database) -> Sequence[str]:
    """Studies that ended, or have slots that did, and are not recorded."""
    ended = exists().where(slot_rows.c.study == study_rows.c.id, _unrecorded())
    query = select(study_rows.c.id).where(
        study_rows.c.recorded_at.is_(None),
        study_rows.c.plan.is_not(None),
        or_(study_rows.c.ended_at.is_not(None), ended),
    )
    with database.read() as connection:
        return connection.scalars(query.order_by(study_rows.c.id)).all()


def _unrecorded() -> ColumnElement[bool]:
    ended = and_(slot_rows.c.outcome.is_not(None), slot_rows.c.recorded_at.is_(None))
    return and_(ended, slot_rows.c.phase.in_(optuna_trials.PHASES))


def record_slots(database: Database, study: str, limit: int) -> int:
    """Writes up to `limit` slots; returns how many there were.

    Raises:
        NotFound: no such study.
    """
    with database.recording():
        with database.read() as connection:
            plan = studies.read(connection, study).plan
            found = slots.unrecorded(connection, study, _unrecorded(), limit)
            ramps = slots.read(connection, study, curves="range-test")
        if plan is None or not found:
            return 0
        _write_slots(database.optuna_storage(), study, plan, list(found.values()), ramps)
        with database.write() as connection:
            these = slot_rows.c.id.in_(found)
            connection.execute(update(slot_rows).where(these).values(recorded_at=milliseconds_now))
    return len(found)


def _write_slots(storage: BaseStorage, study: str, plan: Plan, trials: Sequence[Trial], ramps: Sequence[Trial]) -> None:
    settled = peak_interval.settle(plan, peak_interval.ramp_rounds(plan, ramps))
    assert settled is not None, "a search begins after the range test"
    for phase, arm in sorted({(trial.phase, trial.arm) for trial in trials}):
        varied = optuna_trials.distributions(plan, arm, settled.interval)
        chosen = [trial for trial in trials if (trial.phase, trial.arm) == (phase, arm)]
        new = [optuna_trials.of_slot(trial, plan.facts.metric, varied) for trial in chosen]
        _add_missing(storage, optuna_trials.name(study, phase, arm), plan, new, key="slot")


def record_answer(database: Database, study: str) -> int:
    """Writes an ended study's arms, and that it is recorded; returns how many arms it wrote.

    Raises:
        NotFound: no such study.
    """
    with database.recording():
        with database.read() as connection:
            stored = studies.read(connection, study)
            trials = slots.read(connection, study, curves="all")
        if stored.ended_at is None or stored.recorded_at is not None or stored.plan is None:
            return 0
        found = answer.answer(study, stored.plan, trials, ended=True)
        arms, storage = optuna_trials.of_arms(found), database.optuna_storage()
        if stored.plan.extensions:
            _take_back(storage, study, arms)
        written = _add_missing(storage, study, stored.plan, arms, key="arm")
        with database.write() as connection:
            # Not of a study that was extended meanwhile: what is still to come of it would never be recorded.
            this = update(study_rows).where(study_rows.c.id == study, study_rows.c.ended_at == stored.ended_at)
            if connection.execute(this.values(recorded_at=milliseconds_now)).rowcount:
                findings.write(connection, found)
    return written


def _take_back(storage: BaseStorage, study: str, arms: Sequence[FrozenTrial]) -> None:
    """Removes what was recorded of the arms before an extension, where that says something else today."""
    with contextlib.suppress(KeyError):  # nothing was recorded
        record = storage.get_study_id_from_name(study)
        said = [(trial.values, trial.user_attrs) for trial in storage.get_all_trials(record)]
        if said != [(arm.values, arm.user_attrs) for arm in arms]:
            storage.delete_study(record)


def _add_missing(storage: BaseStorage, name: str, plan: Plan, trials: Sequence[FrozenTrial], *, key: str) -> int:
    record = optuna.create_study(storage=storage, study_name=name, direction=plan.facts.direction, load_if_exists=True)
    known = {trial.user_attrs.get(key) for trial in record.get_trials(deepcopy=False)}
    missing = [trial for trial in trials if trial.user_attrs[key] not in known]
    record.add_trials(missing)
    return len(missing)
