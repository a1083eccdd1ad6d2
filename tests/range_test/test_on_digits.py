"""The range test on real nets and real digits: the same as a study's, and what training at its rates comes to."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import clr
from clr.schedules import Exponential
from clr.training import optimizers
from clr.training.batches import Batches

ITERATIONS, EVERY = 1000, 10


@pytest.fixture(scope="module")
def task() -> Any:
    from clr.tasks import registry

    return registry.make("digits")


def fresh(task: Any) -> Any:
    return lambda model, seed: model.load_state_dict(task.model("mlp", {}, seed).state_dict())


@pytest.fixture(scope="module")
def found(task: Any, digits: Any) -> Any:
    """Three seeds on the MLP, in the batch order that the service would give each."""

    def batches() -> Any:
        order = Batches(len(digits.train), 64, torch.initial_seed())
        return ((b.inputs, b.targets) for b in (digits.train.take(order(i)) for i in range(ITERATIONS)))

    model = task.model("mlp", {}, 0)
    optimizer = optimizers.make("sgd", {"momentum": 0.9}, model)
    validation = [(digits.validation.inputs, digits.validation.targets)]
    return clr.range_test(
        model, batches, optimizer, nn.functional.cross_entropy, validation=validation, reset=fresh(task),
        iterations=ITERATIONS, evaluations=ITERATIONS // EVERY,
    )  # fmt: skip


def test_the_own_script_measures_what_a_study_measures_to_the_last_bit(found: Any) -> None:
    from clr.protocol import TrialConfig
    from clr.results import Evaluated
    from clr.training.loop import train

    ramp = Exponential(lr=found.low, gamma=(found.high / found.low) ** (1 / (ITERATIONS - 1)))
    config = TrialConfig(
        phase="range-test", task="digits", model="mlp", optimizer="sgd", optimizer_options={"momentum": 0.9},
        batch_size=64, schedule=ramp.to_dict(), iterations=ITERATIONS, evaluate_every=EVERY, seed=1, split_seed=0,
    )  # fmt: skip

    events = [event.evaluation for event in train(config) if isinstance(event, Evaluated)]

    measured = found.scores[1]
    assert measured[~np.isnan(measured)].tolist() == [event.metrics["accuracy"] for event in events]
    assert [event.iteration for event in events] == [EVERY * (k + 1) for k in range(len(events))]


def test_the_edge_of_the_digits_mlp_lies_between_a_half_and_one_and_a_half(found: Any) -> None:
    assert found.edge_verdict == "clear"
    assert 0.5 <= found.edge <= 1.5


def test_the_test_repeats_over_seeds_and_reports_their_range(found: Any) -> None:
    edges = [seed.edge for seed in found.per_seed]

    assert len(edges) == 3 and len(set(edges)) == 3
    assert min(edges) / 1.5 < found.edge < 1.5 * max(edges)


def accuracies(make: Any, digits: Any, edge: float) -> dict[float, float]:
    """Validation accuracy after one triangular cycle of 800 updates with peak = edge x factor, base = peak / 4."""
    reached = {}
    for factor in (1 / 8, 1 / 4, 1 / 2, 1, 2):
        peak, order = edge * factor, Batches(len(digits.train), 64, 100)
        torch.manual_seed(100)
        model = make()
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0, momentum=0.9)
        schedule = clr.ScheduleLR(optimizer, clr.schedules.Triangular(base_lr=peak / 4, max_lr=peak, step_size=400))
        for i in range(800):
            batch = digits.train.take(order(i))
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(batch.inputs), batch.targets).backward()
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            right = model(digits.validation.inputs).argmax(dim=1) == digits.validation.targets
        reached[factor] = float(right.double().mean())
    return reached


def assert_half_is_near_the_best_and_twice_ruins(reached: dict[float, float]) -> None:
    assert reached[1 / 2] >= max(reached.values()) - 0.02
    assert reached[2] <= reached[1 / 2] - 0.20


def test_half_the_edge_trains_the_mlp_within_two_points_of_the_best_and_twice_the_edge_ruins_it(
    task: Any, digits: Any, found: Any
) -> None:
    reached = accuracies(lambda: task.model("mlp", {}, 100), digits, found.edge)

    assert_half_is_near_the_best_and_twice_ruins(reached)


def test_half_the_edge_trains_a_conv_net_within_two_points_of_the_best_and_twice_the_edge_ruins_it(digits: Any) -> None:
    def make() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(),
            nn.Flatten(), nn.Linear(16, 10),
        )  # fmt: skip

    model = make()
    pairs = list(zip(digits.train.inputs.split(64), digits.train.targets.split(64), strict=True))
    found = clr.range_test(
        model, pairs, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), nn.functional.cross_entropy,
        validation=[(digits.validation.inputs, digits.validation.targets)], reset=True,
    )  # fmt: skip

    assert found.edge_verdict == "clear"
    assert_half_is_near_the_best_and_twice_ruins(accuracies(make, digits, found.edge))
