from dataclasses import replace
from itertools import combinations, pairwise

import numpy as np
import pytest
import simulated

from clr.analysis import tuning
from clr.analysis.tuning import expected_best
from clr.errors import InvalidNumbers

VALUES = [0.91, 0.88, 0.97, 0.93, 0.90, 0.95]


@pytest.mark.parametrize("k", [1, 2, 4, 6])
def test_it_is_the_mean_over_every_choice_of_k_trials(k):
    assert expected_best(VALUES, k) == pytest.approx(np.mean([max(c) for c in combinations(VALUES, k)]))
    assert expected_best(VALUES, k, "minimize") == pytest.approx(np.mean([min(c) for c in combinations(VALUES, k)]))


def test_it_is_unbiased_for_a_fresh_search():
    rng = np.random.default_rng(2)
    searches = rng.normal(size=(3000, 12))

    found = [expected_best(row, 4) for row in searches]

    truth = rng.normal(size=(200_000, 4)).max(axis=1).mean()
    assert np.mean(found) == pytest.approx(truth, abs=4 * np.std(found) / np.sqrt(len(found)) + 0.01)


@pytest.mark.parametrize("k", [0, 7])
def test_more_trials_than_there_are_cannot_be_expected(k):
    with pytest.raises(InvalidNumbers, match="number of trials"):
        expected_best(VALUES, k)


def test_a_diverged_trial_must_stand_as_a_finite_value():
    with pytest.raises(InvalidNumbers, match="finite"):
        expected_best([0.9, float("nan")], 1)


def test_an_arms_curve_comes_from_the_trials_that_were_drawn_at_random() -> None:
    plan = simulated.a_plan(trials=12)
    trials = [t for t in simulated.run(plan) if t.phase == "search" and t.arm == "fixed"]
    first = [t.value for t in trials if t.round == 0]

    found = tuning.curve(plan, trials)

    assert [point.trials for point in found] == [1, 2, 4]
    assert found[0].value == pytest.approx(sum(first) / 6)
    assert all(a.value <= b.value for a, b in pairwise(found))


def test_a_random_search_gives_every_trial_to_the_curve_and_a_diverged_one_its_worst() -> None:
    plan = simulated.a_plan(trials=12, sampler="random")
    trials = [t for t in simulated.run(plan) if t.phase == "search" and t.arm == "fixed"]
    values = [t.value for t in trials[1:]]
    trials[0] = replace(trials[0], outcome="diverged", value=None)

    found = tuning.curve(plan, trials)

    assert [point.trials for point in found] == [1, 2, 4, 8]
    assert found[0].value == pytest.approx((sum(values) + min(values)) / 12)


def test_a_search_in_which_all_diverged_has_no_curve() -> None:
    plan = simulated.a_plan()
    trials = [replace(t, outcome="diverged", value=None) for t in simulated.run(plan) if t.phase == "search"]

    assert tuning.curve(plan, trials) == ()
