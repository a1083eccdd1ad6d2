"""The `image-folder` task: any folder of class folders with images."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from clr.errors import DataNotFound, TaskError
from clr.protocol import TaskFacts
from clr.tasks.decoding import Decoded, Size, decoded
from clr.tasks.facts import IMAGE_FOLDER
from clr.tasks.images import ImageTask
from clr.tasks.permutation import permutation
from clr.tasks.pixels import Pixels, validation_size

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})

TEST_FOLDERS = ("test", "val", "valid", "validation")
"""Names of the folder beside train/ whose images are the test split; the first that is there."""

TEST_SHARE = 1 / 6
"""Share of the images that is the test split where the folder has no test/ (as 10,000 of CIFAR-10's 60,000)."""

_TEST_ENTROPY, _TEST_CHOICE, _REST_CHOICE = 1, 2, 3


@dataclass(frozen=True)
class ImageFolder(ImageTask):
    """Images in class folders, as RGB.

    Two layouts: `path`/train/<class>/* with `path`/test/<class>/* (or val/), or `path`/<class>/*, where one sixth of
    the images, drawn once and for all, is the test split. Of the rest the split seed puts a tenth into validation.
    Everything is shuffled before it is cut.

    Images are decoded once to one file of bytes under $CLR_CACHE_DIR (default ~/.cache/clr), known by the list of
    files, their times and sizes, and memory-mapped from there. Broken files are left out; what was done to the images
    is counted in the facts' description.

    Args:
        path: the folder, on the worker.
        size: side, or (height, width), to which images are scaled [pixels]; None takes their own where all are of one
            size, else the median height and width, at most 224 each.
        max_images: take at most so many of the images outside the test split, and at most so many of those in it,
            drawn once and for all; None takes all.
        augment: what is done to training images, see docs/data.md.
    """

    path: str = ""
    size: int | Sequence[int] | None = None
    max_images: int | None = None
    augment: Sequence[object] = ()

    def __post_init__(self) -> None:
        if not self.path:
            raise TaskError("image-folder needs the option path: the folder of class folders.")
        self._size()
        if self.max_images is not None and (type(self.max_images) is not int or self.max_images < 10):
            raise TaskError(f"max_images of image-folder must be a whole number >= 10, got {self.max_images!r}.")
        self._augmentation  # noqa: B018  (a wrong option is refused when the task is made)

    @classmethod
    def announced(cls) -> TaskFacts:
        return IMAGE_FOLDER

    def facts(self) -> TaskFacts:
        """Facts of this folder. Decodes the images where that was not done before.

        Raises:
            DataNotFound: there is no such folder, or nothing usable in it.
            TaskError: too many images can't be decoded, or there is no room for the decoded ones.
        """
        rest, test = self.pixels()
        validation = validation_size(len(rest))
        listing, found = self._data
        return IMAGE_FOLDER.model_copy(
            update={
                "train_size": len(rest) - validation,
                "validation_size": validation,
                "test_size": len(test),
                "input_shape": (3, *rest.images.shape[1:3]),
                "classes": len(listing.classes),
                "description": described(listing, found),
            }
        )

    def pixels(self) -> tuple[Pixels, Pixels]:
        return self._pixels

    def _size(self) -> Size | None:
        size = (self.size, self.size) if isinstance(self.size, int) else self.size
        if size is None:
            return None
        if len(size) != 2 or not all(type(side) is int and side >= 1 for side in size):
            raise TaskError(f"size of image-folder must be a whole number >= 1 or two of them, got {self.size!r}.")
        return size[0], size[1]

    @functools.cached_property
    def _data(self) -> tuple[Listing, Decoded]:
        listing = list_images(Path(self.path).expanduser().resolve(), self.max_images)
        return listing, decoded((*listing.rest, *listing.test), self._size())

    @functools.cached_property
    def _pixels(self) -> tuple[Pixels, Pixels]:
        listing, found = self._data
        files = (*listing.rest, *listing.test)
        labels = np.array([listing.classes.index(file.parent.name) for file in files], np.int64)
        usable = np.array([row for row in range(len(files)) if row not in found.broken])
        cut = len(listing.rest)
        rest, test = (Pixels(found.images, labels, rows) for rows in (usable[usable < cut], usable[usable >= cut]))
        return rest, test


@dataclass(frozen=True)
class Listing:
    """The files of an image folder: outside the test split and in it, and the classes by name."""

    rest: tuple[Path, ...]
    test: tuple[Path, ...]
    classes: tuple[str, ...]


def list_images(root: Path, max_images: int | None = None) -> Listing:
    """The images below a folder, in an order that depends on their names alone, the test split cut off.

    Raises:
        DataNotFound: no such folder, no class folders, no images, or a class that is only in test/.
    """
    if not root.is_dir():
        raise DataNotFound(
            f"image-folder: {root} is not a folder on this worker; expected class folders with images in it."
        )
    tests = next((root / name for name in TEST_FOLDERS if (root / name).is_dir()), None)
    if (root / "train").is_dir() and tests is not None:
        rest, test = _class_files(root / "train"), _class_files(tests)
    else:
        files = _class_files(root)
        order = permutation(len(files), _TEST_ENTROPY)
        count = max(1, round(len(files) * TEST_SHARE))
        test, rest = [files[i] for i in order[:count]], [files[i] for i in np.sort(order[count:])]
    classes = tuple(sorted({file.parent.name for file in rest}))
    if strangers := sorted({file.parent.name for file in test} - set(classes)):
        raise DataNotFound(
            f"image-folder: the classes {', '.join(strangers)} of {root} have test images but no others."
        )
    listing = Listing(tuple(rest), tuple(test), classes)
    if max_images is None:
        return listing
    return replace(listing, rest=_some(rest, max_images, _REST_CHOICE), test=_some(test, max_images, _TEST_CHOICE))


def _class_files(folder: Path) -> list[Path]:
    """The images in the folders right below, sorted by class and name."""
    files = [
        file
        for category in sorted(folder.iterdir())
        if category.is_dir() and not category.name.startswith(".")
        for file in sorted(category.iterdir())
        if file.suffix.lower() in SUFFIXES and not file.name.startswith(".") and file.is_file()
    ]
    classes = {file.parent for file in files}
    if len(classes) < 2 or len(files) < 10:
        raise DataNotFound(
            f"image-folder: {folder} holds {len(files)} images in {len(classes)} class folders; "
            f"expected <class>/<image> with at least two classes and ten images ({', '.join(sorted(SUFFIXES))})."
        )
    return files


def _some(files: Sequence[Path], count: int, entropy: int) -> tuple[Path, ...]:
    return tuple(files[i] for i in np.sort(permutation(len(files), entropy)[:count]))


def described(listing: Listing, found: Decoded) -> str:
    """What was found in a folder and done to its images, in one sentence."""
    files = (*listing.rest, *listing.test)
    height, width = found.images.shape[1:3]
    text = f"{len(files) - len(found.broken):,} images of {height} x {width} pixels in {len(listing.classes)} classes"
    if found.changed:
        text += f"; {', '.join(f'{count:,} {kind}' for kind, count in sorted(found.changed.items()))}"
    if found.broken:
        first = files[min(found.broken)]
        text += f"; {len(found.broken):,} broken and left out, the first {first.parent.name}/{first.name}"
    return f"{text}."
