"""The demo study's runs as a careful user writes them without this product: torch, its schedulers, tensors in memory.

What `clr demo` does (service/demo.py): scikit-learn's digits, an MLP with one hidden layer of 32, SGD with momentum
0.9, batches of 64, 680 updates, 20 evaluations; three range-test ramps, 12 search trials and 10 confirm runs for each
of seven schedules. No module of this product is imported.
"""

from __future__ import annotations

import argparse
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.optim import SGD
from torch.optim.lr_scheduler import CosineAnnealingLR, CyclicLR, ExponentialLR, LambdaLR, LRScheduler, StepLR
from torch.utils.data import DataLoader, TensorDataset

FAMILIES = ("fixed", "step", "exponential", "cosine", "triangular", "triangular2", "exp_range")
CYCLIC = ("triangular", "triangular2", "exp_range")
RAMPS = 3
BATCH, ITERATIONS, EVERY = 64, 680, 34
RAMP_ITERATIONS, RAMP_EVERY, RAMP_LOW, RAMP_GAMMA = 1008, 9, 1e-5, 1.0138
LOW, HIGH = 0.02, 0.7
"""Of the peak rate: where the range test puts it."""
RATIOS, CYCLES = (0.02, 0.5), (2, 10)
TEST, VALIDATION = 400, 300


@dataclass(frozen=True)
class Size:
    """How much of the study is run: the first so many schedules, an even number of search trials, confirm seeds."""

    families: int = 7
    trials: int = 12
    seeds: int = 10

    @property
    def names(self) -> tuple[str, ...]:
        return FAMILIES[: self.families]

    @property
    def runs(self) -> int:
        return RAMPS + self.families * (self.trials + self.seeds)

    def flags(self) -> tuple[str, ...]:
        return tuple(part for name, value in vars(self).items() for part in (f"--{name}", str(value)))

    @classmethod
    def arguments(cls, parser: argparse.ArgumentParser) -> None:
        for name, value in vars(cls()).items():
            parser.add_argument(f"--{name}", type=int, default=value)

    @classmethod
    def of(cls, asked: argparse.Namespace) -> Size:
        return cls(asked.families, asked.trials, asked.seeds)


Evaluated = Callable[[int, float], object]
Params = dict[str, float]


@functools.cache
def digits() -> tuple[Tensor, Tensor]:
    """All images and labels, read once per process."""
    data = load_digits()
    return torch.tensor(data.data / 16, dtype=torch.float32), torch.tensor(data.target)


def splits(seed: int) -> tuple[tuple[Tensor, Tensor], ...]:
    """Training, validation and test data: images [n, 64] in [0, 1] with labels; the test split is always the same."""
    images, labels = digits()
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(1797))
    test, rest = order[:TEST], order[TEST:]
    rest = rest[torch.randperm(len(rest), generator=torch.Generator().manual_seed(seed))]
    return tuple((images[part], labels[part]) for part in (rest[VALIDATION:], rest[:VALIDATION], test))


def scheduler(optimizer: SGD, family: str, params: Params) -> LRScheduler:
    """torch's schedule of that family over a run; `params`: peak_lr, and ratio and cycles where it has them."""
    peak, ratio = params["peak_lr"], params.get("ratio", 1.0)
    if family == "ramp":
        return ExponentialLR(optimizer, RAMP_GAMMA)
    if family == "fixed":
        return LambdaLR(optimizer, lambda step: 1.0)
    if family == "step":
        return StepLR(optimizer, ITERATIONS // 3, ratio**0.5)
    if family == "exponential":
        return ExponentialLR(optimizer, ratio ** (1 / ITERATIONS))
    if family == "cosine":
        return CosineAnnealingLR(optimizer, ITERATIONS, peak * ratio)
    half = ITERATIONS / (2 * params["cycles"])
    gamma = ratio ** (1 / ITERATIONS) if family == "exp_range" else 1.0
    return CyclicLR(optimizer, peak * ratio, peak, half, mode=family, gamma=gamma, cycle_momentum=False)


def batches(data: tuple[Tensor, Tensor], seed: int, loader: str) -> Iterator[tuple[Tensor, Tensor]]:
    """Shuffled batches without end; the last, smaller one of an epoch is dropped.

    Args:
        loader: "tensors" indexes tensors in memory, "dataloader" is torch's DataLoader over a TensorDataset.
    """
    images, labels = data
    generator = torch.Generator().manual_seed(seed)
    if loader == "dataloader":
        each = DataLoader(TensorDataset(images, labels), BATCH, shuffle=True, drop_last=True, generator=generator)
        while True:
            yield from each
    while True:
        order = torch.randperm(len(labels), generator=generator)
        for chosen in order.split(BATCH)[: len(labels) // BATCH]:
            yield images[chosen], labels[chosen]


@torch.inference_mode()
def evaluate(model: nn.Module, data: tuple[Tensor, Tensor]) -> tuple[float, float]:
    """Accuracy and mean cross-entropy."""
    images, labels = data
    outputs = model(images)
    accuracy = (outputs.argmax(dim=1) == labels).float().mean()
    return float(accuracy), float(nn.functional.cross_entropy(outputs, labels))


def train(family: str, params: Params, seed: int, evaluated: Evaluated, *, loader: str = "tensors") -> float:
    """One run; returns the test accuracy. `evaluated` is told of the validation accuracy at every evaluation."""
    ramp = family == "ramp"
    training, validation, test = splits(seed)
    torch.manual_seed(seed)
    model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10))
    optimizer = SGD(model.parameters(), lr=params["peak_lr"], momentum=0.9)
    schedule = scheduler(optimizer, family, params)
    every = RAMP_EVERY if ramp else EVERY
    feed = batches(training, seed, loader)
    for update in range(1, (RAMP_ITERATIONS if ramp else ITERATIONS) + 1):
        images, labels = next(feed)
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(images), labels).backward()
        optimizer.step()
        schedule.step()
        if update % every == 0:
            evaluated(update, evaluate(model, validation)[0])
    return evaluate(model, test)[0]
