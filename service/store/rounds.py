"""Rounds: opened when the former ones have ended."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select, update

from clr import plan as plans
from clr import rounds
from clr.plan import Plan, PlannedSlot
from clr.protocol import TaskFacts
from clr.results import Trial
from service.store import events, slots, states, studies
from service.store.clock import milliseconds_now
from service.store.database import Database
from service.store.events import Event
from service.store.schema import slots as slot_rows
from service.store.schema import studies as study_rows
from service.store.studies import Stored


@dataclass(frozen=True)
class Step:
    """What a study's history asks for next. `plan`: where a describe slot has found it; `end`: nothing is left.

    `extensions`: of the plan that this was computed from.
    """

    slots: tuple[PlannedSlot, ...] = ()
    plan: Plan | None = None
    end: bool = False
    reason: str = ""
    extensions: int = 0


def open(database: Database, study: str) -> int:
    """Writes the slots of every round that is due, and ends the study where nothing is left; returns how many it wrote.

    The history is read first and the step computed with no lock held. It depends on ended rounds alone, so whoever
    comes second writes the same rows, which are then there already.

    Raises:
        NotFound: no such study.
    """
    with database.read() as connection:
        stored = studies.read(connection, study)
        if stored.ended_at is not None:
            return 0
        trials = slots.read(connection, study, curves=_curves(stored.plan))
        found = _found_facts(connection, study) if stored.plan is None else None
    step = _after_describe(stored, trials, found) if stored.plan is None else _after_rounds(stored.plan, trials)
    if not step.slots and not step.end:
        return 0
    with database.write() as connection:
        return _take(connection, study, step)


def _curves(plan: Plan | None) -> slots.Curves:
    """Those of a search are many, and a round depends on them only where they set its trials' thresholds."""
    return "range-test" if plan is None or plan.pruner == "none" else "search"


def _found_facts(connection: Connection, study: str) -> TaskFacts | None:
    described = slot_rows.c.study == study, slot_rows.c.phase == "describe", slot_rows.c.outcome == "done"
    facts: Any = connection.scalar(select(slot_rows.c.facts).where(*described))
    return TaskFacts.model_validate(facts) if facts is not None else None


def _after_describe(stored: Stored, trials: tuple[Trial, ...], facts: TaskFacts | None) -> Step:
    if not all(trial.ended for trial in trials):
        return Step()
    if facts is None:
        reasons = [trial.reason for trial in trials if trial.reason]
        return Step(end=True, reason="\n".join(["The task's data could not be described.", *reasons]))
    if wrong := plans.check(stored.spec, facts, [stored.spec.task.name]):
        return Step(end=True, reason="\n".join(["The spec does not fit the task's data.", *map(str, wrong)]))
    plan = plans.make(stored.spec, facts)
    return Step(slots=rounds.due(plan, ()), plan=plan)


def _after_rounds(plan: Plan, trials: tuple[Trial, ...]) -> Step:
    due, extensions = rounds.due(plan, trials), len(plan.extensions)
    if due or not all(trial.ended for trial in trials):
        return Step(slots=due, extensions=extensions)
    confirmed = any(trial.phase == "confirm" and trial.outcome == "done" for trial in trials)
    return Step(end=True, reason="" if confirmed else _why_nothing(trials), extensions=extensions)


def _why_nothing(trials: tuple[Trial, ...]) -> str:
    ended = [trial for trial in trials if trial.reason and trial.outcome in ("failed", "diverged")]
    last = f" The last one: {ended[-1].reason}" if ended else ""
    return f"No arm could be confirmed: {len(ended)} of {len(trials)} trials failed or diverged.{last}"


def _take(connection: Connection, study: str, step: Step) -> int:
    goes_on = select(study_rows.c.extensions).where(study_rows.c.id == study, states.live).with_for_update()
    row = connection.execute(goes_on).one_or_none()
    if row is None:  # cancelled, deleted or ended meanwhile
        return 0
    if len(row.extensions or []) != step.extensions:  # extended meanwhile: whoever did that opens what is due
        return 0
    this = update(study_rows).where(study_rows.c.id == study)
    if step.end:
        connection.execute(this.values(ended_at=milliseconds_now, reason=step.reason))
        events.append(connection, study, [Event("ended")])
        return 0
    if step.plan is not None:
        plan, facts = step.plan.model_dump(mode="json"), step.plan.facts.model_dump(mode="json")
        connection.execute(this.values(plan=plan, facts=facts))
    opened = slots.insert(connection, study, step.slots)
    events.append(connection, study, [Event("opened", slot) for slot in opened])
    return len(opened)
