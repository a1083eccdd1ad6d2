"""Rates known from the paper and its implementations (base 0.001, max 0.006, step_size 2000, gamma 0.99994)."""

import pytest

from clr import schedules

BOUNDS = {"base_lr": 0.001, "max_lr": 0.006, "step_size": 2000}

TABLE = [  # iteration, triangular, triangular2, exp_range (amplitude), exp_range (both bounds), exponential from 0.001
    (0, 0.001, 0.001, 0.001, 0.001, 0.001),
    (1, 0.0010025, 0.0010025, 0.00100249985, 0.00100243985, 0.00099994),
    (1000, 0.0035, 0.0035, 0.003354407096, 0.003296169934, 0.0009417628383),
    (2000, 0.006, 0.006, 0.005434586218, 0.005321503462, 0.0008869172437),
    (4000, 0.001, 0.001, 0.001, 0.0007866221971, 0.0007866221971),
    (5000, 0.0035, 0.00225, 0.002852028883, 0.002592840436, 0.0007408115531),
    (6000, 0.006, 0.0035, 0.004488343955, 0.004186012745, 0.0006976687909),
    (42000, 0.006, 0.001004882812, 0.00140226762, 0.0004827211439, 0.00008045352399),
]


@pytest.mark.parametrize(("i", "triangular", "triangular2", "exp_range", "both_bounds", "exponential"), TABLE)
def test_rates_equal_the_published_ones(i, triangular, triangular2, exp_range, both_bounds, exponential):
    printed_digits = {"rel": 1e-9, "abs": 0}

    assert schedules.Triangular(**BOUNDS)(i) == pytest.approx(triangular, **printed_digits)
    assert schedules.Triangular2(**BOUNDS)(i) == pytest.approx(triangular2, **printed_digits)
    assert schedules.ExpRange(**BOUNDS, gamma=0.99994)(i) == pytest.approx(exp_range, **printed_digits)
    declining = schedules.ExpRange(**BOUNDS, gamma=0.99994, decay_bounds=True)
    assert declining(i) == pytest.approx(both_bounds, **printed_digits)
    assert schedules.Exponential(lr=0.001, gamma=0.99994)(i) == pytest.approx(exponential, **printed_digits)


def test_the_papers_exp_run_ends_at_its_rate():
    assert schedules.Exponential(lr=0.001, gamma=0.99994)(70_000) == pytest.approx(1.499368742e-05, rel=1e-9)


@pytest.mark.parametrize(("i", "rate"), [(0, 0.007), (1000, 0.0055), (2000, 0.004), (4000, 0.001), (5000, 0.001)])
def test_the_papers_decay_falls_once(i, rate):
    assert schedules.Decay(base_lr=0.001, max_lr=0.007, step_size=4000)(i) == pytest.approx(rate, rel=1e-12)


TABLE_2 = schedules.Piecewise(
    schedules=(
        schedules.Triangular2(base_lr=0.001, max_lr=0.005, step_size=2000),
        schedules.Triangular2(base_lr=0.0001, max_lr=0.0005, step_size=1000),
        schedules.Triangular2(base_lr=0.00001, max_lr=0.00005, step_size=500),
    ),
    milestones=(16_000, 22_000),
)


@pytest.mark.parametrize(
    ("i", "rate"),
    [
        *((0, 0.001), (2000, 0.005), (6000, 0.003), (10_000, 0.002), (14_000, 0.0015), (15_999, 0.00100025)),
        *((16_000, 0.0001), (17_000, 0.0005), (19_000, 0.0003), (21_000, 0.0002), (22_000, 0.00001)),
        *((22_500, 0.00005), (23_500, 0.00003), (24_500, 0.00002), (24_999, 0.00001002)),
    ],
)
def test_the_papers_table_2_is_a_piecewise_schedule(i, rate):
    assert TABLE_2(i) == pytest.approx(rate, rel=1e-9)


def test_smiths_first_patch_divides_the_height_by_the_cycle():
    schedule = schedules.Custom(base_lr=0.0, max_lr=0.006, step_size=2000, scale_fn="inverse")

    assert [schedule(peak) for peak in (2000, 6000, 10_000)] == pytest.approx([0.006, 0.003, 0.002], rel=1e-12)
