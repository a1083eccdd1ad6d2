"""`mlp`: fully connected layers with ReLU between them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch import nn

DEFAULT_HIDDEN = (32,)


def make(name: str, options: Mapping[str, Any], *, input_shape: tuple[int, ...], classes: int) -> nn.Sequential:
    """Flatten, then a linear layer and ReLU for each width of `hidden`, then a linear layer to the classes.

    Weights start as torch's Linear does: uniform in +-1/sqrt(inputs).
    """
    hidden = options.get("hidden", DEFAULT_HIDDEN)
    layers: list[nn.Module] = [nn.Flatten()]
    width = math.prod(input_shape)
    for following in hidden:
        layers += [nn.Linear(width, following), nn.ReLU()]
        width = following
    return nn.Sequential(*layers, nn.Linear(width, classes))
