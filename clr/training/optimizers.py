"""torch optimizers by name; `clr.optimizers` has the table of their options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn, optim
from torch.optim import Optimizer

from clr.optimizers import TORCH_CLASSES, complete, torch_arguments
from clr.tasks.models.parameters import parameter_groups
from clr.training.paired import PairedOptimizer

Options = Mapping[str, float | bool]


def make(name: str, options: Options, model: nn.Module) -> Optimizer:
    """The optimizer of that name over the model's parameter groups, each with its `lr_mult`.

    The groups' `lr` is 0 until the schedule sets it. torch's default implementation is used, so that a plain script
    with the same optimizer gives the same bits.

    Raises:
        UnknownName: no optimizer of that name.
        ValueError: an option is unknown or out of its range.
    """
    settings = complete(name, options)
    groups = parameter_groups(model, float(settings.pop("weight_decay")))
    if name == "muon":
        return _muon(groups, settings)
    optimizer: Optimizer = getattr(optim, TORCH_CLASSES[name])(groups, lr=0.0, **torch_arguments(settings))
    return optimizer


def device_of(optimizer: Optimizer) -> torch.device:
    """Where the optimizer's first parameter lies."""
    parameter: nn.Parameter = optimizer.param_groups[0]["params"][0]
    return parameter.device


def _muon(groups: list[dict[str, Any]], settings: dict[str, float | bool]) -> Optimizer:
    """Muon on matrices, AdamW on everything else, as torch's documentation advises."""
    given = torch_arguments(settings)
    adam = {name: given.pop(name) for name in ("betas", "eps")}
    matrices = _some(groups, lambda parameter: parameter.ndim == 2)
    others = _some(groups, lambda parameter: parameter.ndim != 2)
    parts: list[Optimizer] = []
    if matrices:
        parts.append(optim.Muon(matrices, lr=0.0, **given))
    if others:
        parts.append(optim.AdamW(others, lr=0.0, **adam))
    return PairedOptimizer(parts)


def _some(groups: list[dict[str, Any]], wanted: Callable[[nn.Parameter], bool]) -> list[dict[str, Any]]:
    """The groups with the wanted parameters alone, empty ones left out."""
    chosen = [group | {"params": [one for one in group["params"] if wanted(one)]} for group in groups]
    return [group for group in chosen if group["params"]]
