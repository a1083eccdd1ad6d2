import math

import numpy as np
import pytest
from scipy import stats

from clr.analysis import comparison, intervals, max_t
from clr.analysis.comparison import compare, recommend
from clr.analysis.intervals import Difference, Interval
from clr.errors import InvalidNumbers


def within_binomial_error(hits, probability, sds=3.3):
    return abs(np.mean(hits) - probability) <= sds * math.sqrt(probability * (1 - probability) / len(hits))


def studies(count, means, sds=None, seeds=5, common=1.0, seed=0):
    """Tables [arms, seeds] of normal noise, with what a seed has in common for every arm."""
    rng = np.random.default_rng(seed)
    means = np.asarray(means, dtype=float)[:, None]
    sds = np.ones_like(means) if sds is None else np.asarray(sds, dtype=float)[:, None]
    for _ in range(count):
        yield means + sds * rng.normal(size=(len(means), seeds)) + common * rng.normal(size=(1, seeds))


STEADY = np.random.default_rng(3).normal(0, 0.001, (3, 5))
"""Three arms whose seeds differ by a tenth of a point."""


def test_null_studies_have_a_false_winner_in_5_and_lose_the_best_from_the_set_in_5_of_100():
    found = [compare(table) for table in studies(2000, [0] * 7)]

    winners = [any(not d.interval.contains(0.0) for d in c.differences) for c in found]
    assert within_binomial_error(winners, 0.05)
    assert within_binomial_error([3 in c.best.members for c in found], 0.95)
    assert within_binomial_error([c.noisy is not None for c in found], 0.05)


def test_the_best_sets_rule_is_hsus():
    table = next(studies(1, [0, 0.5, 1, 2]))

    found = comparison.best_set(table)

    reach = max_t.critical_value(4, 12, two_sided=False) * intervals.residual_sd(table) * math.sqrt(2 / 5)
    means = table.mean(axis=1)
    assert set(found.members) == set(np.flatnonzero(means.max() - means <= reach))
    assert found.members[0] == int(np.argmax(means))


def test_the_loss_of_taking_the_highest_mean_is_bounded_in_95_of_100_studies():
    means = np.array([0, 0.3, 0.5, 0.6, 0.6])
    held = []
    for table in studies(1500, means):
        best = compare(table).best
        held.append(means.max() - means[best.members[0]] <= best.losses[best.members[0]])

    assert np.mean(held) >= 0.95 - 3.3 * math.sqrt(0.05 * 0.95 / 1500)


def test_a_noisy_baseline_switches_to_paired_intervals_and_restores_coverage():
    found = [compare(table) for table in studies(1000, [0] * 7, sds=[3, 1, 1, 1, 1, 1, 1], seeds=10)]

    pooled = np.mean([all(d.interval.contains(0.0) for d in c.pooled) for c in found])
    used = np.mean([all(d.interval.contains(0.0) for d in c.differences) for c in found])
    assert pooled < 0.88
    assert used >= 0.93
    assert np.mean([c.noisy == 0 for c in found]) > 0.9


def test_the_paired_table_is_bonferroni():
    table = next(studies(1, [0, 0, 0]))

    found = compare(table).separate[0]

    gap = table[1] - table[0]
    reach = stats.t.ppf(1 - 0.05 / 2 / 2, 4) * gap.std(ddof=1) / math.sqrt(5)
    assert found.interval.high - found.mean == pytest.approx(reach)


def test_two_arms_are_never_noisy():
    assert comparison.noisy_arm(np.array([[0.0, 9, -9, 4, 5], [0.1, 0, 0.1, 0, 0.1]])) is None


def test_what_seeds_have_in_common_does_not_hide_a_noisy_arm():
    rng = np.random.default_rng(4)
    table = rng.normal(size=(5, 10)) + 100 * rng.normal(size=(1, 10))
    table[2] += 8 * rng.normal(size=10)

    assert comparison.noisy_arm(table) == 2


def test_minimizing_is_maximizing_the_negative():
    table = next(studies(1, [0, 1, 2]))

    assert compare(table, direction="minimize").best == compare(-table, direction="maximize").best


def test_permuting_arms_moves_the_answer_and_changes_no_number():
    table, order = next(studies(1, [0, 1, 1.5, 0.2])), [2, 0, 3, 1]

    best, moved = compare(table).best, compare(table[order], baseline=1).best

    assert [order[k] for k in moved.members] == list(best.members)
    assert [moved.losses[k] for k in np.argsort(order)] == pytest.approx(best.losses)


def test_arms_with_the_same_values_seed_by_seed_are_identical():
    table = np.array([[0.9, 0.8], [0.7, 0.8], [0.9, 0.8], [0.8, 0.9], [0.7, 0.8]])

    assert compare(table).identical == ((0, 2), (1, 4))


def test_three_names_of_one_schedule_are_equivalent_without_nan():
    found = compare(np.tile([0.97, 0.96, 0.98], (3, 1)), resolution=1 / 500)

    assert recommend(found, 0.002, simplest_first=[1, 0, 2]) == comparison.Recommendation(
        "equivalent: take the simplest", 1, 0.0, (0, 1, 2)
    )
    assert all(comparison.verdict(d, 0.002) == "identical" for d in found.differences)


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.003, 0.010, "better"),
        (-0.010, -0.003, "worse"),
        (-0.001, 0.0015, "equivalent"),
        (0.0005, 0.0015, "equivalent"),
        (-0.030, 0.030, "undecided"),
        (-0.001, 0.010, "undecided"),
    ],
)
def test_a_verdict_follows_from_interval_and_margin(low, high, expected):
    difference = Difference((low + high) / 2, 5, 0.01, Interval(low, high))

    assert comparison.verdict(difference, 0.002) == expected


def test_a_lower_loss_is_better():
    assert comparison.verdict(Difference(-0.5, 5, 0.1, Interval(-0.6, -0.4)), 0.01, "minimize") == "better"


def test_an_unknown_spread_is_undecided():
    assert comparison.verdict(Difference(0.5, 1, None, None), 0.01) == "undecided"


@pytest.mark.parametrize("margin", [math.nan, -0.1, math.inf])
def test_a_margin_that_is_no_margin_is_refused(margin):
    with pytest.raises(InvalidNumbers, match="margin must be"):
        comparison.verdict(Difference(0.5, 1, None, None), margin)


def test_the_margin_is_two_test_images_where_that_is_more():
    assert comparison.default_margin(10_000) == 0.002
    assert comparison.default_margin(360) == pytest.approx(2 / 360)


def test_one_arm_far_ahead_is_used():
    table = STEADY + np.array([[0.90], [0.95], [0.90]])

    assert recommend(compare(table), 0.002, [0, 1, 2]) == comparison.Recommendation("use it", 1, None)


def test_a_baseline_far_ahead_is_kept():
    table = STEADY + np.array([[0.90], [0.95], [0.90]])

    assert recommend(compare(table, baseline=1), 0.002, [0, 1, 2]).action == "keep your baseline"


def test_arms_within_the_margin_are_equivalent_and_the_simplest_is_taken():
    found = recommend(compare(STEADY + 0.9), 0.01, simplest_first=[2, 0, 1])

    assert (found.action, found.arm) == ("equivalent: take the simplest", 2)
    assert 0 <= found.loss <= 0.01


def test_lack_of_data_never_recommends_the_simplest_arm():
    """Over 300 noisy studies of three seeds the fixed rate (row 0, the simplest) is taken only where its mean leads."""
    for table in studies(300, [0.90, 0.905, 0.90], sds=[0.01] * 3, seeds=3, common=0.0):
        found = recommend(compare(table), 0.002, simplest_first=[0, 1, 2])
        if found.arm == 0:
            assert table.mean(axis=1).argmax() == 0
        if found.action == "undecided: take the highest confirmed mean":
            assert found.arm == table.mean(axis=1).argmax()


def test_two_equal_arms_have_a_winner_in_5_of_100_studies_though_the_best_set_is_one_sided():
    found = [recommend(compare(table), 0.0, [0, 1]).action for table in studies(2000, [0, 0])]

    assert within_binomial_error([action in ("use it", "keep your baseline") for action in found], 0.05)


def test_an_arm_with_a_diverged_run_is_compared_and_not_chosen():
    table = STEADY + np.array([[0.90], [0.95], [0.90]])

    found = compare(table, eligible=[0, 2])

    assert 1 not in found.best.members and found.best.losses[1] == math.inf
    assert found.differences[0].mean == pytest.approx(compare(table).differences[0].mean)


def test_a_lead_that_does_not_matter_is_no_reason_to_leave_the_simplest_arm():
    table = STEADY / 10 + np.array([[0.900], [0.901], [0.890]])

    assert recommend(compare(table), 0.0005, [0, 1, 2]).action == "use it"
    found = recommend(compare(table), 0.002, [0, 1, 2])
    assert (found.action, found.arm, found.among) == ("equivalent: take the simplest", 0, (0, 1))


def test_one_seed_gives_no_verdict():
    found = compare([[0.9], [0.95]])

    assert found.best is None
    assert recommend(found, 0.002, [0, 1]) == comparison.Recommendation("no verdict: screened only", None, None)


@pytest.mark.parametrize(("seeds", "arms"), [(5, 2), (10, 4), (20, 7)])
def test_the_price_of_certainty_is_the_inverse_of_the_detectable_difference(seeds, arms):
    visible = intervals.detectable_difference(0.004, seeds, arms)

    assert comparison.seeds_needed(0.004, visible * 1.0001, arms) == seeds
    assert comparison.seeds_needed(0.004, visible * 0.999, arms) == seeds + 1


def test_a_hopeless_difference_has_no_price():
    assert comparison.seeds_needed(1.0, 1e-6, arms=2) is None
    with pytest.raises(InvalidNumbers, match="difference must be"):
        comparison.seeds_needed(1.0, 0.0, arms=2)
