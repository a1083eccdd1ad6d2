"""docs/states.md and the code: the same states, replies and events; and every drawn transition happens."""

import importlib
from collections.abc import Callable, Iterator
from typing import Any, get_args

import pytest
from builders import (
    FACTS,
    a_lease,
    a_study,
    a_worker,
    at_rungs,
    done,
    expire,
    failed,
    finish,
    lease,
    measured,
    pruned,
    release,
    renew,
)
from builders import report as send
from states_page import NONE, Edge, Seen, drawn, rows, transitions

from clr.protocol import Lease, Result, Results, SlotReply
from clr.resources import StudyState, TrialState
from service import extension
from service.caps import Caps
from service.store import pauses, results, rounds, studies
from service.store.database import Database
from service.store.events import Kind

STUDY, SLOT = transitions("A study"), transitions("A slot")
MADE = {"study": STUDY, "slot": SLOT}


@pytest.mark.parametrize(("title", "states"), [("A study", StudyState), ("A slot", TrialState)])
def test_the_drawn_states_are_the_codes(title: str, states: Any) -> None:
    assert {state for edge in drawn(title) for state in edge} - {NONE} == set(get_args(states))


@pytest.mark.parametrize("title", ["A study", "A slot"])
def test_the_table_explains_every_arrow_and_no_other(title: str) -> None:
    assert {(start, end) for start, end, _ in transitions(title)} == drawn(title)
    assert len(transitions(title)) == len(rows(title))


def test_every_transition_is_made_by_a_function_of_the_store() -> None:
    for _, _, by in [*STUDY, *SLOT]:
        module, _, name = by.partition(".")
        assert by == "time" or callable(getattr(importlib.import_module(f"service.store.{module}"), name)), by


def test_every_kind_of_event_tells_of_a_transition() -> None:
    assert {kind for kinds in [*STUDY.values(), *SLOT.values()] for kind in kinds} == set(get_args(Kind))


def test_the_replies_are_the_protocols() -> None:
    assert [reply for reply, *_ in rows("What a worker is told")] == list(get_args(SlotReply))


# -- every arrow is walked -----------------------------------------------------------------------------------------

Scenario = Callable[[Database, str, str], Iterator[None]]
"""Gets the database, a study and a worker; prepares, yields, then makes the call."""
SCENARIOS: dict[tuple[str, Edge], Scenario] = {}


def walks(*edges: tuple[str, Edge]) -> Callable[[Scenario], Scenario]:
    def note(scenario: Scenario) -> Scenario:
        SCENARIOS.update(dict.fromkeys(edges, scenario))
        return scenario

    return note


def end(database: Database, worker: str, *ended: Result) -> None:
    """The call alone, without opening the rounds that it makes due."""
    results.finish(database, Results(worker=worker, results=ended))


def end_all(database: Database, study: str, worker: str, ending: Callable[[Lease], Result], slots: int) -> None:
    """Ends so many slots, the study's last; that they were the last has not been looked at yet."""
    while slots > 0:
        granted = lease(database, worker, 8)
        end(database, worker, *map(ending, granted))
        slots -= len(granted)
        assert granted or rounds.open(database, study)


@walks(("study", ("queued", "running", "leases.lease")), ("slot", ("waiting", "running", "leases.lease")))
def leased(database: Database, study: str, worker: str) -> Iterator[None]:
    yield
    a_lease(database, worker)


@walks(("study", ("running", "done", "rounds.open")))
def confirmed(database: Database, study: str, worker: str) -> Iterator[None]:
    end_all(database, study, worker, done, slots=8)
    yield
    rounds.open(database, study)


@walks(("study", ("running", "failed", "rounds.open")))
def nothing_confirmed(database: Database, study: str, worker: str) -> Iterator[None]:
    end_all(database, study, worker, failed, slots=4)
    yield
    rounds.open(database, study)


@walks(("study", ("paused", "done", "rounds.open")))
def confirmed_while_paused(database: Database, study: str, worker: str) -> Iterator[None]:
    end_all(database, study, worker, done, slots=8)
    pauses.pause(database, study, "")
    yield
    rounds.open(database, study)


@walks(("study", ("paused", "failed", "rounds.open")))
def nothing_confirmed_while_paused(database: Database, study: str, worker: str) -> Iterator[None]:
    end_all(database, study, worker, failed, slots=4)
    pauses.pause(database, study, "")
    yield
    rounds.open(database, study)


def extended_after(ending: Callable[[Lease], Result], slots: int) -> Scenario:
    def extended(database: Database, study: str, worker: str) -> Iterator[None]:
        end_all(database, study, worker, ending, slots)
        rounds.open(database, study)
        yield
        extension.apply(database, study, {"trials": 1}, Caps(2_000, 200.0), key=None)

    return extended


walks(("study", ("done", "running", "extend.write")))(extended_after(done, slots=8))
walks(("study", ("failed", "running", "extend.write")))(extended_after(failed, slots=4))


@walks(("study", ("queued", "paused", "pauses.pause")))
def paused_while_queued(database: Database, study: str, worker: str) -> Iterator[None]:
    yield
    pauses.pause(database, study, "")


@walks(("study", ("running", "paused", "pauses.pause")))
def paused_while_running(database: Database, study: str, worker: str) -> Iterator[None]:
    a_lease(database, worker)
    yield
    pauses.pause(database, study, "")


@walks(("study", ("paused", "queued", "pauses.resume")))
def resumed_to_the_queue(database: Database, study: str, worker: str) -> Iterator[None]:
    pauses.pause(database, study, "")
    yield
    pauses.resume(database, study)


@walks(("study", ("paused", "running", "pauses.resume")))
def resumed_to_work(database: Database, study: str, worker: str) -> Iterator[None]:
    a_lease(database, worker)
    pauses.pause(database, study, "")
    yield
    pauses.resume(database, study)


@walks(("study", ("paused", "cancelled", "studies.cancel")))
def cancelled_while_paused(database: Database, study: str, worker: str) -> Iterator[None]:
    pauses.pause(database, study, "")
    yield
    studies.cancel(database, study)


@walks(("study", ("queued", "cancelled", "studies.cancel")), ("slot", ("waiting", "cancelled", "studies.cancel")))
def cancelled_while_queued(database: Database, study: str, worker: str) -> Iterator[None]:
    yield
    studies.cancel(database, study)


@walks(("study", ("running", "cancelled", "studies.cancel")), ("slot", ("running", "cancelled", "studies.cancel")))
def cancelled_while_running(database: Database, study: str, worker: str) -> Iterator[None]:
    a_lease(database, worker)
    yield
    studies.cancel(database, study)


@walks(("slot", (NONE, "waiting", "rounds.open")))
def next_round(database: Database, study: str, worker: str) -> Iterator[None]:
    end(database, worker, *map(done, lease(database, worker, 8)))
    yield
    rounds.open(database, study)


@walks(("slot", ("waiting", "running", "leases.renew")))
def renewed_late(database: Database, study: str, worker: str) -> Iterator[None]:
    granted = a_lease(database, worker)
    expire(database, worker, granted)
    yield
    renew(database, worker, granted)


@walks(("slot", ("waiting", "running", "reports.report")))
def reported_late(database: Database, study: str, worker: str) -> Iterator[None]:
    granted = a_lease(database, worker)
    expire(database, worker, granted)
    yield
    send(database, worker, measured(granted, {10: 0.5}))


@walks(("slot", ("running", "waiting", "time")))
def ran_out(database: Database, study: str, worker: str) -> Iterator[None]:
    granted = a_lease(database, worker)
    yield
    expire(database, worker, granted)


@walks(("slot", ("running", "waiting", "leases.release")))
def released(database: Database, study: str, worker: str) -> Iterator[None]:
    granted = a_lease(database, worker)
    yield
    release(database, worker, granted)


@walks(("slot", ("running", "waiting", "results.finish")))
def crashed(database: Database, study: str, worker: str) -> Iterator[None]:
    granted = a_lease(database, worker)
    yield
    end(database, worker, failed(granted, "crashed"))


@walks(("slot", ("waiting", "failed", "leases.lease")))
def silent_three_times(database: Database, study: str, worker: str) -> Iterator[None]:
    for _ in range(3):
        expire(database, worker, a_lease(database, worker))
    yield
    lease(database, a_worker(database, FACTS.model_copy(update={"name": "another"})))  # it counts, and takes nothing


def ended(outcome: str, *, late: bool) -> Scenario:
    def scenario(database: Database, study: str, worker: str) -> Iterator[None]:
        granted = a_lease(database, worker)
        if late:
            expire(database, worker, granted)
        yield
        end(database, worker, done(granted) if outcome == "done" else failed(granted, outcome))

    return scenario


def pruned_at_a_rung(*, late: bool) -> Scenario:
    def scenario(database: Database, study: str, worker: str) -> Iterator[None]:
        earlier = lease(database, worker, 20)  # thresholds come from rounds that have ended
        finish(database, worker, *(done(one, evaluations=at_rungs(one, 0.5)) for one in earlier))
        granted = a_lease(database, worker)
        if late:
            expire(database, worker, granted)
        at = granted.config.rungs[0].iteration
        yield
        end(database, worker, pruned(granted, at, {at: 0.1}))

    return scenario


SPECS: dict[str, dict[str, Any]] = {"pruned": {"trials": 20, "pruner": "median"}}
"""Of the studies in which a slot can come to such a state, where not every one will do."""

for start, late in (("running", False), ("waiting", True)):
    walks(("slot", (start, "pruned", "results.finish")))(pruned_at_a_rung(late=late))
    for outcome in ("done", "diverged", "failed"):
        walks(("slot", (start, outcome, "results.finish")))(ended(outcome, late=late))

SUBMITTED = {("study", (NONE, "queued", "studies.submit")), ("slot", (NONE, "waiting", "studies.submit"))}


def test_every_row_has_its_scenario_here() -> None:
    assert {*SCENARIOS, *SUBMITTED} == {*(("study", edge) for edge in STUDY), *(("slot", edge) for edge in SLOT)}


@pytest.mark.parametrize(
    ("kind", "edge"), sorted(SCENARIOS), ids=lambda part: part if isinstance(part, str) else "-".join(part)
)
def test_every_drawn_transition_happens(database: Database, kind: str, edge: Edge) -> None:
    worker = a_worker(database)
    seen = Seen(database, a_study(database, **SPECS.get(edge[1], {})))
    scenario = SCENARIOS[kind, edge](database, seen.study, worker)
    next(scenario)
    seen.changes()
    before = seen.happened()

    assert next(scenario, "made") == "made"

    moved = [
        key for key, was, now in seen.changes() if (was, now) == edge[:2] and (key == "study") == (kind == "study")
    ]
    assert moved
    assert [happened for key, happened in seen.happened()[len(before) :] if key == moved[0]] == MADE[kind][edge]


def test_a_study_begins_as_it_is_drawn(database: Database) -> None:
    seen = Seen(database, a_study(database))

    assert {(was, now) for _, was, now in seen.changes()} == {(NONE, "queued"), (NONE, "waiting")}
    assert dict(seen.happened()) == {"study": "submitted"} | {key: "opened" for key in seen.states if key != "study"}
