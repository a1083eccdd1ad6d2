"""One core, a tiny problem that trains in milliseconds, and the real digits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

import clr


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


@dataclass
class Problem:
    """Points and whether they lie in the first or third quadrant, and a net with buffers and dropout."""

    model: nn.Module
    optimizer: Optimizer
    pairs: list[tuple[Tensor, Tensor]]
    validation: list[tuple[Tensor, Tensor]]
    loss: Any = nn.functional.cross_entropy

    def range_test(self, **options: Any) -> Any:
        """The shortest test there is; `options` as for `clr.range_test`."""
        given = {"validation": self.validation, "iterations": 300, "evaluations": 50, **options}
        return clr.range_test(self.model, given.pop("batches", self.pairs), self.optimizer, self.loss, **given)


def net() -> nn.Module:
    return nn.Sequential(nn.Linear(2, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.1), nn.Linear(16, 2))


@pytest.fixture
def problem() -> Problem:
    generator = torch.Generator().manual_seed(7)
    inputs = torch.randn(600, 2, generator=generator)
    targets = (inputs.prod(dim=1) > 0).long()
    pairs = list(zip(inputs.split(50), targets.split(50), strict=True))
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = net()
    return Problem(model, torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9), pairs[:8], pairs[8:])


@pytest.fixture(scope="session")
def digits() -> Any:
    """The real digits: train, validation and test examples."""
    from clr.tasks import registry

    return registry.make("digits").splits(0)
