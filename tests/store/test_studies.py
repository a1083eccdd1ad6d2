import pytest
from builders import FACTS, a_lease, a_study, a_worker, done, failed, finish, lease, run
from sqlalchemy import func, select

from clr import plan as plans
from clr import rounds
from clr.errors import Conflict, InvalidSpec, NotFound
from clr.spec import parse
from service import pagination
from service.store import slots, studies, workers
from service.store.schema import events, metadata


def submit(database, key=None, body_hash="-"):
    spec = parse({"task": "digits", "arms": ["fixed"], "bounds": {"low": 0.01, "high": 1.0}})
    plan = plans.make(spec, FACTS)
    return studies.submit(database, spec, FACTS, plan, rounds.due(plan, ()), key=key, body_hash=body_hash)


def test_a_study_runs_to_its_end(database):
    study = a_study(database)
    worker = a_worker(database)

    ran = run(database, worker)

    found = studies.get(database, study)
    assert found.state == "done" and found.phase is None and found.ended_at >= found.started_at >= found.created_at
    assert [one.number for one in ran] == sorted(one.number for one in ran)
    # fixed searches its peak rate, triangular2 three coordinates; two trials an arm, two seeds an arm
    assert found.slots.done == found.slots.planned == len(ran) == 8


def test_what_was_submitted_is_what_is_loaded(database):
    spec = parse({"task": "digits", "arms": ["cosine"], "bounds": {"low": 0.1 + 0.2, "high": 1.0}, "seed": 2**63 - 1})
    plan = plans.make(spec, FACTS)
    study, _ = studies.submit(database, spec, FACTS, plan, rounds.due(plan, ()), key=None, body_hash="-")

    stored = studies.load(database, study)

    assert (stored.spec, stored.facts, stored.plan) == (spec, FACTS, plan)
    planned = rounds.due(plan, ())
    assert [t.params for t in slots.trials(database, study, curves="none")] == [s.params for s in planned]


def test_ids_sort_by_time_and_fit_a_path(database):
    ids = [submit(database)[0] for _ in range(5)]

    assert ids == sorted(ids) and all(len(study) <= 64 and study.isalnum() for study in ids)


def test_the_same_key_with_the_same_body_is_the_same_study(database):
    first = submit(database, "key", "hash")

    assert submit(database, "key", "hash") == (first[0], False)
    assert submit(database, "other key", "hash")[1] and submit(database)[1] and submit(database)[1]
    with pytest.raises(Conflict, match="'key'"):
        submit(database, "key", "another hash")


def test_progress_counts_slots_by_phase_and_arm_and_those_to_come(database):
    study = a_study(database)
    worker = a_worker(database)
    finish(database, worker, failed(lease(database, worker, 2)[0]))

    found = studies.get(database, study)

    cells = {(part.phase, part.arm): part for part in found.progress}
    assert list(cells) == [
        ("search", "fixed"),
        ("search", "triangular2"),
        ("confirm", "fixed"),
        ("confirm", "triangular2"),
    ]
    fixed, other = cells["search", "fixed"], cells["search", "triangular2"]
    assert (fixed.planned, fixed.failed, fixed.waiting, fixed.running) == (2, 1, 1, 0)
    assert (other.planned, other.failed, other.waiting, other.running) == (2, 0, 1, 1)
    assert (found.state, found.phase) == ("running", "search")
    assert (found.slots.planned, found.slots.waiting, found.slots.running, found.slots.failed) == (8, 6, 1, 1)


def test_a_cancelled_study_s_counts_add_up_to_its_plan(database):
    study, worker = a_study(database), a_worker(database)
    first, _still_running = lease(database, worker, 2)
    finish(database, worker, done(first))
    before = studies.get(database, study).slots

    studies.cancel(database, study)

    found = studies.get(database, study)
    assert found.slots.planned == before.planned == 8
    assert (found.slots.done, found.slots.cancelled) == (1, 7)
    for counts in (found.slots, *found.progress, *(item.slots for item in studies.page(database, None, 9).items)):
        states = counts.model_dump(include={"waiting", "running", "done", "diverged", "failed", "cancelled"})
        assert sum(states.values()) == counts.planned and counts.waiting == counts.running == 0


def test_a_study_is_queued_until_its_first_lease(database):
    study = a_study(database)
    assert studies.get(database, study).state == "queued"

    a_lease(database, a_worker(database))

    found = studies.get(database, study)
    assert found.state == "running" and found.started_at is not None


def test_time_left_is_unknown_until_a_trial_has_ended(database):
    study = a_study(database)
    worker = a_worker(database)
    first, _ = lease(database, worker, 2)
    assert studies.get(database, study).seconds_left is None

    finish(database, worker, done(first, seconds=10.0))

    assert studies.get(database, study).seconds_left == 10.0 * 7  # eight equal trials, one worker
    a_worker(database)
    assert studies.get(database, study).seconds_left == 10.0 * 7 / 2


def test_pages_hold_every_study_once_newest_first(database):
    ids = [a_study(database) for _ in range(5)]
    studies.cancel(database, ids[1])

    seen, cursor = [], None
    while True:
        page = studies.page(database, cursor, 2)
        seen += [item.id for item in page.items]
        cursor = page.next_cursor
        if cursor is None:
            break

    assert seen == ids[::-1]
    assert [item.id for item in studies.page(database, None, 50, studies.Wanted(state="cancelled")).items] == [ids[1]]
    assert len(studies.page(database, None, 50, studies.Wanted(state="queued")).items) == 4
    with pytest.raises(InvalidSpec):
        studies.page(database, pagination.encode(7), 2)


def test_pages_of_trials_hold_every_slot_once_by_number(database):
    study = a_study(database, trials=6)
    worker = a_worker(database)
    finish(database, worker, failed(a_lease(database, worker)))

    first = slots.page(database, study, None, 4)
    rest = slots.page(database, study, first.next_cursor, 4)

    assert [trial.number for trial in (*first.items, *rest.items)] == [1, 2, 3, 4, 5, 6] and rest.next_cursor is None
    assert [trial.number for trial in slots.page(database, study, None, 9, state="failed").items] == [1]
    assert {trial.arm for trial in slots.page(database, study, None, 9, arm="fixed", phase="search").items} == {"fixed"}
    with pytest.raises(NotFound):
        slots.page(database, "s-unknown", None, 4)
    with pytest.raises(NotFound, match="no trial 99"):
        slots.get(database, study, 99)


def test_a_confirmed_trial_s_value_is_its_test_metric(database):
    study = a_study(database)
    worker = a_worker(database)
    while granted := lease(database, worker, 8):
        finish(database, worker, *(done(g, 0.5, test={"accuracy": 0.25} if g.config.test else {}) for g in granted))

    trials = slots.trials(database, study, curves="all")

    assert {(trial.phase, trial.value) for trial in trials} == {("search", 0.5), ("confirm", 0.25)}
    assert all(trial.curve and trial.seconds == 2.0 for trial in trials)
    assert all(trial.curve == () for trial in slots.trials(database, study, curves="range-test"))


def test_cancelling_twice_is_cancelling_once_and_an_ended_study_is_not_cancelled(database):
    study, other = a_study(database), a_study(database, priority=1)
    worker = a_worker(database)
    studies.cancel(database, study)
    cancelled_at = studies.load(database, study).cancelled_at
    studies.cancel(database, study)
    run(database, worker)

    assert studies.load(database, study).cancelled_at == cancelled_at
    assert studies.get(database, study).state == "cancelled"
    with pytest.raises(Conflict, match="ended"):
        studies.cancel(database, other)
    with pytest.raises(NotFound):
        studies.cancel(database, "s-unknown")


def test_a_deleted_study_leaves_no_row(database):
    study = a_study(database)
    run(database, a_worker(database))

    studies.delete(database, study)

    with database.read() as connection:
        left = {
            table.name: connection.scalar(select(func.count()).select_from(table)) for table in metadata.tables.values()
        }
    kept = {"clr_workers": 1, "clr_tasks": 1, "clr_owners": 1}  # what its owner used of late counts on
    assert {name: count for name, count in left.items() if count} == kept
    for gone in (studies.get, studies.load, studies.delete):
        with pytest.raises(NotFound):
            gone(database, study)


def test_a_study_s_events_are_numbered_without_a_gap(database):
    study = a_study(database)
    run(database, a_worker(database))

    with database.read() as connection:
        rows = connection.execute(select(events).where(events.c.study == study).order_by(events.c.sequence)).all()
    kinds = [row.kind for row in rows]
    assert [row.sequence for row in rows] == list(range(1, len(rows) + 1))
    assert kinds[0] == "submitted" and kinds[-1] == "ended"
    assert kinds.count("leased") == kinds.count("done") == kinds.count("opened") == 8


def test_workers_are_listed_with_what_they_hold(database):
    a_study(database)
    idle, busy = a_worker(database), a_worker(database)
    lease(database, busy, 2)

    found = {worker.id: worker for worker in workers.list(database)}

    assert (found[busy].holding, found[busy].live, found[busy].tasks) == (2, True, ("digits",))
    assert (found[idle].holding, found[idle].live) == (0, True)
    late = {worker.id: worker.live for worker in workers.list(database, live_seconds=-1.0)}
    assert late == {busy: True, idle: False}


def test_the_newest_facts_of_a_task_stand(database):
    a_worker(database)
    newer = FACTS.model_copy(update={"train_size": 7, "code_hash": "new"})
    a_worker(database, newer, FACTS.model_copy(update={"name": "other"}))

    assert workers.facts(database) == {"digits": newer, "other": FACTS.model_copy(update={"name": "other"})}
