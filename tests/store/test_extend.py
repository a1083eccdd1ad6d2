"""Extending a stored study: once for a key, or not at all; nothing of it twice, and nothing lost."""

import threading

import optuna
import pytest
from builders import FACTS, a_study, a_worker, done, failed, finish, lease, run
from sqlalchemy import select

from clr import rounds as pure
from clr.errors import Conflict, InvalidSpec, NotFound
from clr.protocol import Results
from service import extension
from service.answers import Answers
from service.caps import Caps
from service.store import extend, pauses, record, results, rounds, slots, studies
from service.store.record import Recorder
from service.store.schema import events as event_rows
from service.store.schema import studies as study_rows

CAPS = Caps(2_000, 200.0)


def more(database, study, key=None, **document):
    """Extends a study and opens what is due, as the service does."""
    new = extension.apply(database, study, document, CAPS, key=key)
    rounds.open(database, study)
    return new


def an_ended_study(database, **spec):
    study, worker = a_study(database, **spec), a_worker(database)
    run(database, worker)
    assert studies.get(database, study).state == "done"
    return study, worker


def trials(database, study):
    return slots.trials(database, study, curves="none")


def kinds(database, study):
    with database.read() as connection:
        mine = select(event_rows.c.kind).where(event_rows.c.study == study).order_by(event_rows.c.sequence)
        return list(connection.scalars(mine))


def stored(database, study):
    """Everything of a study that an extension could change."""
    with database.read() as connection:
        row = connection.execute(select(study_rows).where(study_rows.c.id == study)).one()
    return row, trials(database, study), kinds(database, study)


def test_a_study_that_has_ended_goes_on_with_what_was_added_alone(database):
    study, worker = an_ended_study(database)
    before = trials(database, study)

    assert more(database, study, trials=3, confirm_seeds=1)

    found = studies.get(database, study)
    assert (found.state, found.ended_at, found.phase) == ("running", None, "search")
    (entry,) = found.extensions
    assert (entry.search_trials, entry.confirm_seeds, entry.peak_lr) == (3, 1, None)
    assert (entry.trials, entry.iterations) == (2 * 3 + 2, 100 * 8), "two arms"
    granted = run(database, worker)
    after = trials(database, study)
    assert studies.get(database, study).state == "done"
    assert after[: len(before)] == before and len(after) == len(before) + len(granted)
    assert kinds(database, study).count("extended") == 1 and kinds(database, study).count("ended") == 2
    ours = {(t.number, t.phase, t.arm, t.round, t.position) for t in after}
    assert len(ours) == len(after) and pure.over(studies.load(database, study).plan, after)


def test_a_live_study_comes_to_the_same_trials(database):
    study, worker = a_study(database), a_worker(database)
    finish(database, worker, *(done(one, 0.5 + one.number / 1000) for one in lease(database, worker, 1)))

    assert more(database, study, trials=3, confirm_seeds=1)
    run(database, worker)
    other, _ = an_ended_study(database)
    more(database, other, trials=3, confirm_seeds=1)
    run(database, worker)

    def told(study):
        return [(t.number, t.arm, t.round, t.position, t.params, t.seed, t.value) for t in trials(database, study)]

    assert told(study) == told(other)


def test_the_same_request_twice_extends_once(database):
    study, worker = an_ended_study(database)

    assert more(database, study, key="once", confirm_seeds=2)
    run(database, worker)
    assert not more(database, study, key="once", confirm_seeds=2)
    with pytest.raises(Conflict, match="'once' was used for another extension"):
        more(database, study, key="once", confirm_seeds=3)

    assert len(studies.get(database, study).extensions) == 1
    assert studies.get(database, study).state == "done"


def test_requests_at_the_same_time_all_count_once_each(database):
    study, worker = an_ended_study(database)
    keys = ["a", "a", "b", "b", "c"]
    new = []
    threads = [
        threading.Thread(target=lambda key=key: new.append(more(database, study, key=key, confirm_seeds=1)))
        for key in keys
    ]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(new) == [False, False, True, True, True]
    plan = studies.load(database, study).plan
    assert len(plan.extensions) == 3 and len(set(plan.all_confirm_seeds)) == 5
    run(database, worker)
    confirm = [t for t in trials(database, study) if t.phase == "confirm"]
    assert len(confirm) == len({(t.arm, t.seed) for t in confirm}) == 2 * 5


@pytest.mark.parametrize(
    "document, error, words",
    [
        ({}, InvalidSpec, "asks for nothing"),
        ({"trials": -1}, InvalidSpec, "greater than or equal to 0"),
        ({"trials": 2, "peak_lr": {"low": 0.1, "high": 1.0}}, InvalidSpec, "must hold the interval"),
        ({"trials": 1_500}, InvalidSpec, "its setting max_slots"),
        ({"trials": 1, "max_device_hours": 201}, InvalidSpec, "its setting max_study_hours"),
    ],
)
def test_what_is_refused_changes_nothing(database, document, error, words):
    study, _ = an_ended_study(database)
    before = stored(database, study)

    with pytest.raises(error, match=words):
        more(database, study, **document)

    assert stored(database, study) == before


def test_a_cancelled_study_is_not_extended_and_does_not_change(database):
    study, worker = a_study(database), a_worker(database)
    finish(database, worker, *map(done, lease(database, worker, 8)))
    studies.cancel(database, study)
    before = stored(database, study)

    with pytest.raises(Conflict, match="was cancelled: it can't be extended"):
        more(database, study, trials=4)

    assert stored(database, study) == before
    assert rounds.open(database, study) == 0 and lease(database, worker, 8) == ()


def test_a_study_without_a_plan_or_without_a_confirmed_arm_says_why_it_is_not_extended(database):
    folder = FACTS.model_copy(update={"name": "folder", "fixed": False, "train_size": 0, "validation_size": 0})
    undescribed = a_study(database, folder)
    in_vain = a_study(database)
    worker = a_worker(database)
    while granted := lease(database, worker, 8):
        finish(database, worker, *map(failed, granted))

    with pytest.raises(Conflict, match="found out the sizes"):
        more(database, undescribed, trials=4)
    with pytest.raises(Conflict, match="give trials, too"):
        more(database, in_vain, confirm_seeds=4)
    with pytest.raises(NotFound):
        more(database, "s-unknown", trials=4)
    assert studies.get(database, in_vain).state == "failed"

    assert more(database, in_vain, trials=4)
    run(database, worker)
    assert studies.get(database, in_vain).state == "done"


def test_whoever_saw_the_end_coming_does_not_end_a_study_that_was_extended_meanwhile(database):
    study, worker = a_study(database), a_worker(database)
    while granted := lease(database, worker, 8):
        results.finish(database, Results(worker=worker, results=tuple(map(done, granted))))
        if granted[0].config.phase != "confirm":
            rounds.open(database, study)
    at_the_end = rounds._after_rounds(studies.load(database, study).plan, trials(database, study))
    assert at_the_end.end

    more(database, study, confirm_seeds=1)

    with database.write() as connection:
        assert rounds._take(connection, study, at_the_end) == 0
    assert studies.get(database, study).state == "running"
    assert len(lease(database, worker, 8)) == 2


def test_a_service_that_dies_after_it_stored_an_extension_goes_on_with_it(database):
    study, worker = an_ended_study(database)

    assert extension.apply(database, study, {"confirm_seeds": 1}, CAPS, key=None)  # and the service dies here

    assert studies.stalled(database) == [study]
    assert rounds.open(database, study) == 2
    run(database, worker)
    assert studies.get(database, study).state == "done"


def test_the_record_says_of_an_extended_study_what_its_answer_says(database):
    study, worker = an_ended_study(database)
    Recorder(database).record()
    more(database, study, trials=2, confirm_seeds=2, peak_lr={"low": 0.001, "high": 1.0})
    run(database, worker)

    Recorder(database).record()
    Recorder(database).record()

    found = Answers(database).of(study)
    record = optuna.load_study(study_name=study, storage=database.url)
    assert [(t.user_attrs["arm"], t.value) for t in record.trials] == [(arm.arm, arm.mean) for arm in found.arms]
    assert record.best_trial.user_attrs["values"] == found.arms[0].values
    for arm in ("fixed", "triangular2"):
        for phase in ("search", "confirm"):
            ours = [t.number for t in trials(database, study) if (t.phase, t.arm) == (phase, arm)]
            told = optuna.load_study(study_name=f"{study}/{phase}/{arm}", storage=database.url).trials
            assert sorted(t.user_attrs["slot"] for t in told) == ours


def test_what_is_recorded_while_a_study_is_extended_is_no_end_of_its_record(database, monkeypatch):
    study, worker = an_ended_study(database)

    computed = record.answer.answer

    def extended_meanwhile(*told, **options):
        found = computed(*told, **options)
        monkeypatch.setattr(record.answer, "answer", computed)
        more(database, study, confirm_seeds=1)
        return found

    monkeypatch.setattr(record.answer, "answer", extended_meanwhile)
    Recorder(database).record()
    run(database, worker)
    Recorder(database).record()

    told = optuna.load_study(study_name=study, storage=database.url).trials
    assert {len(t.user_attrs["values"]) for t in told} == {3}


def test_a_paused_end_does_not_pause_what_was_added(database):
    study, worker = a_study(database, trials=1, confirm_seeds=1), a_worker(database)
    granted = lease(database, worker, 8)
    finish(database, worker, *map(done, granted))
    last = lease(database, worker, 8)
    pauses.pause(database, study, "by hand")
    finish(database, worker, *map(done, last))
    assert studies.get(database, study).state == "done"

    more(database, study, confirm_seeds=1)

    assert studies.get(database, study).state == "running"
    assert len(lease(database, worker, 8)) == 2


def test_more_device_hours_come_with_the_extension_that_needs_them(database):
    study, _ = an_ended_study(database)

    more(database, study, confirm_seeds=1, max_device_hours=12)

    assert extend.read(database, study).max_seconds == 12 * 3600
