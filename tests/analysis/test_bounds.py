import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from analysis import curves

from clr.analysis import bounds
from clr.analysis.rise_fall import RiseFall
from clr.errors import InvalidNumbers

RATES = np.geomspace(1e-5, 10, 120)
CURVE = RiseFall(floor=0.1, height=0.8, rise_at=-7.0, rise_width=0.6, fall_at=-0.5, fall_width=0.2)
RISE, EDGE = np.exp(-7.0 - 2.2 * 0.6), np.exp(-0.5 - 2.2 * 0.2)


def three_seeds(curve=CURVE, noise=0.01, shift=0.0, seed=0):
    rng = np.random.default_rng(seed)
    rows = [curve(np.log(RATES) + shift * k) for k in (-1, 0, 1)]
    return np.array(rows) + noise * rng.standard_normal((3, len(RATES)))


def read(accuracies, rates=RATES, **options):
    return bounds.read(rates, accuracies, **{"iterations": 1000, **options})


def reasons(reading, bound):
    return {reason.reason for reason in reading.reasons if reason.bound == bound}


def right(found, truth):
    return found is not None and max(found / truth, truth / found) <= 1.5


def test_reading_bounds_needs_numpy_alone():
    code = "import sys, clr.analysis.bounds; print({'scipy', 'torch', 'pydantic', 'optuna'} & set(sys.modules))"

    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_a_clean_curve_is_read_within_a_tenth_and_clear():
    reading = read(three_seeds())

    assert reading.rise == pytest.approx(RISE, rel=0.1)
    assert reading.edge == pytest.approx(EDGE, rel=0.1)
    assert (reading.verdict, reading.reasons) == ("clear", ())


def test_max_lr_is_half_the_edge_and_base_lr_a_quarter_of_that():
    reading = read(three_seeds())

    assert reading.max_lr == reading.edge / 2
    assert reading.base_lr == reading.max_lr / 4
    assert reading.interval == (reading.edge / 32, reading.edge)


def test_two_seeds_are_never_clear():
    reading = read(three_seeds()[:2])

    assert reasons(reading, "both") == {"too few seeds"}
    assert (reading.rise_verdict, reading.edge_verdict, reading.interval) == ("unclear", "unclear", None)


def test_without_a_fall_the_edge_is_missing_and_the_rise_stays_clear():
    reading = read(three_seeds(replace(CURVE, fall_at=20.0)))

    assert (reading.edge, reading.max_lr, reading.base_lr, reading.interval) == (None, None, None, None)
    assert reasons(reading, "edge") == {"no fall"}
    assert (reading.rise_verdict, reading.edge_verdict, reading.verdict) == ("clear", "unclear", "unclear")


def test_a_rise_in_the_first_evaluations_of_a_linear_ramp_leaves_the_edge_clear():
    rates = np.linspace(0, 2, 121)[1:]
    curve = RiseFall(floor=0.1, height=0.8, rise_at=-3.0, rise_width=0.2, fall_at=0.0, fall_width=0.05)
    noise = 0.005 * np.random.default_rng(4).standard_normal((3, 120))

    reading = read(curve(np.log(rates)) + noise, rates, ramp="linear")

    assert reasons(reading, "rise") == {"rise at start"}
    assert (reading.rise_verdict, reading.edge_verdict) == ("unclear", "clear")
    assert reading.interval is not None


@pytest.mark.parametrize("rise_at", [-11.8, -11.2, -10.9])
def test_a_ramp_that_starts_inside_the_climb_is_said_and_lowered(rise_at):
    """Its start level is too high, so that the rise seems to lie later; the fitted curves' floor tells."""
    reading = read(three_seeds(replace(CURVE, rise_at=rise_at)))

    assert "rise at start" in reasons(reading, "rise")
    assert bounds.next_ramp(reading, 1e-5, 10.0) == pytest.approx((1e-7, 10.0))


def test_a_fall_in_the_last_evaluations_is_unclear():
    reading = read(three_seeds(replace(CURVE, fall_at=2.25, fall_width=0.02)))

    assert "fall at end" in reasons(reading, "edge")


def test_seeds_whose_edges_lie_far_apart_are_said():
    accuracies = three_seeds()
    accuracies[0] = CURVE(np.log(RATES) + 1.2)

    assert "seeds spread" in reasons(read(accuracies), "edge")


def test_an_edge_close_to_the_rise_is_unclear_for_both():
    reading = read(three_seeds(RiseFall(0.1, 0.8, -3.0, 0.05, -2.3, 0.05), noise=0.0))

    assert "bounds too near" in reasons(reading, "both")


def test_a_climb_below_two_points_is_no_climb():
    reading = read(three_seeds(replace(CURVE, height=0.015), noise=0.0005))

    assert "no climb" in reasons(reading, "both")


def test_a_seed_that_died_counts_as_the_start_level_from_there():
    accuracies = three_seeds()
    accuracies[:, np.log(RATES) > -0.4] = np.nan

    reading = read(accuracies)

    assert reading.edge == pytest.approx(EDGE, rel=0.25)
    assert reading.edge_verdict == "clear"


def test_a_negated_loss_is_read_like_an_accuracy():
    shifted = read(three_seeds() - 3.0)
    plain = read(three_seeds())

    assert shifted.edge == pytest.approx(plain.edge, rel=1e-3)


def test_the_reading_does_not_depend_on_the_order_of_the_seeds():
    accuracies = three_seeds(shift=0.1)

    assert read(accuracies[::-1]).edge == pytest.approx(read(accuracies).edge, rel=1e-9)


def test_a_reading_becomes_json_with_stored_and_derived_values():
    document = json.loads(json.dumps(read(three_seeds()).to_dict()))

    assert document["max_lr"] == document["edge"] / 2
    assert document["verdict"] == "clear"
    assert len(document["per_seed"]) == 3
    assert document["iterations"] == 1000


def test_a_reading_survives_json():
    reading = read(three_seeds()[:2])

    assert bounds.Reading.from_dict(json.loads(json.dumps(reading.to_dict()))) == reading


@pytest.mark.parametrize(
    ("rates", "accuracies", "name"),
    [
        (RATES[::-1], np.zeros((3, 120)), "rates"),
        (np.concatenate([[0.0], RATES[1:]]), np.zeros((3, 120)), "rates"),
        (RATES, np.zeros((3, 119)), "accuracies"),
        (RATES, np.full((3, 120), np.inf), "accuracies"),
        (RATES, np.full((3, 120), np.nan), "accuracies"),
    ],
)
def test_wrong_numbers_are_refused_by_name(rates, accuracies, name):
    with pytest.raises(InvalidNumbers, match=f"^{name} must"):
        read(accuracies, rates)


def test_a_ramp_without_a_fall_is_raised_tenfold_at_most_twice():
    reading = read(three_seeds(replace(CURVE, fall_at=20.0)))

    assert bounds.next_ramp(reading, 1e-5, 10.0, 0) == (1e-5, 100.0)
    assert bounds.next_ramp(reading, 1e-5, 100.0, 1) == (1e-5, 1000.0)
    assert bounds.next_ramp(reading, 1e-5, 1000.0, 2) is None


def test_a_ramp_that_starts_at_the_rise_is_lowered_a_hundredfold_once():
    reading = replace(read(three_seeds()), reasons=(bounds.Reason("rise", "rise at start", "2 evaluations"),))

    assert bounds.next_ramp(reading, 1e-5, 10.0, 0) == pytest.approx((1e-7, 10.0))
    assert bounds.next_ramp(reading, 1e-7, 10.0, 1) is None


def test_a_clear_ramp_is_not_run_again():
    assert bounds.next_ramp(read(three_seeds()), 1e-5, 10.0) is None


def readings(kinds, make, count, seed, **options):
    """(test, reading) of `count` synthetic tests, the kinds in turn."""
    rng = np.random.default_rng(seed)
    tests = [make(rng, kinds[k % len(kinds)], **options) for k in range(count)]
    return [(test, bounds.read(test.rates, test.accuracies, ramp=test.ramp, iterations=1000)) for test in tests]


def both_right(test, reading):
    return right(reading.rise, test.rise) and right(reading.edge, test.edge)


@pytest.fixture(scope="module")
def readable():
    return readings(curves.READABLE, curves.readable, 1000, seed=20261124)


def test_both_bounds_are_right_in_95_and_the_edge_in_98_of_100_readable_tests(readable):
    assert np.mean([both_right(*pair) for pair in readable]) >= 0.95
    assert np.mean([right(reading.edge, test.edge) for test, reading in readable]) >= 0.98


def test_what_is_called_clear_is_right_in_96_of_100_and_in_90_of_each_family(readable):
    clear = [(test.family, both_right(test, reading)) for test, reading in readable if reading.verdict == "clear"]

    assert np.mean([hit for _, hit in clear]) >= 0.96
    for family in curves.READABLE:
        assert np.mean([hit for name, hit in clear if name == family]) >= 0.90, family


def test_90_of_100_exponential_and_45_of_100_linear_tests_are_called_clear(readable):
    for families, required in ((curves.EXPONENTIAL, 0.90), (curves.LINEAR, 0.45)):
        clear = [reading.verdict == "clear" for test, reading in readable if test.family in families]
        assert np.mean(clear) >= required


def test_pure_noise_and_unreadable_curves_are_unclear_in_98_of_100_tests():
    noise = readings(curves.NOISE, curves.pure_noise, 500, seed=1)
    lacking = readings(curves.UNREADABLE, curves.unreadable, 500, seed=2)

    assert np.mean([reading.verdict == "unclear" for _, reading in noise]) >= 0.98
    assert np.mean([reading.verdict == "unclear" for _, reading in lacking]) >= 0.98


def test_at_three_times_the_noise_what_is_called_clear_is_right_in_93_of_100():
    pairs = readings(curves.READABLE, curves.readable, 500, seed=3, noise=3.0)
    clear = [both_right(*pair) for pair in pairs if pair[1].verdict == "clear"]

    assert np.mean(clear) >= 0.93
    assert len(clear) >= 0.5 * len(pairs)


def test_at_three_times_the_noise_unreadable_curves_are_still_unclear_in_98_of_100_tests():
    pairs = readings(curves.UNREADABLE, curves.unreadable, 500, seed=4, noise=3.0)

    assert np.mean([reading.verdict == "unclear" for _, reading in pairs]) >= 0.98
