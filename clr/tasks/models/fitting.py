"""Whether a model takes a task's inputs: tried on shapes alone, before any training."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor, nn

from clr.errors import TaskError


def check_fit(name: str, model: nn.Module, input_shape: tuple[int, ...], classes: int) -> None:
    """Sends two examples through a model; its weights, statistics and mode stay as they are.

    On the device "meta", which computes shapes alone: it costs neither memory nor arithmetic. Where that can't be done
    (a model looks at its values), two examples of zeros decide.

    Raises:
        TaskError: the model can't take such inputs (images too small for its strides, say), or does not answer with
            one number per class.
    """
    outputs: object
    try:
        outputs = _shapes_alone(model, input_shape)
    except (RuntimeError, ValueError, AssertionError):
        outputs = _on_zeros(name, model, input_shape)
    if not isinstance(outputs, Tensor) or outputs.shape != (2, classes):
        raise TaskError(f"Model {name} does not answer with {classes} numbers per example: it can't be trained here.")


def _shapes_alone(model: nn.Module, input_shape: tuple[int, ...]) -> object:
    state = itertools.chain(model.named_parameters(), model.named_buffers())
    empty = {name: tensor.detach().to("meta") for name, tensor in state}
    with torch.no_grad():
        outputs: object = torch.func.functional_call(model, empty, (torch.empty(2, *input_shape, device="meta"),))
    return outputs


def _on_zeros(name: str, model: nn.Module, input_shape: tuple[int, ...]) -> object:
    training = model.training
    try:
        with torch.no_grad():
            outputs: object = model.eval()(torch.zeros(2, *input_shape))
    except (RuntimeError, ValueError, AssertionError) as error:
        raise TaskError(f"Model {name} can't take inputs of shape {tuple(input_shape)}: {error}") from error
    finally:
        model.train(training)
    return outputs
