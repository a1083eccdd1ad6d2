"""The `image-folder` task: any folder of class folders with images, decoded once."""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, UnidentifiedImageError

from clr.errors import DataNotFound, TaskError
from clr.protocol import TaskFacts
from clr.tasks.base import ClassificationTask, Examples, Splits
from clr.tasks.facts import IMAGE_FOLDER
from clr.tasks.permutation import permutation

SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"})

TEST_SHARE = 1 / 6
"""Share of the images that is the test split where the folder has no test/ (as 10,000 of CIFAR-10's 60,000)."""

VALIDATION_SHARE = 1 / 10
"""Share of the images outside the test split that the split seed puts into validation."""

_TEST_ENTROPY, _TEST_CHOICE, _REST_CHOICE = 1, 2, 3

Bytes = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Size = tuple[int, int] | None


@dataclass(frozen=True)
class ImageFolder(ClassificationTask):
    """Images in class folders, as float32 tensors [3, height, width] in [0, 1] minus the training images' mean image.

    Two layouts: `path`/train/<class>/* with `path`/test/<class>/*, or `path`/<class>/*, where one sixth of the images,
    drawn once and for all, is the test split. Of the rest the split seed puts a tenth into validation. Everything is
    shuffled before it is cut. The mean image is the per-pixel mean of the images in training, so it depends on the
    split seed. A model that wants bytes (`caffe-cifar10-full`) multiplies by 255 itself.

    Images are decoded once to uint8 and kept under $CLR_CACHE_DIR (default ~/.cache/clr) by the list of files, their
    times and sizes. The whole data set lies on the device as float32: 12 bytes per pixel.

    Args:
        path: the folder, on the worker.
        size: side, or (height, width), to which images are scaled [pixels]; None where all are of one size.
        max_images: take at most so many of the images outside the test split, and at most so many of those in it,
            drawn once and for all; None takes all.
    """

    path: str = ""
    size: int | Sequence[int] | None = None
    max_images: int | None = None

    def __post_init__(self) -> None:
        if not self.path:
            raise TaskError("image-folder needs the option path: the folder of class folders.")
        self._size()
        if self.max_images is not None and (type(self.max_images) is not int or self.max_images < 10):
            raise TaskError(f"max_images of image-folder must be a whole number >= 10, got {self.max_images!r}.")

    @classmethod
    def announced(cls) -> TaskFacts:
        return IMAGE_FOLDER

    def facts(self) -> TaskFacts:
        """Facts of this folder. Decodes the images where that was not done before.

        Raises:
            DataNotFound: there is no such folder, or nothing usable in it.
            TaskError: an image can't be decoded, or they differ in size and no size was given.
        """
        (images, _), (tests, _), classes = self._data
        validation = _validation_size(len(images))
        return IMAGE_FOLDER.model_copy(
            update={
                "train_size": len(images) - validation,
                "validation_size": validation,
                "test_size": len(tests),
                "input_shape": (3, *images.shape[1:3]),
                "classes": len(classes),
            }
        )

    def splits(self, split_seed: int, device: str | torch.device = "cpu") -> Splits:
        (images, labels), (tests, test_labels), _ = self._data
        order = permutation(len(images), split_seed)
        validation, train = np.split(order, [_validation_size(len(images))])
        mean = images[np.sort(train)].sum(axis=0, dtype=np.int64) / len(train)
        return Splits(
            _examples(images[train], labels[train], mean, device),
            _examples(images[validation], labels[validation], mean, device),
            _examples(tests, test_labels, mean, device),
        )

    def _size(self) -> Size:
        size = (self.size, self.size) if isinstance(self.size, int) else self.size
        if size is None:
            return None
        if len(size) != 2 or not all(type(side) is int and side >= 1 for side in size):
            raise TaskError(f"size of image-folder must be a whole number >= 1 or two of them, got {self.size!r}.")
        return size[0], size[1]

    @functools.cached_property
    def _data(self) -> tuple[tuple[Bytes, Labels], tuple[Bytes, Labels], tuple[str, ...]]:
        """(images [N, H, W, 3], labels [N]) outside the test split and in it, and the classes' names."""
        listing = list_images(Path(self.path).expanduser().resolve(), self.max_images)
        images = decoded((*listing.rest, *listing.test), self._size())
        labels = np.array(
            [listing.classes.index(file.parent.name) for file in (*listing.rest, *listing.test)], np.int64
        )
        cut = len(listing.rest)
        return (images[:cut], labels[:cut]), (images[cut:], labels[cut:]), listing.classes


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
    if (root / "train").is_dir() and (root / "test").is_dir():
        rest, test = _class_files(root / "train"), _class_files(root / "test")
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
        if file.suffix.lower() in SUFFIXES
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


def decoded(files: Sequence[Path], size: Size) -> Bytes:
    """The images as RGB [N, height, width, 3], from the cache where these files were decoded before.

    Raises:
        TaskError: a file is no image, or the images differ in size and `size` is None.
    """
    cached = _cache_folder() / f"images-{_key(files, size)}.npy"
    if not cached.exists():
        _store(cached, np.stack(_decode(files, size)))
    images: Bytes = np.load(cached, mmap_mode="r")
    return images


def _decode(files: Sequence[Path], size: Size) -> list[Bytes]:
    images: list[Bytes] = []
    for file in files:
        try:
            with Image.open(file) as opened:
                image = opened.convert("RGB")
        except (UnidentifiedImageError, OSError) as error:
            raise TaskError(f"image-folder: {file} can't be decoded: {error}. Mend or remove it.") from error
        if size is not None and image.size != (size[1], size[0]):
            image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR)
        images.append(np.asarray(image))
        if images[0].shape != images[-1].shape:
            raise TaskError(
                f"image-folder: {file} is {image.size[0]} x {image.size[1]} pixels, {files[0]} is "
                f"{images[0].shape[1]} x {images[0].shape[0]}. Give the option size."
            )
    return images


def _key(files: Sequence[Path], size: Size) -> str:
    digest = hashlib.sha256(repr(size).encode())
    for file in files:
        stat = file.stat()
        digest.update(f"{file}\0{stat.st_mtime_ns}\0{stat.st_size}\n".encode())
    return digest.hexdigest()[:32]


def _cache_folder() -> Path:
    return Path(os.environ.get("CLR_CACHE_DIR") or "~/.cache/clr").expanduser()


def _store(path: Path, images: Bytes) -> None:
    """Writes the array whole or not at all; two workers that decode at once write the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            np.save(file, images)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _examples(images: Bytes, labels: Labels, mean: npt.NDArray[np.float64], device: str | torch.device) -> Examples:
    """uint8 [N, H, W, 3] to float32 [N, 3, H, W] in [0, 1] minus mean / 255, channel by channel on the device."""
    pixels = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2))).to(device)
    inputs = pixels.to(torch.float32).div_(255.0)
    inputs -= torch.from_numpy((mean / 255.0).astype(np.float32).transpose(2, 0, 1)).to(device)
    return Examples(inputs, torch.from_numpy(labels).to(device))


def _validation_size(images: int) -> int:
    return max(1, round(images * VALIDATION_SHARE))
