"""What the tasks on images share: bytes cut into splits, and augmentation."""

from __future__ import annotations

import functools
from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from clr.tasks import pixels
from clr.tasks.augment_options import Augmentation, parse
from clr.tasks.augmentation import augmented
from clr.tasks.base import ClassificationTask, Splits
from clr.tasks.pixels import Pixels


class ImageTask(ClassificationTask):
    """Images as float32 [channels, height, width] in [0, 1] minus the training images' mean image.

    With "normalise" in `augment`: minus each channel's mean, divided by its standard deviation, of the training images.
    The mean depends on the split seed. A model that wants bytes (`caffe-cifar10-full`) multiplies by 255 itself.

    Where all of it takes more than half of the device's free memory (or $CLR_RESIDENT_BYTES) as float32, the images
    stay bytes, memory-mapped where they come from a file, and are read ahead of the training: the same batches.
    """

    augment: Sequence[object]

    @abstractmethod
    def pixels(self) -> tuple[Pixels, Pixels]:
        """The images outside the test split and in it; the same on every call."""

    def splits(self, split_seed: int, device: str | torch.device = "cpu") -> Splits:
        rest, test = self.pixels()
        return pixels.splits(rest, test, split_seed, device, normalise=self._augmentation.normalise)

    def augmented(self, inputs: Tensor, seed: int, iteration: int) -> Tensor:
        return augmented(inputs, self._augmentation, seed, iteration)

    @functools.cached_property
    def _augmentation(self) -> Augmentation:
        return parse(self.augment)
