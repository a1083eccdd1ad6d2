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
        TaskError: the model has no such option, or does not fit the inputs.
    """
    known = registry.options_schema(name)["properties"]
    if unknown := sorted(set(options) - set(known)):
        raise TaskError(f"Model {name} has no option {', '.join(unknown)}. Options: {', '.join(known) or 'none'}.")
    module, _, attribute = registry.target(name).partition(":")
    factory = getattr(importlib.import_module(module), attribute)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        model: nn.Module = factory(name, options, input_shape=input_shape, classes=classes)
    return model
