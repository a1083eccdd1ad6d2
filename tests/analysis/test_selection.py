from dataclasses import replace

from clr.analysis.selection import finalist
from clr.results import Trial

TRIAL = Trial(
    number=0, phase="search", arm="cosine", round=0, position=0, params={}, seed=0, split_seed=0, iterations=100
)


def trials(*values, outcome="done"):
    return [replace(TRIAL, number=k, value=value, outcome=outcome) for k, value in enumerate(values)]


def test_the_best_validation_value_is_chosen_by_direction():
    arm = trials(0.8, 0.9, 0.7)

    assert finalist(arm, "maximize").number == 1
    assert finalist(arm, "minimize").number == 2


def test_the_lowest_number_wins_a_tie_in_whatever_order_trials_come():
    arm = trials(0.5, 0.9, 0.9)

    assert finalist(arm, "maximize").number == 1
    assert finalist(arm[::-1], "maximize").number == 1


def test_trials_that_diverged_failed_or_are_open_are_never_chosen():
    arm = trials(0.1) + [
        replace(TRIAL, number=9, value=0.99, outcome=outcome) for outcome in ("diverged", "failed", "cancelled", None)
    ]

    assert finalist(arm, "maximize").number == 0


def test_a_value_that_is_not_finite_is_never_chosen():
    assert finalist(trials(float("nan"), 0.2, float("inf")), "maximize").number == 1


def test_an_arm_without_a_finished_trial_has_no_finalist():
    assert finalist(trials(0.9, outcome="failed"), "maximize") is None
    assert finalist([], "maximize") is None
