"""torchvision's classification models, untrained, by their torchvision names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torchvision
from torch import nn

from clr.errors import TaskError
from clr.tasks.models.fitting import check_fit


def make(name: str, options: Mapping[str, Any], *, input_shape: tuple[int, ...], classes: int) -> nn.Module:
    """The model with random weights and `classes` outputs. No weights are downloaded.

    Raises:
        TaskError: the inputs are not RGB images, or of a size that the model can't take.
    """
    if len(input_shape) != 3 or input_shape[0] != 3:
        raise TaskError(f"Model {name} takes RGB images, shape (3, height, width), got {tuple(input_shape)}.")
    try:
        model: nn.Module = torchvision.models.get_model(
            name, weights=None, num_classes=classes, **_arguments(name, input_shape)
        )
    except (ValueError, AssertionError) as error:
        raise TaskError(f"torchvision can't make {name} for inputs {tuple(input_shape)}: {error}") from error
    check_fit(name, model, input_shape, classes)
    return model


def _arguments(name: str, input_shape: tuple[int, ...]) -> dict[str, Any]:
    if name in {"googlenet", "inception_v3"}:
        # Without these they return several outputs while training, and warn that initialisation is slow.
        return {"aux_logits": False, "init_weights": True}
    if name.startswith("vit_"):
        return {"image_size": input_shape[1]}
    if name.startswith("maxvit_"):
        return {"input_size": (input_shape[1], input_shape[2])}
    return {}
