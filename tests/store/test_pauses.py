"""A paused study keeps what it has and gets no worker; pausing and resuming are idempotent (peers.md 29)."""

import pytest
from builders import (
    a_lease,
    a_study,
    a_worker,
    done,
    finish,
    lease,
    measured,
    release,
    renew,
    report,
    run,
)

from clr.errors import Conflict, NotFound
from clr.results import Checkpoint
from service.store import events as event_log
from service.store import leases, pauses, slots, studies
from service.store.schema import events


def kinds(database, study):
    with database.read() as connection:
        rows = connection.execute(events.select().where(events.c.study == study).order_by(events.c.sequence))
        return [row.kind for row in rows if row.kind in ("paused", "resumed")]


def test_no_slot_of_a_paused_study_is_leased_until_it_is_resumed(database):
    study, worker = a_study(database), a_worker(database)
    pauses.pause(database, study, "for lunch")
    assert lease(database, worker) == ()
    assert (studies.get(database, study).state, studies.get(database, study).paused) == ("paused", "for lunch")

    pauses.resume(database, study)

    assert a_lease(database, worker).study == study
    assert (studies.get(database, study).state, studies.get(database, study).paused) == ("running", "")


def test_a_study_that_is_paused_between_choice_and_claim_gives_nothing(database):
    study, worker = a_study(database), a_worker(database)
    pauses.pause(database, study, "")

    with database.write() as connection:
        assert connection.execute(leases.claim(study, worker, 4, 60.0)).all() == []


def test_pausing_or_resuming_twice_is_once(database):
    study = a_study(database)
    pauses.pause(database, study, "first")
    pauses.pause(database, study, "second")
    assert studies.get(database, study).paused == "first"

    pauses.resume(database, study)
    pauses.resume(database, study)

    assert kinds(database, study) == ["paused", "resumed"]
    assert set(kinds(database, study)) <= set(event_log.Kind.__args__)


def test_what_a_holder_tells_is_stored_and_answered_paused(database):
    study, worker = a_study(database), a_worker(database)
    granted = a_lease(database, worker)
    pauses.pause(database, study, "")
    saved = Checkpoint(50, f"slot-{granted.slot}/i50", "0" * 64)

    assert renew(database, worker, granted) == ["paused"]
    assert report(database, worker, measured(granted, {50: 0.5}, saved)) == ["paused"]
    assert report(database, worker, measured(granted, {50: 0.5}, saved)) == ["paused"], "the same again"
    assert report(database, worker, measured(granted, {50: 0.6})) == ["conflict"]
    assert release(database, worker, granted) == ["accepted"]
    assert lease(database, worker) == ()

    pauses.resume(database, study)
    again = a_lease(database, worker)
    assert (again.slot, again.attempt, again.resume) == (granted.slot, 1, saved)
    trial = slots.get(database, study, granted.number)
    assert [attempt.how for attempt in trial.attempts] == ["released", "running"]
    assert [evaluation.iteration for evaluation in trial.curve or ()] == [50]


def test_a_trial_that_ends_while_its_study_is_paused_counts(database):
    study, worker = a_study(database), a_worker(database)
    granted = a_lease(database, worker)
    pauses.pause(database, study, "")

    assert finish(database, worker, done(granted, 0.75)) == ["accepted"]
    assert slots.get(database, study, granted.number).value == 0.75


def test_a_study_that_was_paused_ends_with_the_same_trials(database):
    paused, unbroken, worker = a_study(database), a_study(database, priority=-1), a_worker(database)
    finish(database, worker, done(a_lease(database, worker), 0.501))
    pauses.pause(database, paused, "")
    pauses.resume(database, paused)

    run(database, worker)

    def found(study):
        return [(t.number, t.params, t.seed, t.outcome) for t in slots.trials(database, study, curves="none")]

    assert found(paused) == found(unbroken) and studies.get(database, paused).state == "done"


def test_a_paused_study_can_be_cancelled_and_deleted(database):
    study, other = a_study(database), a_study(database)
    for one in (study, other):
        pauses.pause(database, one, "")

    studies.cancel(database, study)
    studies.delete(database, other)

    assert (studies.get(database, study).state, studies.get(database, study).paused) == ("cancelled", "")
    with pytest.raises(NotFound):
        studies.get(database, other)


@pytest.mark.parametrize(
    "change", [lambda d, s: pauses.pause(d, s, ""), pauses.resume, lambda d, s: pauses.prioritise(d, s, 3)]
)
def test_a_study_that_is_over_or_unknown_is_refused(database, change):
    study = a_study(database)
    studies.cancel(database, study)

    with pytest.raises(Conflict, match="was cancelled: it can't be"):
        change(database, study)
    with pytest.raises(NotFound):
        change(database, "s-unknown")


def test_a_higher_priority_runs_first(database):
    first, second = a_study(database), a_study(database)
    pauses.prioritise(database, second, 7)

    assert a_lease(database, a_worker(database)).study == second
    assert studies.get(database, second).priority == 7 and studies.get(database, first).priority == 0
