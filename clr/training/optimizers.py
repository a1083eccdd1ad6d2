"""torch optimizers by name; `clr.optimizers` has the table of their options."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.optim import SGD, Adam, AdamW, Optimizer

from clr.optimizers import complete
from clr.tasks.models.parameters import parameter_groups


def make(name: str, options: Mapping[str, float | bool], model: nn.Module) -> Optimizer:
    """The optimizer of that name over the model's parameter groups, each with its `lr_mult`.

    The groups' `lr` is 0 until the schedule sets it. torch's default implementation is used, so that a plain script
    with the same optimizer gives the same bits.

    Raises:
        UnknownName: no optimizer of that name.
        ValueError: an option is unknown or out of its range.
    """
    settings = complete(name, options)
    groups = parameter_groups(model, float(settings["weight_decay"]))
    if name == "sgd":
        momentum, nesterov = float(settings["momentum"]), bool(settings["nesterov"])
        return SGD(groups, lr=0.0, momentum=momentum, nesterov=nesterov)
    adam: type[Adam] | type[AdamW] = {"adam": Adam, "adamw": AdamW}[name]
    betas = float(settings["beta1"]), float(settings["beta2"])
    return adam(groups, lr=0.0, betas=betas, eps=float(settings["eps"]))


def device_of(optimizer: Optimizer) -> torch.device:
    """Where the optimizer's first parameter lies."""
    parameter: nn.Parameter = optimizer.param_groups[0]["params"][0]
    return parameter.device
