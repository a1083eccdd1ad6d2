"""Images as bytes, and how they become a task's splits: shuffled, cut, scaled, in memory where they fit."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from clr.errors import TaskError
from clr.tasks.base import Examples, Splits
from clr.tasks.permutation import permutation
from clr.tasks.stored import StoredExamples

VALIDATION_SHARE = 1 / 10
"""Share of the images outside the test split that the split seed puts into validation."""

_CHUNK_BYTES = 2**24

Bytes = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Pixels:
    """Some rows of an array, or a memory-mapped file, of images.

    Attributes:
        images: [N, height, width, channels] uint8.
        labels: [N] int64.
        rows: which of them these are [n] int64, in order.
    """

    images: Bytes
    labels: Labels
    rows: Labels

    @classmethod
    def all(cls, images: Bytes, labels: Labels) -> Pixels:
        """Every image, one label each."""
        return cls(images, labels, np.arange(len(images)))

    def __len__(self) -> int:
        return len(self.rows)

    def only(self, chosen: Labels) -> Pixels:
        """The ones at these positions among the rows, in that order. Reads nothing."""
        return Pixels(self.images, self.labels, self.rows[chosen])


@dataclass(frozen=True)
class Scaling:
    """Bytes to what a model sees: (bytes / 255 - mean / 255) / deviation.

    Attributes:
        mean: per pixel [height, width, channels] or per channel [channels], in bytes.
        deviation: per channel [channels], in [0, 1]; None divides by nothing.
    """

    mean: npt.NDArray[np.float64]
    deviation: npt.NDArray[np.float64] | None = None

    def __call__(self, images: Tensor) -> Tensor:
        """uint8 [N, H, W, C] to float32 [N, C, H, W] on the same device."""
        inputs = images.permute(0, 3, 1, 2).contiguous().to(torch.float32).div_(255.0)
        inputs -= _channels_first(self.mean / 255.0, images.device)
        return inputs if self.deviation is None else inputs.div_(_channels_first(self.deviation, images.device))


def validation_size(images: int) -> int:
    """How many of the images outside the test split are validated on."""
    return max(1, round(images * VALIDATION_SHARE))


def splits(rest: Pixels, test: Pixels, split_seed: int, device: str | torch.device, *, normalise: bool) -> Splits:
    """Cuts `rest` by the split seed after shuffling it, and scales everything by what is in training.

    Args:
        rest: the images outside the test split.
        normalise: subtract each channel's mean and divide by its standard deviation; else subtract the mean image.
    """
    order = permutation(len(rest), split_seed)
    validation, train = (rest.only(part) for part in np.split(order, [validation_size(len(rest))]))
    scaling = scaling_of(train, normalise)
    place = torch.device(device)
    resident = 4 * math.prod(rest.images.shape[1:]) * (len(rest) + len(test)) <= resident_limit(place)
    split = _resident if resident else _stored
    return Splits(*(split(part, scaling, place) for part in (train, validation, test)))


def _resident(part: Pixels, scaling: Scaling, device: torch.device) -> Examples:
    inputs = scaling(torch.from_numpy(np.asarray(part.images[part.rows])).to(device))
    return Examples(inputs, torch.from_numpy(part.labels[part.rows]).to(device))


def _stored(part: Pixels, scaling: Scaling, device: torch.device) -> StoredExamples:
    return StoredExamples(part.images, part.labels, part.rows, scaling, device)


def scaling_of(train: Pixels, normalise: bool) -> Scaling:
    """The scaling by the images in training, which are read once, a part at a time; exact in integers."""
    *shape, channels = train.images.shape[1:]
    total = np.zeros((*shape, channels), np.int64)
    squares = np.zeros(channels, np.int64)
    for part in _parts(train):
        total += part.sum(axis=0, dtype=np.int64)
        if normalise:
            squares += np.square(part, dtype=np.uint16).sum(axis=(0, 1, 2), dtype=np.int64)
    if not normalise:
        return Scaling(total / len(train))
    values = len(train) * math.prod(shape)
    mean = total.sum(axis=(0, 1)) / values
    deviation = np.sqrt(np.maximum(squares / values - mean**2, 0.0)) / 255.0
    return Scaling(mean, np.where(deviation > 0, deviation, 1.0))


def resident_limit(device: torch.device) -> int:
    """Bytes of float32 that a task's data may take on a device: $CLR_RESIDENT_BYTES, or half of what is free.

    Raises:
        TaskError: $CLR_RESIDENT_BYTES is not a whole number.
    """
    if given := os.environ.get("CLR_RESIDENT_BYTES"):
        if not given.isdecimal():
            raise TaskError(f"CLR_RESIDENT_BYTES must be a whole number of bytes, got {given!r}.")
        return int(given)
    if device.type == "cuda":
        free: int = torch.cuda.mem_get_info(device)[0]
        return free // 2
    return _free_memory() // 2


def _free_memory() -> int:
    """Bytes that programs can still get: Linux' estimate, or all of the machine's where there is none."""
    meminfo = Path("/proc/meminfo")
    for line in meminfo.read_text().splitlines() if meminfo.exists() else ():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _parts(pixels: Pixels) -> Iterator[Bytes]:
    """The images in the file's order, a few megabytes at a time."""
    ordered, step = np.sort(pixels.rows), max(1, _CHUNK_BYTES // math.prod(pixels.images.shape[1:]))
    for start in range(0, len(ordered), step):
        yield np.asarray(pixels.images[ordered[start : start + step]])


def _channels_first(values: npt.NDArray[np.float64], device: torch.device) -> Tensor:
    """[H, W, C] to [C, H, W] and [C] to [C, 1, 1], float32 on a device."""
    spread = values.transpose(2, 0, 1) if values.ndim == 3 else values[:, None, None]
    return torch.from_numpy(np.ascontiguousarray(spread, np.float32)).to(device)
