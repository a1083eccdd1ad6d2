"""When a ramp may stop, on what it is evaluated, and the ramp through the loop."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch

from clr.results import Diverged, Evaluated, Finished
from clr.tasks.base import Examples
from clr.training.loop import train
from clr.training.range_test import VALIDATION_IMAGES, has_fallen, validation_subset

PLANNED = 100


def curve(start: float, peak: float, end: float) -> list[float]:
    """20 evaluations at the start, a rise of 20, a plateau of 20, a fall of 20 and an end of 20."""
    rise, fall = np.linspace(start, peak, 20), np.linspace(peak, end, 20)
    return [*[start] * 20, *rise, *[peak] * 20, *fall, *[end] * 20]


def stops_at(accuracies: list[float], planned: int = PLANNED) -> int | None:
    """The first number of evaluations after which the ramp stops."""
    return next((n for n in range(1, len(accuracies) + 1) if has_fallen(accuracies[:n], planned)), None)


def test_a_ramp_stops_five_evaluations_after_the_fall_shows() -> None:
    # 0.1 + 0.3 x 0.8 = 0.34 is passed at evaluation 75; the median of five sees it two later; five more follow
    assert stops_at(curve(0.1, 0.9, 0.1)) == 75 + 2 + 5


def test_a_ramp_that_has_fallen_stays_stopped() -> None:
    accuracies = curve(0.1, 0.9, 0.1)

    assert all(has_fallen(accuracies[:n], PLANNED) for n in range(82, 101))


def test_a_long_ramp_waits_a_twentieth_of_its_evaluations() -> None:
    accuracies = [value for value in curve(0.1, 0.9, 0.1) for _ in range(4)]

    assert stops_at(accuracies, 400) == (4 * 74 + 1) + 2 + 20


@pytest.mark.parametrize(
    "accuracies",
    [curve(0.1, 0.9, 0.5), curve(0.1, 0.14, 0.1), curve(0.1, 0.9, 0.9)],
    ids=["falls less than half way", "climbs less than 0.05", "never falls"],
)
def test_a_ramp_without_a_deep_fall_runs_to_its_end(accuracies: list[float]) -> None:
    assert stops_at(accuracies) is None


def test_noise_as_large_as_the_climb_does_not_stop_a_ramp() -> None:
    noise = np.random.default_rng(0).normal(0, 0.05, 100)

    assert stops_at(list(curve(0.1, 0.25, 0.1) + noise)) is None


def test_a_short_spike_at_the_start_does_not_stop_a_ramp() -> None:
    accuracies = curve(0.1, 0.9, 0.9)
    accuracies[11] = accuracies[12] = 0.8

    assert stops_at(accuracies) is None


def test_a_thousand_validation_images_are_drawn_by_the_split_seed() -> None:
    examples = Examples(torch.arange(3000.0)[:, None], torch.arange(3000))
    first, again, other = (validation_subset(examples, seed).targets for seed in (1, 1, 2))

    assert len(first.unique()) == VALIDATION_IMAGES
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.float().mean().item() == pytest.approx(1500, abs=100)


def test_a_small_validation_split_is_used_whole() -> None:
    examples = Examples(torch.arange(300.0)[:, None], torch.arange(300))

    assert validation_subset(examples, 1) is examples


@pytest.fixture
def ramp(config):
    low, high, iterations = 1e-4, 100.0, 300
    gamma = (high / low) ** (1 / (iterations - 1))
    schedule = {"family": "exponential", "lr": low, "gamma": gamma}
    return config(phase="range-test", iterations=iterations, evaluate_every=3, schedule=schedule)


def test_a_ramp_on_digits_ends_before_its_last_iteration(ramp) -> None:
    *evaluated, final = train(ramp)

    assert all(isinstance(event, Evaluated) for event in evaluated)
    assert isinstance(final, Finished | Diverged)
    assert final.iteration < 300
    accuracies = [event.evaluation.metrics["accuracy"] for event in evaluated]
    assert max(accuracies) > 0.8
    iterations = [event.evaluation.iteration for event in evaluated]
    assert all(after - before == 3 for before, after in pairwise([0, *iterations]))


def test_the_same_schedule_in_a_search_runs_to_its_end_or_diverges(ramp) -> None:
    *_, final = train(ramp.model_copy(update={"phase": "search", "schedule": {"family": "fixed", "lr": 3.0}}))

    assert isinstance(final, Diverged) or final.iteration == 300


def test_a_ramp_resumed_stops_where_the_unbroken_one_does(ramp, store) -> None:
    unbroken = list(train(ramp, checkpoints=store, checkpoint_key="slot-1/f000001", checkpoint_seconds=0))
    saved = [event.checkpoint for event in unbroken if not isinstance(event, Evaluated | Finished | Diverged)]

    resumed = list(train(ramp, checkpoints=store, checkpoint_key="slot-1/f000002", resume=saved[-2]))

    assert resumed[-1] == unbroken[-1]
