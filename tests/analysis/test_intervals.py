import math

import numpy as np
import pytest
from scipy import stats

from clr.analysis import intervals
from clr.errors import InvalidNumbers

ACCURACIES = [0.971, 0.968, 0.975, 0.969, 0.973]


def within_binomial_error(hits, probability, sds=3.3):
    """Shares of 0/1 `hits` lie within 3.3 standard errors of the probability (one in a thousand does not)."""
    return abs(np.mean(hits) - probability) <= sds * math.sqrt(probability * (1 - probability) / len(hits))


def test_the_interval_of_a_mean_equals_scipys():
    found = intervals.mean(ACCURACIES)

    reference = stats.ttest_1samp(ACCURACIES, 0).confidence_interval(0.95)
    assert (found.interval.low, found.interval.high) == pytest.approx((reference.low, reference.high))
    assert (found.mean, found.n) == (pytest.approx(np.mean(ACCURACIES)), 5)


def test_the_prediction_interval_is_wider_by_the_root_of_n_plus_one():
    found = intervals.mean(ACCURACIES)

    ratio = (found.prediction.high - found.mean) / (found.interval.high - found.mean)
    assert ratio == pytest.approx(math.sqrt(6))
    assert intervals.prediction_of_mean(ACCURACIES, 1) == found.prediction


def test_intervals_of_a_mean_cover_it_and_new_runs_in_95_of_100_studies():
    rng = np.random.default_rng(5)
    runs, new, later = rng.normal(size=(4000, 5)), rng.normal(size=4000), rng.normal(size=(4000, 3)).mean(axis=1)

    found = [intervals.mean(row) for row in runs]
    of_three = [intervals.prediction_of_mean(row, 3) for row in runs]

    assert within_binomial_error([f.interval.contains(0.0) for f in found], 0.95)
    assert within_binomial_error([f.prediction.contains(x) for f, x in zip(found, new, strict=True)], 0.95)
    assert within_binomial_error([f.contains(x) for f, x in zip(of_three, later, strict=True)], 0.95)


def test_one_run_has_a_mean_and_no_interval():
    found = intervals.mean([0.97])

    assert (found.mean, found.sd, found.interval, found.prediction) == (0.97, None, None, None)
    assert "one run" in found.note
    assert intervals.prediction_of_mean([0.97], 5) is None


def test_a_spread_of_zero_takes_the_resolution_and_says_so():
    unknown, stated = intervals.mean([0.97] * 5), intervals.mean([0.97] * 5, resolution=1 / 500)

    assert unknown.interval is None
    assert stated.sd == 1 / 500
    assert stated.interval.high - stated.mean == pytest.approx(stats.t.ppf(0.975, 4) / 500 / math.sqrt(5))
    assert "resolution (0.002)" in stated.note


@pytest.mark.parametrize("values", [[], [0.9, float("nan")], [float("inf")], [[0.9, 0.8]]])
def test_values_that_are_missing_or_not_finite_are_refused(values):
    with pytest.raises(InvalidNumbers, match="values must be"):
        intervals.mean(values)


def test_a_paired_difference_equals_scipys_paired_t():
    baseline = [0.960, 0.962, 0.961, 0.955, 0.966]

    found = intervals.paired(ACCURACIES, baseline)

    reference = stats.ttest_rel(ACCURACIES, baseline).confidence_interval(0.95)
    assert (found.interval.low, found.interval.high) == pytest.approx((reference.low, reference.high))
    assert found.pairs == 5


def test_the_same_values_seed_by_seed_are_identical_not_nan():
    found = intervals.paired(ACCURACIES, ACCURACIES, resolution=1 / 500)

    assert found.identical
    assert found.mean == 0.0
    assert found.note.startswith("identical")
    assert found.interval.contains(0.0)


def test_a_constant_shift_has_no_spread_beyond_rounding():
    found = intervals.paired(np.array(ACCURACIES) + 0.01, ACCURACIES)

    assert found.mean == pytest.approx(0.01)
    assert (found.sd, found.interval, found.identical) == (None, None, False)


def test_rows_of_unlike_length_are_refused():
    with pytest.raises(InvalidNumbers, match="arm must have 4 values"):
        intervals.paired(ACCURACIES, ACCURACIES[:4])


def test_dunnett_of_two_arms_is_the_paired_interval():
    table = [ACCURACIES, [0.960, 0.962, 0.961, 0.955, 0.966]]

    (found,) = intervals.dunnett(table, baseline=1)

    paired = intervals.paired(*table)
    assert (found.mean, found.interval.low, found.interval.high) == pytest.approx(
        (paired.mean, paired.interval.low, paired.interval.high)
    )


def test_dunnett_covers_every_difference_at_once_in_95_of_100_studies():
    """Arms with true shifts, seeds with a common effect: the family of 6 intervals is right as a whole."""
    rng = np.random.default_rng(6)
    shifts = np.array([0.0, 0.0, 0.5, 1.0, -1.0, 2.0, 0.0])
    studies = rng.normal(size=(3000, 7, 5)) + 2 * rng.normal(size=(3000, 1, 5)) + shifts[:, None]

    hits = []
    for table in studies:
        found = intervals.dunnett(table, baseline=2)
        truth = np.delete(shifts, 2) - shifts[2]
        hits.append(all(f.interval.contains(d) for f, d in zip(found, truth, strict=True)))

    assert within_binomial_error(hits, 0.95)


def test_dunnett_does_not_depend_on_the_order_of_arms_or_seeds():
    rng = np.random.default_rng(7)
    table = rng.normal(size=(4, 5))

    found = intervals.dunnett(table, baseline=0)
    moved = intervals.dunnett(table[[3, 0, 2, 1]][:, ::-1], baseline=1)

    assert [moved[k].interval.low for k in (0, 1, 2)] == pytest.approx([found[k].interval.low for k in (2, 1, 0)])


def test_dunnett_says_which_arm_is_identical_to_the_baseline():
    other = [0.960, 0.962, 0.961, 0.955, 0.966]

    same, different = intervals.dunnett([ACCURACIES, ACCURACIES, other], baseline=0)

    assert (same.identical, different.identical) == (True, False)
    assert same.note.startswith("identical")
    assert (same.interval.low, same.interval.high) == (pytest.approx(-same.interval.high), same.interval.high)


def test_identical_arms_alone_have_no_spread_and_no_nan():
    found = intervals.dunnett([ACCURACIES] * 3, resolution=1 / 500)

    assert all(f.identical and f.sd == pytest.approx(math.sqrt(2) / 500) for f in found)


def test_one_seed_gives_differences_without_intervals():
    found = intervals.dunnett([[0.9], [0.95], [0.85]])

    assert [f.mean for f in found] == pytest.approx([0.05, -0.05])
    assert all(f.interval is None for f in found)


@pytest.mark.parametrize(
    ("table", "baseline"), [([[1.0, 2.0]], 0), ([[1.0], [2.0]], 2), ([[1.0, math.nan], [1, 2]], 0)]
)
def test_a_table_that_cannot_be_compared_is_refused(table, baseline):
    with pytest.raises(InvalidNumbers):
        intervals.dunnett(table, baseline)


def test_correlation_is_what_pairing_achieved():
    assert intervals.correlation([1.0, 2.0, 4.0], [2.0, 4.0, 8.0]) == pytest.approx(1.0)
    assert intervals.correlation([1.0, 1.0, 1.0], [2.0, 4.0, 8.0]) is None
    assert intervals.correlation([1.0, 2.0], [2.0, 4.0]) is None


@pytest.mark.parametrize(("count", "of"), [(0, 5), (2, 5), (5, 5)])
def test_clopper_pearson_equals_scipys_exact_interval(count, of):
    found = intervals.clopper_pearson(count, of)

    reference = stats.binomtest(count, of).proportion_ci(0.95, "exact")
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high))


def test_no_divergence_in_five_runs_still_allows_52_percent():
    assert intervals.clopper_pearson(0, 5).high == pytest.approx(0.522, abs=5e-4)


def test_a_count_beyond_the_runs_is_refused():
    with pytest.raises(InvalidNumbers, match="count must lie between 0 and 5, got 6"):
        intervals.clopper_pearson(6, 5)


@pytest.mark.parametrize(("seeds", "published"), [(3, 3.3), (5, 1.7), (8, 1.16), (10, 1.0), (20, 0.66)])
def test_detectable_differences_of_a_paired_t_equal_the_table(seeds, published):
    assert intervals.detectable_difference(1.0, seeds) == pytest.approx(published, abs=0.05)


def test_the_detectable_difference_is_detected_in_80_of_100_studies():
    rng = np.random.default_rng(8)
    shift = intervals.detectable_difference(math.sqrt(2), seeds=5, arms=4)
    studies = rng.normal(size=(3000, 4, 5)) + np.array([0, shift, 0, 0])[:, None]

    shown = [not intervals.dunnett(table)[0].interval.contains(0.0) for table in studies]

    assert within_binomial_error(shown, 0.8)


def test_one_seed_detects_nothing():
    assert intervals.detectable_difference(1.0, seeds=1) is None


@pytest.mark.parametrize("sd", [0.0, -1.0, math.nan, math.inf])
def test_a_spread_that_is_no_spread_is_refused(sd):
    with pytest.raises(InvalidNumbers, match="sd must be"):
        intervals.detectable_difference(sd, seeds=5)
