"""The queue played forward by the lease's own rule."""

import pytest

from service.forecast import Bench, Contender, starts


def a_study(study, owner="ada", priority=0, trials=10, seconds=60.0, task="toy"):
    return Contender(study, task, owner, priority, trials, seconds)


FREE = Bench(("toy",), 0.0)


def test_an_idle_worker_takes_the_first_at_once_and_the_next_when_it_is_free():
    found = starts([a_study("s1", trials=2), a_study("s2", owner="ada")], {}, [FREE])

    assert found == {"s1": 0.0, "s2": 120.0}


def test_another_owner_s_study_need_not_wait_for_the_whole_of_the_first():
    found = starts([a_study("s1", trials=100_000), a_study("s2", owner="bob")], {"ada": 0.0}, [FREE])

    assert found == {"s1": 0.0, "s2": 60.0}


def test_who_used_more_waits_until_the_other_has_caught_up():
    found = starts([a_study("s1"), a_study("s2", owner="bob")], {"ada": 150.0}, [FREE])

    assert found == {"s2": 0.0, "s1": 180.0}


def test_priority_stands_above_shares():
    found = starts([a_study("s1"), a_study("s2", owner="bob", priority=1, trials=3)], {"bob": 9e9}, [FREE])

    assert found == {"s2": 0.0, "s1": 180.0}


def test_a_busy_worker_is_waited_for():
    assert starts([a_study("s1")], {}, [Bench(("toy",), 25.0)]) == {"s1": 25.0}


@pytest.mark.parametrize(
    "benches", [[], [Bench(("other",), 0.0)], [Bench(("toy",), None)]], ids=["none", "other task", "unknown"]
)
def test_what_cannot_be_told_is_left_out(benches):
    assert starts([a_study("s1")], {}, benches) == {}


def test_behind_a_trial_of_unknown_length_nothing_is_foretold():
    assert starts([a_study("s1", seconds=None), a_study("s2")], {}, [FREE]) == {"s1": 0.0}


def test_a_queue_of_any_length_is_played_for_a_while_only():
    assert starts([a_study("s1", trials=10**6), a_study("s2")], {}, [FREE]) == {"s1": 0.0}
