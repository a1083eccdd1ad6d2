"""What studies say, computed when it is asked for, and kept once a study has settled."""

from __future__ import annotations

import threading
from collections import OrderedDict

from sqlalchemy import Connection

from clr.analysis import answer
from clr.resources import Answer
from service.store import slots, studies
from service.store.database import Database
from service.store.studies import Stored

KEPT = 256


class Answers:
    """Answers of studies, the last `kept` of those that have settled among them.

    A settled study's answer belongs to its count of events: whatever changes it (an extension) is an event.
    """

    def __init__(self, database: Database, kept: int = KEPT) -> None:
        self._database, self._kept = database, kept
        self._found: OrderedDict[str, tuple[int, Answer]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, study: str) -> Answer:
        """The answer of a study.

        Raises:
            NotFound: no such study.
        """
        moment = studies.moment(self._database, study)
        if (known := self._known(study, moment.sequence)) is not None:
            return known
        with self._database.read() as connection:
            made = compute(connection, study)
        if moment.settled:
            self._keep(study, moment.sequence, made)
        return made

    def _known(self, study: str, sequence: int) -> Answer | None:
        with self._lock:
            at, found = self._found.get(study, (-1, None))
            if found is None or at != sequence:
                return None
            self._found.move_to_end(study)
            return found

    def _keep(self, study: str, sequence: int, made: Answer) -> None:
        with self._lock:
            self._found[study] = sequence, made
            self._found.move_to_end(study)
            while len(self._found) > self._kept:
                self._found.popitem(last=False)


def compute(connection: Connection, study: str) -> Answer:
    """The answer, from the study's plan and slots as they stand.

    Raises:
        NotFound: no such study.
    """
    stored = studies.read(connection, study)
    if stored.plan is None:
        return _before_the_plan(stored)
    # A whole confirm curve says when a target was reached, and nothing else.
    judged = stored.plan.target is not None or bool(stored.plan.target_seeds)
    trials = slots.read(connection, study, curves="all" if judged else "ends")
    return answer.answer(study, stored.plan, trials, ended=stored.ended_at is not None)


def _before_the_plan(stored: Stored) -> Answer:
    """A study whose task's sizes are still to be found, or could not be."""
    facts, reason = stored.facts, stored.reason or "a worker first finds out the sizes of the task's data."
    return Answer(
        study=stored.id,
        status="provisional" if stored.ended_at is None else "screen-only",
        metric=facts.metric if facts else "accuracy",
        direction=facts.direction if facts else "maximize",
        baseline=stored.spec.baseline_arm,
        sentence=f"No verdict: {reason}",
        arms=(),
        best=None,
        target=stored.spec.target,
        iterations=None,
        notes=(),
    )
