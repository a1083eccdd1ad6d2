from itertools import combinations

import numpy as np
import pytest

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
