"""timm's models, untrained, as "timm/" and their timm name; timm is installed by whoever wants them."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from torch import nn

from clr.errors import TaskError
from clr.tasks.models.fitting import check_fit


def make(name: str, options: Mapping[str, Any], *, input_shape: tuple[int, ...], classes: int) -> nn.Module:
    """The model with random weights, `classes` outputs and as many input channels as the images have.

    Raises:
        TaskError: timm is not installed or has no such model, or the model does not fit the inputs.
    """
    try:
        import timm
    except ModuleNotFoundError as error:
        raise TaskError(
            f"Model {name} needs timm, which this worker has not: pip install 'clr-sweep[timm]'."
        ) from error
    own = name.removeprefix("timm/")
    if len(input_shape) != 3:
        raise TaskError(f"Model {name} takes images, shape (channels, height, width), got {tuple(input_shape)}.")
    if not timm.is_model(own):
        close = difflib.get_close_matches(own, timm.list_models(), n=3)
        meant = f" Did you mean {', '.join('timm/' + one for one in close)}?" if close else ""
        raise TaskError(f"timm {timm.__version__} has no model {own!r}.{meant}")

    model = _model(timm, own, input_shape, classes)
    check_fit(name, model, input_shape, classes)
    return model


def _model(timm: ModuleType, name: str, input_shape: tuple[int, ...], classes: int) -> nn.Module:
    shared: dict[str, Any] = {"pretrained": False, "num_classes": classes, "in_chans": input_shape[0]}
    try:
        try:
            model: nn.Module = timm.create_model(name, **shared, img_size=tuple(input_shape[1:]))
        except TypeError:  # convolutional networks know no img_size: any will do
            model = timm.create_model(name, **shared)
    except (ValueError, RuntimeError, AssertionError, TypeError) as error:
        raise TaskError(f"timm can't make {name} for inputs {tuple(input_shape)}: {error}") from error
    return model
