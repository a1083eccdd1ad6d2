import math

import numpy as np
import pytest

from clr.analysis.time_ratio import time_ratio
from clr.errors import InvalidNumbers


def runs(rng, median, count, budget):
    times = median * np.exp(0.25 * rng.normal(size=count))
    return [float(t) if t <= budget else None for t in times]


def test_a_ratio_of_reached_times_equals_the_log_t_interval():
    found = time_ratio([500, 600, 550], [1000, 1100, 1200], budget=2000)

    assert found.kind == "ratio"
    assert found.ratio == pytest.approx((0.5 * 600 / 1100 * 550 / 1200) ** (1 / 3))
    assert found.interval.low < found.ratio < found.interval.high


def test_runs_that_did_not_reach_the_target_restrict_the_means_to_the_budget():
    found = time_ratio([500, 600, 550], [1000, None, 1200], budget=2000)

    assert found.kind == "within the budget"
    assert found.ratio == pytest.approx((1650 / 3) / (4200 / 3))
    assert (found.arm_reached, found.baseline_reached, found.pairs) == (3, 2, 3)


def test_a_target_that_most_runs_missed_has_no_ratio():
    found = time_ratio([500, 600, 550], [None, None, 1200], budget=2000)

    assert (found.kind, found.ratio, found.interval) == ("not reached", None, None)


def test_one_seed_has_a_ratio_and_no_interval():
    found = time_ratio([500], [1000], budget=2000)

    assert (found.ratio, found.interval) == (pytest.approx(0.5), None)


@pytest.mark.parametrize(("budget", "truth"), [(1e9, 0.6), (1100.0, None)])
def test_intervals_cover_the_ratio_in_about_95_of_100_studies(budget, truth):
    """With a budget of 1,100 a third of the baseline's runs miss the target; the truth is then of restricted means."""
    rng = np.random.default_rng(9)
    if truth is None:
        many = 400_000
        restricted = [np.minimum(m * np.exp(0.25 * rng.normal(size=many)), budget).mean() for m in (600, 1000)]
        truth = restricted[0] / restricted[1]

    found = [time_ratio(runs(rng, 600, 8, budget), runs(rng, 1000, 8, budget), budget) for _ in range(2000)]
    covered = [f.interval.contains(truth) for f in found if f.interval is not None]

    assert len(covered) > 1700
    assert np.mean(covered) == pytest.approx(0.95, abs=0.02)


@pytest.mark.parametrize(
    ("arm", "baseline"), [([500], [500, 600]), ([], []), ([3000], [500]), ([0], [500]), ([math.nan], [500])]
)
def test_times_outside_the_budget_or_unpaired_are_refused(arm, baseline):
    with pytest.raises(InvalidNumbers):
        time_ratio(arm, baseline, budget=2000)
