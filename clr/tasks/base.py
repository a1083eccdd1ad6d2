"""What a task is: data splits, model, loss and metric under a name."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from clr.errors import TaskError
from clr.protocol import TaskFacts
from clr.tasks.models import factory

EVALUATION_BATCH = 1000
"""Examples per forward pass in an evaluation; bounds its memory, does not change its result beyond rounding."""

EVALUATION_VALUES = 2**25
"""Input values per forward pass in an evaluation: large images come in smaller batches."""


class Split(Protocol):
    """The examples of one split: in memory (`Examples`), or on disk (`clr.tasks.stored.StoredExamples`)."""

    @property
    def targets(self) -> Tensor:
        """[N] int64."""

    @property
    def indexed_on(self) -> torch.device:
        """Where the indices for `take`, `subset` and `read` must lie."""

    def __len__(self) -> int: ...

    def take(self, indices: Tensor) -> Examples:
        """The examples at `indices` [n] int64, in that order, on the device that trains."""

    def subset(self, indices: Tensor) -> Split:
        """The split of these examples alone; reads nothing that is on disk."""

    def read(self, orders: Iterable[Tensor]) -> Iterator[Examples]:
        """`take` for one tensor of indices after the other; what is on disk is read ahead."""


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

    @property
    def indexed_on(self) -> torch.device:
        return self.targets.device

    def take(self, indices: Tensor) -> Examples:
        """The examples at `indices` [n] int64, in that order."""
        return Examples(self.inputs.index_select(0, indices), self.targets.index_select(0, indices))

    def subset(self, indices: Tensor) -> Examples:
        return self.take(indices)

    def read(self, orders: Iterable[Tensor]) -> Iterator[Examples]:
        return map(self.take, orders)

    def to(self, device: str | torch.device) -> Examples:
        """The same examples on a device."""
        return Examples(self.inputs.to(device), self.targets.to(device))


@dataclass(frozen=True)
class Splits:
    """A task's data. The test split is fixed by the task; training and validation are cut from the rest by a seed."""

    train: Split
    validation: Split
    test: Split


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

    def smoothed_loss(self, outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        """`loss` with `smoothing` of each target's weight spread evenly over the classes.

        Raises:
            TaskError: the task's loss has no such thing.
        """
        raise TaskError(f"Task {self.facts().name} has no label smoothing: leave training.label_smoothing at 0.")

    def augmented(self, inputs: Tensor, seed: int, iteration: int) -> Tensor:
        """A training batch's inputs as the model shall see them: a function of (inputs, seed, iteration).

        Called on the device, once per update, for training data alone. Without augmentation: the inputs themselves.
        """
        return inputs

    @abstractmethod
    def evaluate(self, model: nn.Module, examples: Split) -> dict[str, float]:
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

    def smoothed_loss(self, outputs: Tensor, targets: Tensor, smoothing: float) -> Tensor:
        """Cross-entropy against (1 - smoothing) of the target and smoothing / classes of every class.

        Source: Szegedy et al. 2016, section 7.
        """
        if type(self).loss is not ClassificationTask.loss:  # a loss of its own must say itself how it is smoothed
            return super().smoothed_loss(outputs, targets, smoothing)
        return F.cross_entropy(outputs, targets, label_smoothing=smoothing)

    def evaluate(self, model: nn.Module, examples: Split) -> dict[str, float]:
        """Accuracy (a fraction) and mean cross-entropy.

        Both are summed in float64 on the device and read once, so the batches' size does not matter.
        """
        training = model.training
        model.eval()
        right, loss = [], []
        with torch.inference_mode():
            for batch in examples.read(self._in_order(examples)):
                outputs = model(batch.inputs)
                right.append((outputs.argmax(dim=1) == batch.targets).sum())
                loss.append(F.cross_entropy(outputs.double(), batch.targets, reduction="sum"))
        model.train(training)
        count = len(examples)
        return {"accuracy": torch.stack(right).sum().item() / count, "loss": torch.stack(loss).sum().item() / count}

    def _in_order(self, examples: Split) -> tuple[Tensor, ...]:
        """The examples' indices, in batches that an evaluation can hold."""
        size = min(EVALUATION_BATCH, max(1, EVALUATION_VALUES // math.prod(self.facts().input_shape)))
        return torch.split(torch.arange(len(examples), device=examples.indexed_on), size)
