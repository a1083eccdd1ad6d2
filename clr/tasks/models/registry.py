"""Models by name: where their factories are and which options they take. Knows no torch; `factory` makes them."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

from clr.errors import UnknownName

CIFAR_RESNETS = ("resnet20", "resnet32", "resnet44", "resnet56", "resnet110")
"""He et al.'s networks for small images; torchvision's resnet18, 34, 50, 101 and 152 are those for large ones."""

TIMM = "timm/*"
"""Stands in a list of models for every model of timm, by "timm/" and its timm name."""

_FACTORIES = {
    "mlp": "clr.tasks.models.mlp:make",
    "caffe-cifar10-full": "clr.tasks.models.caffe:make",
    **dict.fromkeys(CIFAR_RESNETS, "clr.tasks.models.cifar_resnet:make"),
}
_TORCHVISION = "clr.tasks.models.vision:make"
_TIMM = "clr.tasks.models.from_timm:make"

_TORCHVISION_NAMES = """
    alexnet convnext_base convnext_large convnext_small convnext_tiny densenet121 densenet161 densenet169 densenet201
    efficientnet_b0 efficientnet_b1 efficientnet_b2 efficientnet_b3 efficientnet_b4 efficientnet_b5 efficientnet_b6
    efficientnet_b7 efficientnet_v2_l efficientnet_v2_m efficientnet_v2_s googlenet inception_v3 maxvit_t mnasnet0_5
    mnasnet0_75 mnasnet1_0 mnasnet1_3 mobilenet_v2 mobilenet_v3_large mobilenet_v3_small regnet_x_16gf regnet_x_1_6gf
    regnet_x_32gf regnet_x_3_2gf regnet_x_400mf regnet_x_800mf regnet_x_8gf regnet_y_128gf regnet_y_16gf regnet_y_1_6gf
    regnet_y_32gf regnet_y_3_2gf regnet_y_400mf regnet_y_800mf regnet_y_8gf resnet101 resnet152 resnet18 resnet34
    resnet50 resnext101_32x8d resnext101_64x4d resnext50_32x4d shufflenet_v2_x0_5 shufflenet_v2_x1_0 shufflenet_v2_x1_5
    shufflenet_v2_x2_0 squeezenet1_0 squeezenet1_1 swin_b swin_s swin_t swin_v2_b swin_v2_s swin_v2_t vgg11 vgg11_bn
    vgg13 vgg13_bn vgg16 vgg16_bn vgg19 vgg19_bn vit_b_16 vit_b_32 vit_h_14 vit_l_16 vit_l_32 wide_resnet101_2
    wide_resnet50_2
"""
TORCHVISION = tuple(_TORCHVISION_NAMES.split())
"""torchvision's classification models (0.26 to 0.29). Written out, so that a study can be checked without torch."""


class Option(NamedTuple):
    """One option of a model: its JSON schema, and what its value must be, as a test and in words."""

    schema: dict[str, Any]
    accepts: Callable[[object], bool]
    words: str


def _is_widths(value: object) -> bool:
    return isinstance(value, list | tuple) and all(type(width) is int and width >= 1 for width in value)


def _is_scale(value: object) -> bool:
    return type(value) in (int, float) and isinstance(value, int | float) and 0 < value < math.inf


OPTIONS: dict[str, dict[str, Option]] = {
    "mlp": {
        "hidden": Option(
            {
                "type": "array",
                "items": {"type": "integer", "minimum": 1},
                "description": "widths of the hidden layers, [32] by default; [] is a linear model",
            },
            _is_widths,
            "a list of whole numbers >= 1",
        )
    },
    "caffe-cifar10-full": {
        "input_scale": Option(
            {
                "type": "number",
                "exclusiveMinimum": 0,
                "description": "what inputs are multiplied by: 255 (the default) for pixels in [0, 1], 1 for bytes",
            },
            _is_scale,
            "a number above 0",
        )
    },
}
"""name -> option; the models that are not named here have none."""


def names() -> tuple[str, ...]:
    """The models' names, sorted; timm's aside, which depend on the timm that is installed."""
    return tuple(sorted((*_FACTORIES, *TORCHVISION)))


def image_models() -> tuple[str, ...]:
    """The models that take RGB images: all of them, and timm's."""
    return (*names(), TIMM)


def gray_image_models() -> tuple[str, ...]:
    """The models that take images of one channel, timm's among them."""
    return ("mlp", *CIFAR_RESNETS, TIMM)


def offers(models: Collection[str], name: str) -> bool:
    """Whether a model is in a list of them, in which `TIMM` stands for every name that begins with "timm/".

    Example:
        >>> offers(("mlp", "timm/*"), "timm/convnext_atto"), offers(("mlp",), "timm/convnext_atto")
        (True, False)
    """
    return name in models or (TIMM in models and _is_timm(name))


def options_schema(name: str) -> dict[str, Any]:
    """JSON schema of a model's options.

    Raises:
        UnknownName: no model of that name.
    """
    target(name)
    properties = {option: known.schema for option, known in OPTIONS.get(name, {}).items()}
    return {"type": "object", "properties": properties, "additionalProperties": False}


def check(name: str, options: Mapping[str, object]) -> list[str]:
    """Everything that is wrong with a model's options, one sentence each; empty if nothing is.

    Raises:
        UnknownName: no model of that name.

    Example:
        >>> check("mlp", {"hidden": [0]})
        ['hidden of mlp must be a list of whole numbers >= 1, got [0].']
    """
    target(name)
    known = OPTIONS.get(name, {})
    messages = []
    for option, value in options.items():
        if option not in known:
            messages.append(f"{name} has no option {option}. Its options: {', '.join(known) or 'none'}.")
        elif not known[option].accepts(value):
            messages.append(f"{option} of {name} must be {known[option].words}, got {value!r}.")
    return messages


def target(name: str) -> str:
    """The "module:attribute" of a model's factory.

    Raises:
        UnknownName: no model of that name.
    """
    if name in _FACTORIES:
        return _FACTORIES[name]
    if name in TORCHVISION:
        return _TORCHVISION
    if _is_timm(name):
        return _TIMM
    raise UnknownName("model", name, names(), hint='Models of timm are called "timm/NAME".')


def known(name: str) -> bool:
    """Whether there is a model of that name, as far as can be said without timm."""
    return name in _FACTORIES or name in TORCHVISION or _is_timm(name)


def _is_timm(name: str) -> bool:
    return name.startswith("timm/") and len(name) > len("timm/")
