"""A model's parameters in groups, each with its multiplier of the learning rate and its weight decay."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import nn


@dataclass(frozen=True)
class Multipliers:
    """Caffe's `lr_mult` and `decay_mult` of some parameters."""

    parameters: tuple[nn.Parameter, ...]
    lr_mult: float = 1.0
    decay_mult: float = 1.0


@runtime_checkable
class HasMultipliers(Protocol):
    """A model whose parameters do not all learn at the same rate."""

    def multipliers(self) -> Iterable[Multipliers]:
        """Every parameter in exactly one of the groups."""


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Parameter groups for a torch optimizer, each with the keys `params`, `lr_mult` and `weight_decay`.

    A group's rate is lr_mult x schedule(iteration), its decay decay_mult x weight_decay. A model without multipliers
    of its own is one group with lr_mult 1.
    """
    groups = model.multipliers() if isinstance(model, HasMultipliers) else [Multipliers(tuple(model.parameters()))]
    return [
        {
            "params": list(group.parameters),
            "lr_mult": group.lr_mult,
            "weight_decay": group.decay_mult * weight_decay,
        }
        for group in groups
    ]
