"""Makes a model of the registry."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from clr.errors import TaskError
from clr.tasks.models import registry


def make(name: str, options: Mapping[str, Any], *, input_shape: tuple[int, ...], classes: int, seed: int) -> nn.Module:
    """A model on the CPU with fresh weights, the same for the same seed; torch's global generator is left as it was.

    Args:
        name: one of `registry.names()`.
        options: by `registry.options_schema(name)`.
        input_shape: of one example, without batch, e.g. (3, 32, 32).
        classes: number of outputs.
        seed: of the initial weights.

    Raises:
        UnknownName: no model of that name.
        TaskError: an option is unknown or wrong, or the model does not fit the inputs.
    """
    if messages := registry.check(name, options):
        raise TaskError(" ".join(messages))
    module, _, attribute = registry.target(name).partition(":")
    factory = getattr(importlib.import_module(module), attribute)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model: nn.Module = factory(name, options, input_shape=input_shape, classes=classes)
    return model
