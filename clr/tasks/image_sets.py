"""The tasks `mnist`, `fashion-mnist`, `cifar10`, `cifar100` and `svhn`."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from clr.errors import DataNotFound
from clr.protocol import TaskFacts
from clr.tasks import facts
from clr.tasks.images import ImageTask
from clr.tasks.pixels import Pixels
from clr.tasks.set_files import Cifar, Idx, SetFiles, Svhn
from clr.tasks.set_folders import found


@dataclass(frozen=True)
class ImageSet(ImageTask):
    """A published set of images; its own test set is the test split, a tenth of the rest is for validation.

    Args:
        augment: what is done to training images, see docs/data.md.
    """

    augment: Sequence[object] = ()

    name: ClassVar[str]
    files: ClassVar[SetFiles]

    def __post_init__(self) -> None:
        self._augmentation  # noqa: B018  (a wrong option is refused when the task is made)

    def facts(self) -> TaskFacts:
        return facts.IMAGE_SETS[self.name]

    def pixels(self) -> tuple[Pixels, Pixels]:
        """The set's training and test images.

        Raises:
            DataNotFound: where it was looked for, what was expected, how to get it.
        """
        return self._read

    @functools.cached_property
    def _read(self) -> tuple[Pixels, Pixels]:
        folder = found(self.name, self.files)
        train, test = self.files.read(folder)
        known = self.facts()
        self._check(folder, "training", train, known.train_size + known.validation_size)
        self._check(folder, "test", test, known.test_size)
        return train, test

    def _check(self, folder: Path, part: str, found: Pixels, count: int) -> None:
        known = self.facts()
        channels, height, width = known.input_shape
        expected, shape = (count, height, width, channels), found.images.shape
        labels = (int(found.labels.min()), int(found.labels.max())) if len(found) else (0, 0)
        if shape != expected or found.labels.shape != (count,) or labels[0] < 0 or labels[1] >= known.classes:
            raise DataNotFound(
                f"{self.name}: the {part} images in {folder} are not those of the set: {shape} with labels "
                f"{labels[0]} to {labels[1]}, expected {expected} with labels 0 to {known.classes - 1}. "
                f"{self.files.advice}"
            )


class Mnist(ImageSet):
    """Handwritten digits, 28 x 28, gray. Source: LeCun et al. 1998."""

    name, files = "mnist", Idx("mnist", "MNIST")


class FashionMnist(ImageSet):
    """Articles of clothing, 28 x 28, gray. Source: Xiao et al. 2017."""

    name = "fashion-mnist"
    files = Idx(
        "fashion-mnist", "FashionMNIST", ("/usr/share/datasets/fashion-mnist", "/usr/share/dataset-fashion-mnist")
    )


class Cifar10(ImageSet):
    """Small photographs in ten classes, 32 x 32, RGB. Source: Krizhevsky 2009."""

    name, files = "cifar10", Cifar("CIFAR10")


class Cifar100(ImageSet):
    """Small photographs in a hundred classes, 32 x 32, RGB. Source: Krizhevsky 2009."""

    name, files = "cifar100", Cifar("CIFAR100")


class SvhnDigits(ImageSet):
    """Digits of house numbers, 32 x 32, RGB. Source: Netzer et al. 2011."""

    name, files = "svhn", Svhn()
