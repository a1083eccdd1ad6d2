"""The range test on a real net: what it reads, and what becomes of training at the rates it suggests."""

import numpy as np
import pytest
import torch

from clr import schedules
from clr.analysis import bounds
from clr.protocol import TrialConfig
from clr.results import Evaluated, Finished
from clr.training.loop import train

LOW, HIGH, ITERATIONS, EVERY = 1e-5, 10.0, 1000, 8


def config(schedule, seed, **changes):
    fields = {
        "phase": "search", "task": "digits", "model": "mlp", "optimizer": "sgd",
        "optimizer_options": {"momentum": 0.9}, "batch_size": 64, "schedule": schedule.to_dict(),
        "seed": seed, "split_seed": 0,
    }  # fmt: skip
    return TrialConfig(**fields | changes)


@pytest.fixture(scope="module")
def reading():
    torch.set_num_threads(1)
    ramp = schedules.make("exponential", lr=LOW, gamma=(HIGH / LOW) ** (1 / (ITERATIONS - 1)))
    grid = np.arange(EVERY, ITERATIONS + 1, EVERY)
    accuracies = np.full((3, len(grid)), np.nan)
    for seed in range(3):
        trial = config(ramp, seed, phase="range-test", iterations=ITERATIONS, evaluate_every=EVERY)
        for event in train(trial):
            if isinstance(event, Evaluated):
                at = event.evaluation.iteration
                accuracies[seed, at // EVERY - 1] = event.evaluation.metrics["accuracy"]
    return bounds.read(np.array([ramp(int(i) - 1) for i in grid]), accuracies, iterations=ITERATIONS)


def accuracy_at(max_lr):
    """Validation accuracy after one triangular cycle of 800 iterations with this peak; 0 where it diverged."""
    schedule = schedules.make("triangular", base_lr=max_lr / 4, max_lr=max_lr, step_size=400)
    *_, last = train(config(schedule, seed=100, iterations=800, evaluate_every=800))
    return last.value if isinstance(last, Finished) else 0.0


def test_the_edge_of_the_digits_mlp_lies_between_a_half_and_one_and_a_half(reading):
    assert reading.edge_verdict == "clear"
    assert 0.5 <= reading.edge <= 1.5


def test_half_the_edge_trains_within_two_points_of_an_eighth_and_twice_the_edge_ruins_it(reading):
    eighth, half, twice = (accuracy_at(reading.edge * factor) for factor in (1 / 8, 1 / 2, 2))

    assert half >= eighth - 0.02
    assert twice <= half - 0.20
