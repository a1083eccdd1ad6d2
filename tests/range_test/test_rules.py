"""Other finders' rules, on curves whose answer is known, and where they fail."""

from __future__ import annotations

import numpy as np
import pytest

from clr.analysis import bounds, rules
from clr.analysis.rise_fall import RiseFall
from clr.errors import InvalidNumbers

RATES = np.geomspace(1e-6, 10, 141)  # 20 per decade
U = np.log10(RATES)
TRUTH = RiseFall(floor=0.1, height=0.8, rise_at=-7.0, rise_width=0.6, fall_at=-0.5, fall_width=0.2)


def falling(at: float, width: float = 0.3) -> np.ndarray:
    """A loss from 2.3 to 0.3 with its steepest place at 10**at, that explodes beyond a rate of 1."""
    return 0.3 + 2.0 / (1 + np.exp((U - at) / width)) + np.where(U > 0, (U / 0.1) ** 2, 0.0)


@pytest.mark.parametrize("at", [-4.0, -3.0, -2.0])
def test_the_steepest_slope_is_where_the_loss_falls_fastest(at: float) -> None:
    assert rules.steepest_slope(RATES, falling(at)) == pytest.approx(10**at, rel=0.15)


def test_minimum_tenth_is_a_tenth_of_the_lowest_points_rate() -> None:
    losses = (U + 2) ** 2 + 0.1

    assert rules.minimum_tenth(RATES, losses) == pytest.approx(1e-3, rel=1e-9)


def test_the_valley_is_two_thirds_down_the_longest_fall() -> None:
    losses = np.concatenate([np.linspace(2.0, 1.0, 60), np.linspace(1.0, 3.0, 81)])

    assert rules.valley(RATES, losses) == pytest.approx(RATES[39], rel=0.15)


def test_the_slider_rests_where_both_its_ends_have_one_slope() -> None:
    flat = np.concatenate([np.linspace(2.0, 1.0, 100), 1.0 + np.linspace(0.03, 1.2, 41) ** 2])

    found = rules.slide(RATES, flat)

    assert found is not None and RATES[70] < found < RATES[115]


def test_a_loss_that_only_rises_has_no_slope_and_no_valley() -> None:
    losses = np.linspace(1.0, 2.0, len(RATES)) ** 3

    assert rules.steepest_slope(RATES, losses) is None
    assert rules.valley(RATES, losses) is None


def test_a_curve_is_cut_where_it_is_not_finite_or_passes_four_times_its_minimum() -> None:
    losses = falling(-3.0)
    exploding = np.where(U > -0.5, 1e6, losses)
    failed = np.where(U > -0.5, np.nan, losses)

    cut = rules.suggestions(RATES, exploding)

    assert cut == rules.suggestions(RATES, failed) == rules.suggestions(RATES[U <= -0.5], losses[U <= -0.5])


def test_a_curve_too_short_for_any_rule_suggests_nothing() -> None:
    assert set(rules.suggestions(RATES, np.full(len(RATES), np.nan)).values()) == {None}
    assert set(rules.suggestions(RATES, np.full(len(RATES), np.nan))) == set(rules.RULES)


def test_losses_must_be_as_many_as_rates() -> None:
    with pytest.raises(InvalidNumbers, match="losses must be as many as the rates"):
        rules.suggestions(RATES, np.ones(3))


def spiked(rng: np.random.Generator, height: float) -> tuple[np.ndarray, np.ndarray]:
    """Accuracies [3, P] and losses [P] of `TRUTH`, with an early spike (evaluations 12 to 16)."""
    accuracies = TRUTH(np.log(RATES)) + 0.01 * rng.standard_normal((3, len(RATES)))
    spike = np.where((np.arange(len(RATES)) >= 12) & (np.arange(len(RATES)) < 16), height, 0.0)
    losses = 2.3 * (1 - accuracies.mean(axis=0)) + 0.3 + spike * 2.3
    return accuracies - spike, losses


def test_an_early_spike_of_the_loss_fools_the_steepest_slope_and_not_the_reading() -> None:
    accuracies, losses = spiked(np.random.default_rng(1), 0.5)

    steepest = rules.steepest_slope(RATES, losses)
    reading = bounds.read(RATES, accuracies, iterations=1000)

    assert steepest is not None and steepest < 1e-4
    assert reading.edge == pytest.approx(0.38, rel=0.3) and reading.edge_verdict == "clear"


def test_noise_moves_the_steepest_slope_over_decades_and_the_edge_by_less_than_a_third() -> None:
    steepest, edges = [], []
    for seed in range(8):
        accuracies, losses = spiked(np.random.default_rng(seed), 0.0)
        steepest.append(rules.steepest_slope(RATES, losses + 0.1 * np.random.default_rng(seed).standard_normal(141)))
        edges.append(bounds.read(RATES, accuracies, iterations=1000).edge)

    assert max(steepest) > 100 * min(steepest)
    assert max(edges) < 1.33 * min(edges)


@pytest.mark.parametrize("spacing", [80, 141, 400])
def test_the_number_of_evaluations_does_not_move_the_edge(spacing: int) -> None:
    rates = np.geomspace(1e-6, 10, spacing)
    accuracies = TRUTH(np.log(rates)) + 0.01 * np.random.default_rng(2).standard_normal((3, spacing))

    reading = bounds.read(rates, accuracies, iterations=1000)

    assert reading.edge == pytest.approx(0.385, rel=0.1)


def test_an_accuracy_that_stays_flat_is_unclear_and_says_no_climb() -> None:
    accuracies = 0.1 + 0.01 * np.random.default_rng(3).standard_normal((3, len(RATES)))

    reading = bounds.read(RATES, accuracies, iterations=1000)

    assert reading.verdict == "unclear" and reading.interval is None
    assert "no climb" in {reason.reason for reason in reading.reasons}
