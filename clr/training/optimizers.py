"""torch optimizers by name; `clr.optimizers` has the table of their options."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import nn, optim
from torch.optim import Optimizer

from clr.optimizers import complete
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
    kind, arguments = _TORCH[name], _ARGUMENTS.get(name, _paired_betas)(settings)
    optimizer: Optimizer = kind(groups, lr=0.0, **arguments)
    return optimizer


def device_of(optimizer: Optimizer) -> torch.device:
    """Where the optimizer's first parameter lies."""
    parameter: nn.Parameter = optimizer.param_groups[0]["params"][0]
    return parameter.device


def _paired_betas(settings: dict[str, float | bool]) -> dict[str, Any]:
    """Our options as torch's arguments: beta1 and beta2 are its pair `betas`, the others have its names."""
    arguments: dict[str, Any] = dict(settings)
    if "beta1" in arguments:
        arguments["betas"] = (arguments.pop("beta1"), arguments.pop("beta2"))
    return arguments


def _adafactor(settings: dict[str, float | bool]) -> dict[str, Any]:
    arguments: dict[str, Any] = dict(settings)
    arguments["eps"] = (arguments.pop("eps1") or None, arguments.pop("eps2"))
    return arguments


def _muon(groups: list[dict[str, Any]], settings: dict[str, float | bool]) -> Optimizer:
    """Muon on matrices, AdamW on everything else, as torch's documentation advises."""
    adam = {name: settings.pop(name) for name in ("beta1", "beta2", "eps")}
    adjust = "match_rms_adamw" if settings.pop("match_rms_adamw") else "original"
    steps = int(settings.pop("ns_steps"))
    matrices = _some(groups, lambda parameter: parameter.ndim == 2)
    others = _some(groups, lambda parameter: parameter.ndim != 2)
    parts: list[Optimizer] = []
    if matrices:
        momentum, nesterov = float(settings["momentum"]), bool(settings["nesterov"])
        parts.append(
            optim.Muon(matrices, lr=0.0, momentum=momentum, nesterov=nesterov, ns_steps=steps, adjust_lr_fn=adjust)
        )
    if others:
        parts.append(optim.AdamW(others, lr=0.0, **_paired_betas(adam)))
    return PairedOptimizer(parts)


def _some(groups: list[dict[str, Any]], wanted: Callable[[nn.Parameter], bool]) -> list[dict[str, Any]]:
    """The groups with the wanted parameters alone, empty ones left out."""
    chosen = [group | {"params": [one for one in group["params"] if wanted(one)]} for group in groups]
    return [group for group in chosen if group["params"]]


_TORCH: dict[str, Any] = {
    "adadelta": optim.Adadelta,
    "adafactor": optim.Adafactor,
    "adagrad": optim.Adagrad,
    "adam": optim.Adam,
    "adamax": optim.Adamax,
    "adamw": optim.AdamW,
    "asgd": optim.ASGD,
    "nadam": optim.NAdam,
    "radam": optim.RAdam,
    "rmsprop": optim.RMSprop,
    "sgd": optim.SGD,
}

_ARGUMENTS = {"adafactor": _adafactor}
