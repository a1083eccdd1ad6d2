"""The task option `augment`: its JSON schema and what it means. Knows no torch; `augmentation` applies it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clr.errors import TaskError

NAMES = ("crop", "cutout", "flip", "normalise")
SIZED = {"crop": 4, "cutout": 16}
"""Names that take a number of pixels -> its default: padding on each side (He et al. 2015), side of the square (DeVries
and Taylor 2017 for CIFAR-10)."""

SCHEMA: dict[str, Any] = {
    "type": "array",
    "description": 'of training images, on the device: "crop" or {"crop": padding}, "flip", "cutout" or '
    '{"cutout": side}; "normalise" scales all images by the training images\' mean and deviation per channel',
    "items": {
        "anyOf": [
            {"enum": list(NAMES)},
            {
                "type": "object",
                "properties": {name: {"type": "integer", "minimum": 1} for name in SIZED},
                "additionalProperties": False,
                "minProperties": 1,
                "maxProperties": 1,
            },
        ]
    },
    "uniqueItems": True,
    "default": [],
}


@dataclass(frozen=True)
class Augmentation:
    """What is done to a training batch, in this order; 0 and False: not done.

    Attributes:
        crop: zeros added on each side before a random cut-out of the image's own size [pixels].
        flip: left and right change places for half of the images.
        cutout: side of a square of zeros at a random place [pixels].
        normalise: a part of the data's scaling, not of a batch: it is true of all splits.
    """

    crop: int = 0
    flip: bool = False
    cutout: int = 0
    normalise: bool = False


def parse(given: object) -> Augmentation:
    """The augmentation that the option asks for.

    Raises:
        TaskError: an entry is unknown, doubled or has a wrong number.

    Example:
        >>> parse(["flip", {"crop": 2}])
        Augmentation(crop=2, flip=True, cutout=0, normalise=False)
    """
    if not isinstance(given, list | tuple):
        raise TaskError(f"augment must be a list of {', '.join(NAMES)}, got {given!r}.")
    found: dict[str, Any] = {}
    for entry in given:
        name, value = _entry(entry)
        if name in found:
            raise TaskError(f"augment names {name} twice.")
        found[name] = value
    return Augmentation(**found)


def _entry(entry: object) -> tuple[str, int | bool]:
    if isinstance(entry, str) and entry in NAMES:
        return entry, SIZED.get(entry, True)
    if isinstance(entry, Mapping) and len(entry) == 1:
        ((name, pixels),) = entry.items()
        if name in SIZED and type(pixels) is int and pixels >= 1:
            return name, pixels
    sized = " or ".join(f'{{"{name}": pixels}}' for name in SIZED)
    raise TaskError(f"augment takes {', '.join(NAMES)}, {sized} with whole pixels >= 1, got {entry!r}.")
