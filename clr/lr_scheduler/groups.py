"""An optimizer's parameter groups: where their learning rate and momentum are kept, and how they are set."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.optim import Optimizer

from clr.errors import InvalidSchedule
from clr.schedules import Schedule

Value = float | torch.Tensor


def set_to(have: Value, want: float) -> Value:
    """What a group's entry becomes: a tensor stays the same tensor, which compiled and captured steps read."""
    return have.fill_(want) if isinstance(have, torch.Tensor) else want


def equals(have: Value, want: float) -> bool:
    """Whether the value is there already, to the precision that it is kept in."""
    return bool(have == torch.full_like(have, want)) if isinstance(have, torch.Tensor) else have == want


def momentum_of(group: dict[str, Any]) -> Value:
    """The momentum of a group: SGD's own, the first of the betas of Adam's family."""
    value: Value = group["momentum"] if "momentum" in group else group["betas"][0]
    return value


def set_momentum(group: dict[str, Any], momentum: float) -> None:
    """Sets the momentum of a group and leaves its other betas."""
    if "momentum" in group:
        group["momentum"] = set_to(group["momentum"], momentum)
    else:
        group["betas"] = (set_to(group["betas"][0], momentum), *group["betas"][1:])


def check_momentum(optimizer: Optimizer, momentum: Schedule, updates: npt.NDArray[np.int64]) -> None:
    """Refuses a momentum that the optimizer has no place for, or that reaches 1 at one of these updates.

    Raises:
        InvalidSchedule: either of the two.
    """
    owner = type(optimizer).__name__
    if not all("momentum" in group or "betas" in group for group in optimizer.param_groups):
        raise InvalidSchedule(owner, "momentum", "must be None: its groups have neither momentum nor betas", momentum)
    values = momentum(updates)
    if values.max() >= 1.0:
        rule = f"must stay below 1, and is {values.max()} at iteration {updates[values.argmax()]}"
        raise InvalidSchedule(owner, "momentum", rule, momentum)


def check_multipliers(optimizer: Optimizer) -> None:
    """Refuses an `lr_mult` that is no factor.

    Raises:
        InvalidSchedule: it is not a finite number >= 0.
    """
    for index, group in enumerate(optimizer.param_groups):
        factor = group.get("lr_mult", 1.0)
        number = isinstance(factor, int | float) and not isinstance(factor, bool)
        if not number or not math.isfinite(factor) or factor < 0:
            raise InvalidSchedule(f"param_groups[{index}]", "lr_mult", "must be a finite number, at least 0", factor)


def separate_shared_tensors(optimizer: Optimizer) -> None:
    """Gives each group its own rate tensor: `Adam(groups, lr=tensor)` puts the same one into all of them."""
    seen: set[int] = set()
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            if id(group["lr"]) in seen:
                group["lr"] = group["lr"].clone()
            seen.add(id(group["lr"]))


def has_gradient(optimizer: Optimizer) -> bool:
    """Whether any parameter has a gradient."""
    return any(parameter.grad is not None for group in optimizer.param_groups for parameter in group["params"])
