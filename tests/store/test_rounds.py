import threading

import pytest
from builders import FACTS, a_lease, a_study, a_worker, done, expire, failed, finish, lease, run
from simulated import ended

from clr.errors import NotFound
from clr.plan import PlannedSlot
from clr.protocol import Results
from service.store import results, rounds, slots, studies

FOLDER = FACTS.model_copy(update={"name": "folder", "fixed": False, "train_size": 0, "validation_size": 0})


def numbers(database, study):
    return [trial.number for trial in slots.trials(database, study, curves="none")]


def test_the_first_round_alone_is_there_after_submit(database):
    study = a_study(database, trials=4)

    assert numbers(database, study) == [1, 2, 3, 4]  # two arms, half of the trials


def test_a_round_opens_when_its_arm_s_former_one_has_ended(database):
    study = a_study(database, trials=4, round_size=2)
    worker = a_worker(database)
    granted = lease(database, worker, 4)
    fixed = [one for one in granted if one.config.schedule["family"] == "fixed"]

    finish(database, worker, *map(done, fixed))

    opened = [t for t in slots.trials(database, study, curves="none") if t.round == 1]
    assert {trial.arm for trial in opened} == {"fixed"} and len(opened) == 2


def test_whoever_opens_a_round_second_changes_nothing(database):
    study = a_study(database)
    worker = a_worker(database)
    granted = lease(database, worker, 8)
    results.finish(database, Results(worker=worker, results=tuple(map(done, granted))))
    opened = []
    threads = [threading.Thread(target=lambda: opened.append(rounds.open(database, study))) for _ in range(4)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(opened) == [0, 0, 0, 2]
    assert len(numbers(database, study)) == len(set(numbers(database, study))) == 4


def test_a_round_that_nobody_opened_is_found(database):
    study, other = a_study(database), a_study(database)
    worker = a_worker(database)
    assert studies.stalled(database) == []
    granted = lease(database, worker, 8)
    assert granted[0].study == study
    results.finish(database, Results(worker=worker, results=tuple(map(done, granted))))  # and the service dies here

    assert studies.stalled(database) == [study]
    assert rounds.open(database, study) == 2
    assert studies.stalled(database) == [] and other != study


def test_only_the_last_result_of_a_round_asks_for_the_next_one(database):
    study = a_study(database, arms=["fixed"], trials=4)
    worker = a_worker(database)
    first, last = lease(database, worker, 2)

    def finished(granted):
        return results.finish(database, Results(worker=worker, results=(done(granted),)))[1]

    assert finished(first) == []
    assert finished(last) == [study]
    assert finished(last) == [study]  # repeated, since the answer may have been lost with the service


def test_a_round_opens_where_its_last_slot_was_given_up(database):
    study = a_study(database)
    worker = a_worker(database)
    (fixed,) = lease(database, worker, 1)
    for _ in range(3):
        expire(database, worker, fixed)
        (fixed, *_) = lease(database, worker, 1)

    assert fixed.number != 1
    assert [t.number for t in slots.trials(database, study, curves="none") if t.arm == "fixed"] == [1, 3]


def test_a_study_with_a_range_test_searches_where_it_says(database):
    study = a_study(database, bounds="range-test", budget={"iterations": 300})
    worker = a_worker(database)
    ramps = lease(database, worker, 8)
    assert {one.config.phase for one in ramps} == {"range-test"}
    replies = finish(database, worker, *(simulated(one) for one in ramps))

    assert set(replies) == {"accepted"}
    search = lease(database, worker, 8)
    assert {one.config.phase for one in search} == {"search"}
    assert all(1e-5 < one.config.schedule.get("lr", 1e-4) < 10 for one in search)
    assert studies.get(database, study).phase == "search"


def simulated(granted):
    config = granted.config
    slot = PlannedSlot(phase=config.phase, arm="", round=0, position=0, number=granted.number, config=config)
    trial = ended(slot)
    return done(granted, value=0.5, evaluations=trial.curve)


def test_an_arm_whose_trials_all_failed_is_not_confirmed_and_the_study_ends(database):
    study = a_study(database)
    worker = a_worker(database)
    while granted := lease(database, worker, 8):
        broken = [failed(g) if g.config.schedule["family"] == "fixed" else done(g) for g in granted]
        finish(database, worker, *broken)

    confirmed = {t.arm for t in slots.trials(database, study, curves="none") if t.phase == "confirm"}
    assert confirmed == {"triangular2"}
    assert studies.get(database, study).state == "done"


def test_a_study_of_which_nothing_could_be_confirmed_has_failed_and_says_why(database):
    study = a_study(database)
    worker = a_worker(database)
    while granted := lease(database, worker, 8):
        finish(database, worker, *(failed(one, reason="no such file") for one in granted))

    found = studies.get(database, study)
    assert found.state == "failed" and found.ended_at is not None
    assert "no such file" in found.reason and "2 of 2" not in found.reason


def test_a_describe_slot_finds_the_facts_and_then_the_plan_is_written(database):
    study = a_study(database, FOLDER)
    worker = a_worker(database, FOLDER)
    assert studies.get(database, study).plan is None
    granted = a_lease(database, worker)
    assert (granted.number, granted.config.phase) == (0, "describe")

    facts = FOLDER.model_copy(update={"train_size": 500, "validation_size": 100})
    assert finish(database, worker, done(granted, evaluations=(), facts=facts)) == ["accepted"]

    stored = studies.load(database, study)
    assert stored.facts == facts and stored.plan is not None and stored.plan.facts == facts
    assert numbers(database, study) == [0, 1, 2]
    run(database, worker)
    assert studies.get(database, study).state == "done"


def test_a_spec_that_does_not_fit_the_facts_found_ends_the_study_with_every_error(database):
    study = a_study(database, FOLDER, batch_size=400, model="nope")
    worker = a_worker(database, FOLDER)

    facts = FOLDER.model_copy(update={"train_size": 100, "validation_size": 100})
    finish(database, worker, done(a_lease(database, worker), evaluations=(), facts=facts))

    found = studies.get(database, study)
    assert found.state == "failed"
    assert "/batch_size" in found.reason and "/model" in found.reason


def test_a_task_that_can_not_be_described_ends_the_study(database):
    study = a_study(database, FOLDER)
    worker = a_worker(database, FOLDER)

    finish(database, worker, failed(a_lease(database, worker), reason="folder not found: /data"))

    found = studies.get(database, study)
    assert found.state == "failed" and "folder not found: /data" in found.reason


def test_nothing_opens_in_a_study_that_was_cancelled_or_is_unknown(database):
    study = a_study(database)
    worker = a_worker(database)
    granted = lease(database, worker, 8)
    results.finish(database, Results(worker=worker, results=tuple(map(done, granted))))
    studies.cancel(database, study)

    assert rounds.open(database, study) == 0
    with pytest.raises(NotFound):
        rounds.open(database, "s-unknown")
