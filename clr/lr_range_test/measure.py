"""What a ramp trains, and what it is judged by."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import Tensor, nn

from clr.errors import InvalidRangeTest
from clr.lr_range_test.feed import batch_size, moved

Loss = Callable[[Any, Any], Tensor]
Forward = Callable[[nn.Module, Any], tuple[Any, Any]]
Metric = Callable[[Any, Any], float | Tensor] | Literal["accuracy", "loss"] | None
Direction = Literal["maximize", "minimize"]


class Trainee:
    """The user's model with its loss.

    Args:
        forward: (model, batch) -> (outputs, targets); by default a batch is (inputs, targets).
        loss: (outputs, targets) -> a scalar to descend on.
    """

    def __init__(self, model: nn.Module, loss: Loss, forward: Forward | None) -> None:
        self.model, self.loss = model, loss
        self._forward = forward
        tensor = next(iter([*model.parameters(), *model.buffers()]), None)
        self._device = torch.device("cpu") if tensor is None else tensor.device

    def outputs(self, batch: Any) -> tuple[Any, Any]:
        """(outputs, targets) of a batch, on the model's device.

        Raises:
            InvalidRangeTest: a batch is no pair, and there is no `forward`.
        """
        batch = moved(batch, self._device)
        if self._forward is not None:
            return self._forward(self.model, batch)
        if not isinstance(batch, list | tuple) or len(batch) != 2:
            raise InvalidRangeTest(
                "batches",
                "must give pairs (inputs, targets), or pass forward=lambda model, batch: (outputs, targets)",
                type(batch).__name__,
            )
        return self.model(batch[0]), batch[1]

    def loss_of(self, batch: Any) -> Tensor:
        outputs, targets = self.outputs(batch)
        return self.loss(outputs, targets)


class Judge:
    """The metric on the same examples each time, in evaluation mode and without gradients.

    Args:
        evaluate: model -> metric; replaces `batches` and `metric`.
        metric: "accuracy", "loss", or (outputs, targets) -> a batch's mean; None: accuracy where the targets are
            class indices, else the loss.
        direction: whether more of it is better; of "accuracy" and "loss" it is known.

    Raises:
        InvalidRangeTest: the accuracy's examples are all of one class, or a batch can't be read.

    Attributes:
        label: the name of what is read: a metric to minimise is turned over, into the share of its start that is gone.
    """

    def __init__(
        self,
        trainee: Trainee,
        batches: Sequence[Any],
        evaluate: Callable[[nn.Module], float] | None,
        metric: Metric,
        direction: Direction,
    ) -> None:
        self._trainee, self._batches, self._evaluate = trainee, batches, evaluate
        self._metric = metric
        if evaluate is None and metric is None:
            self._metric = "accuracy" if self._has_classes() else "loss"
        if self._metric == "accuracy" and evaluate is None:
            self._check_classes()
        self.minimize = self._metric == "loss" or (self._metric != "accuracy" and direction == "minimize")
        name = self._metric if isinstance(self._metric, str) else getattr(evaluate or metric, "__name__", "metric")
        name = "metric" if name == "<lambda>" else name
        self.label = f"1 - {name} / its start" if self.minimize else name

    def __call__(self) -> float:
        """The metric now; it may be non-finite."""
        model = self._trainee.model
        with _evaluating(model):
            return float(self._evaluate(model)) if self._evaluate is not None else self._mean()

    def score(self, value: float, start: float) -> float:
        """What is read of a value: itself, or, to minimise, 1 - value / start, not below 0.

        Raises:
            InvalidRangeTest: the start of a metric to minimise is not above 0.
        """
        if not self.minimize:
            return value
        if not start > 0:
            raise InvalidRangeTest("metric", "to minimise must start above 0; turn it into one to maximise", start)
        return max(0.0, 1 - value / start)

    def _mean(self) -> float:
        """Over examples: a batch counts by its size."""
        total, count = 0.0, 0
        for batch in self._batches:
            outputs, targets = self._trainee.outputs(batch)
            if self._metric == "accuracy":  # counted, so that the batches' size changes not even the last bit
                total += int((outputs.argmax(dim=1) == targets).sum())
                count += targets.numel()
            else:
                size = batch_size(batch)
                total += self._of_batch(outputs, targets) * size
                count += size
        return total / count if count else math.nan

    def _of_batch(self, outputs: Any, targets: Any) -> float:
        measure = self._trainee.loss if self._metric == "loss" else self._metric
        assert callable(measure)
        return float(measure(outputs, targets))

    def _has_classes(self) -> bool:
        """Whether the targets are class indices: integers, one for each row of scores."""
        with _evaluating(self._trainee.model):
            outputs, targets = self._trainee.outputs(self._batches[0])
        tensors = isinstance(outputs, Tensor) and isinstance(targets, Tensor)
        return tensors and not targets.is_floating_point() and outputs.ndim == targets.ndim + 1

    def _check_classes(self) -> None:
        """Data sorted by class and cut without a shuffle gives accuracies that mean nothing, and no error."""
        with _evaluating(self._trainee.model):
            targets = [self._trainee.outputs(batch)[1] for batch in self._batches]
        found = {int(value) for part in targets for value in part.unique().tolist()}
        if len(found) == 1 and sum(map(len, targets)) > 1:
            raise InvalidRangeTest("validation", "must hold more than one class: shuffle before cutting it off", found)


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode without gradients; each module's own mode comes back."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, training in modes:
            module.training = training
