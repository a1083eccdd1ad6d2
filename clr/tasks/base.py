"""What a task is: data splits, model, loss and metric under a name."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clr.protocol import TaskFacts
from clr.tasks.models import factory

EVALUATION_BATCH = 1000
"""Examples per forward pass in an evaluation; bounds its memory, does not change its result beyond rounding."""


@dataclass(frozen=True)
class Examples:
    """Inputs and what a model should answer, on one device.

    Attributes:
        inputs: [N, ...] float32.
        targets: [N] int64.
    """

    inputs: Tensor
    targets: Tensor

    def __post_init__(self) -> None:
        if len(self.inputs) != len(self.targets):
            raise ValueError(f"inputs and targets must be as many, got {len(self.inputs)} and {len(self.targets)}.")

    def __len__(self) -> int:
        return len(self.targets)

    def take(self, indices: Tensor) -> Examples:
        """The examples at `indices` [n] int64, in that order."""
        return Examples(self.inputs[indices], self.targets[indices])

    def to(self, device: str | torch.device) -> Examples:
        """The same examples on a device."""
        return Examples(self.inputs.to(device), self.targets.to(device))


@dataclass(frozen=True)
class Splits:
    """A task's data. The test split is fixed by the task; training and validation are cut from the rest by a seed."""

    train: Examples
    validation: Examples
    test: Examples


class Task(ABC):
    """What is trained. Subclasses are frozen dataclasses whose fields are the task's options.

    Attributes:
        metric: name of the metric that decides, a key of what `evaluate` returns.
        direction: whether more of it is better.
    """

    metric: ClassVar[str]
    direction: ClassVar[Literal["maximize", "minimize"]]

    @classmethod
    def announced(cls) -> TaskFacts:
        """What is known before options are: a task whose facts depend on them says so by `fixed=False`."""
        return cls().facts()

    @abstractmethod
    def facts(self) -> TaskFacts:
        """What a study must know of this task, under these options."""

    @abstractmethod
    def splits(self, split_seed: int, device: str | torch.device = "cpu") -> Splits:
        """The data on a device.

        Examples are shuffled before anything is cut: files sorted by class would else leave classes out of training.

        Args:
            split_seed: of the cut into training and validation; the test split does not depend on it.
            device: where the tensors shall lie.
        """

    @abstractmethod
    def model(self, name: str, options: Mapping[str, Any], seed: int) -> nn.Module:
        """A model on the CPU with fresh weights: a function of the seed that leaves torch's global generator alone."""

    @abstractmethod
    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean loss of a batch, a scalar to descend on."""

    @abstractmethod
    def evaluate(self, model: nn.Module, examples: Examples) -> dict[str, float]:
        """Metrics by name, in evaluation mode and without gradients; the model's mode is put back."""


class ClassificationTask(Task):
    """A task with one right class per example: cross-entropy, judged by accuracy."""

    metric = "accuracy"
    direction = "maximize"

    def model(self, name: str, options: Mapping[str, Any], seed: int) -> nn.Module:
        facts = self.facts()
        return factory.make(name, options, input_shape=facts.input_shape, classes=facts.classes, seed=seed)

    def loss(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs, targets)

    def evaluate(self, model: nn.Module, examples: Examples) -> dict[str, float]:
        """Accuracy (a fraction) and mean cross-entropy.

        Both are summed in float64 on the device and read once, so the batches' size does not matter.
        """
        device = examples.targets.device
        right = torch.zeros((), dtype=torch.int64, device=device)
        loss = torch.zeros((), dtype=torch.float64, device=device)
        training = model.training
        model.eval()
        with torch.inference_mode():
            for start in range(0, len(examples), EVALUATION_BATCH):
                targets = examples.targets[start : start + EVALUATION_BATCH]
                outputs = model(examples.inputs[start : start + EVALUATION_BATCH])
                right += (outputs.argmax(dim=1) == targets).sum()
                loss += F.cross_entropy(outputs.double(), targets, reduction="sum")
        model.train(training)
        return {"accuracy": right.item() / len(examples), "loss": loss.item() / len(examples)}
