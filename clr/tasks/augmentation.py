"""Random changes of training images, on their device: crop, flip, cutout.

Each is a pure function of (images, seed, iteration): a resumed run sees the same images. The random numbers come from
NumPy's counter-based Philox generator, so that they are the same on every device.

Source: He et al. 2015, section 4.2 (crop, flip); DeVries and Taylor 2017 (cutout).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from clr.tasks.augment_options import Augmentation

_CROP, _FLIP, _CUTOUT = 1, 2, 3


def augmented(images: Tensor, wanted: Augmentation, seed: int, iteration: int) -> Tensor:
    """The images [N, C, H, W] after what is wanted; `normalise` is part of the data's scaling and not done here."""
    if wanted.crop:
        images = cropped(images, wanted.crop, _generator(_CROP, seed, iteration))
    if wanted.flip:
        images = flipped(images, _generator(_FLIP, seed, iteration))
    if wanted.cutout:
        images = cut_out(images, wanted.cutout, _generator(_CUTOUT, seed, iteration))
    return images


def cropped(images: Tensor, padding: int, random: np.random.Generator) -> Tensor:
    """A window of the image's own size at a random place of the image with `padding` zeros on each side."""
    count, _, height, width = images.shape
    offsets = random.integers(0, 2 * padding + 1, (2, count))
    top, left = (torch.from_numpy(one).to(images.device) for one in offsets)
    padded = F.pad(images, [padding] * 4).permute(0, 2, 3, 1)  # so that one index picks a pixel with all its channels
    rows = top[:, None] + torch.arange(height, device=images.device)
    columns = left[:, None] + torch.arange(width, device=images.device)
    each = torch.arange(count, device=images.device)[:, None, None]
    return padded[each, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2).contiguous()


def flipped(images: Tensor, random: np.random.Generator) -> Tensor:
    """Left and right exchanged in half of the images, drawn independently."""
    chosen = torch.from_numpy(random.random(len(images)) < 0.5).to(images.device)
    return torch.where(chosen[:, None, None, None], images.flip(3), images)


def cut_out(images: Tensor, side: int, random: np.random.Generator) -> Tensor:
    """A square of zeros around a random pixel of each image; what of it lies outside is lost."""
    count, _, height, width = images.shape
    inside_rows = _covers(random.integers(0, height, count), side, height)
    inside_columns = _covers(random.integers(0, width, count), side, width)
    covered = torch.from_numpy(inside_rows[:, :, None] & inside_columns[:, None, :]).to(images.device)
    return images.masked_fill(covered[:, None], 0.0)


def _covers(centres: npt.NDArray[np.int64], side: int, length: int) -> npt.NDArray[np.bool_]:
    """[N, length]: whether a pixel lies in the `side` pixels around its image's centre."""
    start = (centres - side // 2)[:, None]
    pixel = np.arange(length)
    covers: npt.NDArray[np.bool_] = (pixel >= start) & (pixel < start + side)
    return covers


def _generator(kind: int, seed: int, iteration: int) -> np.random.Generator:
    return np.random.Generator(np.random.Philox(np.random.SeedSequence((kind, seed, iteration))))
