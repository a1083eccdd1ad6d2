import numpy as np
import pytest

from clr.analysis import crossings


def test_running_median_removes_two_neighbouring_dips():
    curve = np.array([1.0, 1, 1, 0, 0, 1, 1, 1])

    assert crossings.running_median(curve).tolist() == [1.0] * 8


def test_running_mean_of_an_even_width_stays_centred():
    curve = np.array([0.0, 0, 0, 1, 0, 0, 0])

    smoothed = crossings.running_mean(curve, 2)

    assert smoothed == pytest.approx([0, 0, 1 / 3, 1 / 3, 1 / 3, 0, 0])


def test_crossings_of_a_trapezium_lie_a_tenth_of_the_climb_from_its_feet():
    u = np.arange(41.0)
    curve = np.interp(u, [0, 10, 20, 30, 40], [0.1, 0.1, 0.6, 0.6, 0.1])

    found = crossings.find(u, curve, 0.1)

    assert found.rise == pytest.approx(11.0)
    assert found.edge == pytest.approx(31.0)
    assert (found.peak, found.climb) == (pytest.approx(0.6), pytest.approx(0.5))


def test_the_rise_is_the_last_upward_crossing_before_the_curve_reaches_half():
    u = np.arange(12.0)
    curve = np.array([0, 0.3, 0, 0, 0, 0.4, 0.8, 1, 1, 1, 0.2, 0])

    assert crossings.find(u, curve, 0.0).rise == pytest.approx(4.25)


def test_a_dip_on_the_plateau_is_not_the_edge():
    u = np.arange(10.0)
    curve = np.array([0, 0, 1, 1, 0.6, 1, 1, 0.5, 0.2, 0])

    assert crossings.find(u, curve, 0.0).edge == pytest.approx(6.2)


def test_a_fall_that_stays_above_half_counts_only_if_it_lasts_to_the_end():
    u = np.arange(8.0)

    lasting = crossings.find(u, np.array([0, 0, 1, 1, 1, 0.7, 0.7, 0.7]), 0.0)
    recovered = crossings.find(u, np.array([0, 0, 1, 1, 1, 0.7, 0.7, 0.95]), 0.0)

    assert lasting.edge == pytest.approx(4 + 0.1 / 0.3)
    assert lasting.fall_half is None
    assert recovered.edge is None


def test_a_curve_that_starts_above_half_has_no_rise():
    assert crossings.find(np.arange(4.0), np.array([0.8, 1, 0.4, 0]), 0.0).rise is None


def test_a_curve_below_its_start_has_no_crossings():
    found = crossings.find(np.arange(3.0), np.array([0.1, 0.0, 0.1]), 0.2)

    assert (found.rise, found.edge) == (None, None)
