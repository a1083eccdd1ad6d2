"""The gradients of one update: of a whole batch or in parts, in float32 or bfloat16, clipped or not."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from clr.protocol import TrainingOptions
from clr.tasks.base import Task

Gradients = Callable[[Tensor, Tensor], Tensor]
"""(inputs, targets) of a batch -> its mean loss, a scalar on the device; then each parameter holds its gradient."""


def gradients(model: nn.Module, task: Task, options: TrainingOptions, device: torch.device) -> Gradients:
    """The function that computes a batch's gradients. It waits for nothing that the device computes.

    It raises TaskError where label smoothing is asked for and the task's loss has none.
    """
    loss_of = _forward(model, _loss(task, options.label_smoothing), options.precision, device)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]

    def compute(inputs: Tensor, targets: Tensor) -> Tensor:
        for parameter in parameters:
            parameter.grad = None
        loss = _backward(loss_of, inputs, targets, options.accumulate)
        if options.clip_norm is not None:
            nn.utils.clip_grad_norm_(parameters, options.clip_norm)
        return loss

    return compute


def _loss(task: Task, smoothing: float) -> Callable[[Tensor, Tensor], Tensor]:
    if not smoothing:
        return task.loss
    return lambda outputs, targets: task.smoothed_loss(outputs, targets, smoothing)


def _forward(
    model: nn.Module, loss_of: Callable[[Tensor, Tensor], Tensor], precision: str, device: torch.device
) -> Callable[[Tensor, Tensor], Tensor]:
    if precision == "fp32":
        return lambda inputs, targets: loss_of(model(inputs), targets)

    def in_bfloat16(inputs: Tensor, targets: Tensor) -> Tensor:
        with torch.autocast(device.type, torch.bfloat16):
            return loss_of(model(inputs).float(), targets)

    return in_bfloat16


def _backward(loss_of: Callable[[Tensor, Tensor], Tensor], inputs: Tensor, targets: Tensor, parts: int) -> Tensor:
    """Adds up the parts' gradients, each weighted by its share of the batch: those of the whole batch's mean loss."""
    if parts == 1:
        loss = loss_of(inputs, targets)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()
    total = torch.zeros((), device=inputs.device)
    for some_inputs, some_targets in zip(inputs.tensor_split(parts), targets.tensor_split(parts), strict=True):
        if not len(some_targets):
            break  # more parts than examples: the rest is empty
        share = loss_of(some_inputs, some_targets) * (len(some_targets) / len(targets))
        share.backward()  # type: ignore[no-untyped-call]
        total += share.detach()
    return total
