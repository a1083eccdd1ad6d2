"""What a worker can rely on, whichever database is below: leases, fences, reports, results."""

import pytest
from builders import (
    FACTS,
    a_lease,
    a_study,
    a_worker,
    done,
    expire,
    failed,
    finish,
    lease,
    measured,
    release,
    renew,
    report,
)

from clr.errors import NotFound
from clr.results import Checkpoint, Evaluation
from service.store import slots, studies


def trial(database, study, granted):
    return slots.get(database, study, granted.number)


def test_a_lease_holds_everything_that_determines_the_trial(database):
    study = a_study(database)

    granted = a_lease(database, a_worker(database))

    assert (granted.study, granted.number, granted.fence, granted.attempt) == (study, 1, 1, 1)
    assert granted.config.task == "digits" and granted.config.schedule["family"] == "fixed"
    assert granted.resume is None


def test_no_two_workers_get_the_same_slot(database):
    a_study(database)
    first, second = a_worker(database), a_worker(database)

    granted = [*lease(database, first, 3), *lease(database, second, 3)]

    assert sorted(one.number for one in granted) == [1, 2]  # the first round; the next one waits for it


def test_only_slots_of_tasks_that_the_worker_has_are_leased(database):
    a_study(database)

    assert lease(database, a_worker(database, FACTS.model_copy(update={"name": "other"}))) == ()


def test_a_worker_that_never_registered_gets_nothing(database):
    with pytest.raises(NotFound, match="'unknown'"):
        lease(database, "unknown")


def test_higher_priority_runs_first_then_the_older_study(database):
    older, newer, urgent = a_study(database), a_study(database), a_study(database, priority=1)
    worker = a_worker(database)

    assert [lease(database, worker, 64)[0].study for _ in range(3)] == [urgent, older, newer]


def test_a_lease_that_ran_out_is_granted_again_under_the_next_fence(database):
    study = a_study(database)
    gone, worker = a_worker(database), a_worker(database)
    lost = a_lease(database, gone)
    expire(database, gone, lost)

    granted = a_lease(database, worker)

    assert (granted.slot, granted.fence, granted.attempt) == (lost.slot, 2, 2)
    assert [attempt.how for attempt in trial(database, study, lost).attempts] == ["expired", "running"]


def test_a_lost_lease_writes_nothing(database):
    study = a_study(database)
    gone, worker = a_worker(database), a_worker(database)
    lost = a_lease(database, gone)
    expire(database, gone, lost)
    a_lease(database, worker)

    assert renew(database, gone, lost) == ["lease-lost"]
    assert report(database, gone, measured(lost, {10: 0.5})) == ["lease-lost"]
    assert finish(database, gone, done(lost)) == ["lease-lost"]
    assert release(database, gone, lost) == ["lease-lost"]
    found = trial(database, study, lost)
    assert (found.state, found.curve, found.attempts[0].how) == ("running", (), "expired")


def test_a_fence_in_another_worker_s_hands_opens_nothing(database):
    a_study(database)
    granted = a_lease(database, a_worker(database))
    thief = a_worker(database)

    assert renew(database, thief, granted) == ["lease-lost"]
    assert finish(database, thief, done(granted)) == ["lease-lost"]


@pytest.mark.parametrize("counted", [False, True], ids=["not noticed", "counted as a crash"])
def test_a_lease_that_ran_out_but_went_to_nobody_is_renewed_and_nothing_is_lost(database, counted):
    study = a_study(database)
    worker, other = a_worker(database), a_worker(database, FACTS.model_copy(update={"name": "other"}))
    granted = a_lease(database, worker)
    expire(database, worker, granted)
    if counted:
        assert lease(database, other) == ()

    assert renew(database, worker, granted) == ["accepted"]

    (attempt,) = trial(database, study, granted).attempts
    assert (attempt.how, attempt.ended_at) == ("running", None)
    assert finish(database, worker, done(granted)) == ["accepted"]


def test_expiries_that_were_taken_back_never_give_a_slot_up(database):
    study = a_study(database)
    worker, other = a_worker(database), a_worker(database, FACTS.model_copy(update={"name": "other"}))
    granted = a_lease(database, worker)

    for _ in range(5):
        expire(database, worker, granted)
        lease(database, other)
        assert renew(database, worker, granted) == ["accepted"]

    assert trial(database, study, granted).state == "running"


def test_a_slot_whose_lease_runs_out_three_times_has_failed(database):
    study = a_study(database)
    worker = a_worker(database)
    for fence in (1, 2, 3):
        granted = a_lease(database, worker)
        assert (granted.number, granted.fence) == (1, fence)
        expire(database, worker, granted)

    following = a_lease(database, worker)

    assert following.number == 2
    found = trial(database, study, granted)
    assert found.state == "failed" and "3 crashes" in found.reason and "silent" in found.reason
    assert renew(database, worker, granted) == finish(database, worker, done(granted)) == ["lease-lost"]


def test_a_slot_about_to_be_given_up_keeps_no_worker_from_other_studies(database):
    poisoned = a_study(database, arms=["fixed"], trials=1, confirm_seeds=1, priority=1)
    other = a_study(database)
    worker = a_worker(database)
    for _ in range(3):
        granted = a_lease(database, worker)
        assert granted.study == poisoned
        expire(database, worker, granted)

    assert a_lease(database, worker).study == other
    assert studies.get(database, poisoned).state == "failed"


def test_three_crashes_fail_a_slot_with_the_reason_and_the_last_lines(database):
    study = a_study(database)
    worker = a_worker(database)
    for _ in range(3):
        granted = a_lease(database, worker)
        assert granted.number == 1
        dead = failed(granted, "crashed", reason="killed by signal 9", tail="last\0words", seconds=1.5)
        assert finish(database, worker, dead) == ["accepted"]

    found = trial(database, study, granted)

    assert found.state == "failed" and "3 crashes" in found.reason and "killed by signal 9" in found.reason
    assert [(a.how, a.tail) for a in found.attempts] == [("crashed", "last\N{REPLACEMENT CHARACTER}words")] * 3
    assert found.seconds == 4.5


def test_a_crash_reported_after_the_lease_ran_out_counts_once(database):
    a_study(database)
    worker, other = a_worker(database), a_worker(database, FACTS.model_copy(update={"name": "other"}))
    for attempt in (1, 2, 3):
        granted = a_lease(database, worker)
        assert (granted.number, granted.attempt) == (1, attempt)
        expire(database, worker, granted)
        if attempt < 3:
            lease(database, other)  # counts the expiry
            assert finish(database, worker, failed(granted, "crashed")) == ["accepted"]


def test_a_release_gives_the_slot_and_its_attempt_back(database):
    study = a_study(database)
    worker = a_worker(database)
    first = a_lease(database, worker)

    assert release(database, worker, first, reason="shutting down") == ["accepted"]

    again = a_lease(database, worker)
    assert (again.slot, again.attempt, again.fence) == (first.slot, 1, 2)
    assert trial(database, study, first).attempts[0].how == "released"


def test_a_repeated_release_is_accepted_and_after_it_nothing_else_is(database):
    a_study(database)
    worker = a_worker(database)
    granted = a_lease(database, worker)
    release(database, worker, granted)

    assert release(database, worker, granted) == ["accepted"]
    assert renew(database, worker, granted) == ["lease-lost"]
    assert report(database, worker, measured(granted, {10: 0.5})) == ["lease-lost"]
    assert finish(database, worker, done(granted)) == ["lease-lost"]


def test_a_batch_answers_one_outcome_per_slot_in_the_order_asked(database):
    a_study(database)
    worker = a_worker(database)
    first, second = lease(database, worker, 2)
    assert finish(database, worker, done(first)) == ["accepted"]
    unknown = first.model_copy(update={"slot": 10**6})

    assert renew(database, worker, unknown, second, first) == ["lease-lost", "accepted", "lease-lost"]
    told = [measured(second, {10: 0.5}), measured(unknown, {10: 0.5})]
    assert report(database, worker, *told) == ["accepted", "lease-lost"]
    assert finish(database, worker, done(unknown), done(second)) == ["lease-lost", "accepted"]


def test_the_same_report_again_is_accepted_and_stored_once(database):
    study = a_study(database)
    worker = a_worker(database)
    granted = a_lease(database, worker)
    told = measured(granted, {10: 0.5, 20: 1 / 3}, Checkpoint(20, "a/20", "aa"))

    assert report(database, worker, told) == report(database, worker, told) == ["accepted"]

    curve = trial(database, study, granted).curve
    assert curve == (Evaluation(10, {"accuracy": 0.5}), Evaluation(20, {"accuracy": 1 / 3}))


def test_a_report_repeated_after_the_result_is_accepted(database):
    a_study(database)
    worker = a_worker(database)
    granted = a_lease(database, worker)
    told = measured(granted, {10: 0.5}, Checkpoint(10, "a/10", "aa"))
    report(database, worker, told)
    finish(database, worker, done(granted))

    assert report(database, worker, told) == ["accepted"]
    assert report(database, worker, measured(granted, {11: 0.5})) == ["lease-lost"]


@pytest.mark.parametrize(
    "other", [{"curve": {10: 0.6, 20: 0.7}}, {"curve": {}, "checkpoint": Checkpoint(10, "elsewhere", "aa")}]
)
def test_another_value_for_the_same_iteration_is_a_conflict_and_changes_nothing(database, other):
    study = a_study(database)
    worker = a_worker(database)
    granted = a_lease(database, worker)
    report(database, worker, measured(granted, {10: 0.5}, Checkpoint(10, "a/10", "aa")))

    assert report(database, worker, measured(granted, **other)) == ["conflict"]

    assert trial(database, study, granted).curve == (Evaluation(10, {"accuracy": 0.5}),)
    expire(database, worker, granted)
    assert a_lease(database, worker).resume == Checkpoint(10, "a/10", "aa")


def test_two_values_for_one_iteration_in_one_result_are_a_conflict(database):
    a_study(database)
    worker = a_worker(database)
    granted = a_lease(database, worker)
    twice = (Evaluation(10, {"accuracy": 0.5}), Evaluation(10, {"accuracy": 0.6}))

    assert finish(database, worker, done(granted, evaluations=twice)) == ["conflict"]
    assert renew(database, worker, granted) == ["accepted"]


def test_a_later_attempt_s_values_take_the_place_of_an_earlier_one_s(database):
    study = a_study(database)
    gone, worker = a_worker(database), a_worker(database)
    lost = a_lease(database, gone)
    report(database, gone, measured(lost, {10: 0.5, 20: 0.6}))
    expire(database, gone, lost)
    granted = a_lease(database, worker)

    assert report(database, worker, measured(granted, {20: 0.61})) == ["accepted"]

    accuracies = [evaluation.metrics["accuracy"] for evaluation in trial(database, study, granted).curve]
    assert accuracies == [0.5, 0.61]


def test_a_report_renews_the_lease(database):
    a_study(database)
    worker = a_worker(database)
    granted = a_lease(database, worker)
    expire(database, worker, granted)

    report(database, worker, measured(granted, {10: 0.5}))

    assert lease(database, worker)[0].slot != granted.slot


def test_an_attempt_resumes_at_the_latest_checkpoint_of_any_earlier_one(database):
    a_study(database)
    worker = a_worker(database)
    first = a_lease(database, worker)
    for iteration in (10, 20):
        report(database, worker, measured(first, {}, Checkpoint(iteration, f"a/{iteration}", "aa")))
    expire(database, worker, first)
    second = a_lease(database, worker)
    assert second.resume == Checkpoint(20, "a/20", "aa")

    report(database, worker, measured(second, {}, Checkpoint(30, "b/30", "bb")))
    expire(database, worker, second)

    assert a_lease(database, worker).resume == Checkpoint(30, "b/30", "bb")


def test_the_same_result_again_is_accepted_and_another_one_is_a_conflict(database):
    study = a_study(database)
    worker = a_worker(database)
    granted = a_lease(database, worker)
    finish(database, worker, done(granted, 0.9))

    assert finish(database, worker, done(granted, 0.9)) == ["accepted"]
    assert finish(database, worker, done(granted, 0.8)) == ["conflict"]
    assert finish(database, worker, failed(granted)) == ["conflict"]
    assert trial(database, study, granted).value == 0.9


@pytest.mark.parametrize("outcome", ["failed", "diverged"])
def test_a_slot_that_failed_or_diverged_says_why(database, outcome):
    study = a_study(database)
    worker = a_worker(database)
    granted = a_lease(database, worker)

    assert finish(database, worker, failed(granted, outcome, reason="loss is NaN", tail="traceback")) == ["accepted"]

    found = trial(database, study, granted)
    assert (found.state, found.reason, found.value) == (outcome, "loss is NaN", None)
    assert found.attempts[0].tail == "traceback"


def test_a_cancelled_study_s_holders_are_told_to_stop(database):
    study = a_study(database)
    worker = a_worker(database)
    first, second = lease(database, worker, 2)

    studies.cancel(database, study)

    assert renew(database, worker, first) == ["cancelled"]
    assert report(database, worker, measured(first, {10: 0.5})) == ["cancelled"]
    assert finish(database, worker, done(first, seconds=3.0)) == ["cancelled"]
    assert release(database, worker, second) == ["accepted"]
    assert lease(database, worker) == ()
    found = trial(database, study, first)
    assert (found.state, found.curve, found.value, found.seconds) == ("cancelled", (), None, 3.0)
    assert [attempt.how for attempt in found.attempts] == ["cancelled"]


def test_a_deleted_study_s_holders_have_lost_their_leases(database):
    study = a_study(database)
    worker = a_worker(database)
    granted = a_lease(database, worker)

    studies.delete(database, study)

    assert renew(database, worker, granted) == ["lease-lost"]
    assert finish(database, worker, done(granted)) == ["lease-lost"]


def test_right_after_a_start_only_free_slots_are_leased(open_database):
    now = 100.0
    database = open_database(restart_grace=None, clock=lambda: now)
    a_study(database)
    worker = a_worker(database)
    lost = a_lease(database, worker)
    expire(database, worker, lost)

    assert a_lease(database, worker).slot != lost.slot
    assert lease(database, worker) == ()
    now += 60.0  # one lease later
    assert a_lease(database, worker).slot == lost.slot
