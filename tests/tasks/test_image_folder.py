"""Layouts, sizes, the cache, and what is said when the folder is not as expected."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from clr.errors import DataNotFound, TaskError
from clr.tasks.image_folder import ImageFolder


def pixels(file: Path) -> torch.Tensor:
    """[3, height, width] in [0, 1]."""
    return torch.from_numpy(np.asarray(Image.open(file)).copy()).permute(2, 0, 1) / 255


def test_a_folder_sorted_by_class_gives_every_split_its_share_of_every_class(class_folders: Path) -> None:
    splits = ImageFolder(str(class_folders)).splits(0)

    assert [len(split) for split in vars(splits).values()] == [90, 10, 20]
    assert min(splits.train.targets.bincount().tolist()) >= 24


def test_an_own_test_folder_is_the_test_split(train_and_test: Path) -> None:
    splits = ImageFolder(str(train_and_test)).splits(0)

    assert splits.test.targets.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert len(splits.train) + len(splits.validation) == 60


def test_inputs_are_the_pixels_in_0_to_1_minus_the_training_mean_image(train_and_test: Path) -> None:
    splits = ImageFolder(str(train_and_test)).splits(0)
    first, second = (pixels(train_and_test / "test" / "class-0" / name) for name in ("0000.png", "0001.png"))
    mean = first - splits.test.inputs[0]

    assert torch.allclose(splits.train.inputs.mean(dim=0), torch.zeros(3, 6, 4), atol=1e-6)
    assert torch.all((mean > 0.2) & (mean < 0.8))
    assert torch.allclose(second - splits.test.inputs[1], mean, atol=1e-6)


def test_images_are_decoded_once(class_folders: Path, cache_folder: Path) -> None:
    before = ImageFolder(str(class_folders)).splits(0)
    (cached,) = cache_folder.iterdir()
    written = cached.stat().st_mtime_ns

    again = ImageFolder(str(class_folders)).splits(0)

    assert [file.stat().st_mtime_ns for file in cache_folder.iterdir()] == [written]
    assert torch.equal(before.train.inputs, again.train.inputs)


def test_a_changed_image_is_decoded_anew(class_folders: Path, cache_folder: Path) -> None:
    ImageFolder(str(class_folders)).facts()
    changed = class_folders / "class-0" / "0000.png"
    os.utime(changed, ns=(1, 1))

    ImageFolder(str(class_folders)).facts()

    assert len(list(cache_folder.iterdir())) == 2


def test_images_are_scaled_to_the_size_asked_for(class_folders: Path) -> None:
    assert ImageFolder(str(class_folders), size=8).facts().input_shape == (3, 8, 8)
    assert ImageFolder(str(class_folders), size=[5, 9]).splits(0).test.inputs.shape[1:] == (3, 5, 9)


def test_max_images_bounds_both_parts_and_keeps_the_classes(class_folders: Path) -> None:
    splits = ImageFolder(str(class_folders), max_images=15).splits(0)

    assert (len(splits.train) + len(splits.validation), len(splits.test)) == (15, 15)
    assert splits.train.targets.unique().tolist() == [0, 1, 2]


def test_gray_and_transparent_images_become_rgb(class_folders: Path) -> None:
    Image.new("L", (4, 6)).save(class_folders / "class-0" / "0000.png")
    Image.new("RGBA", (4, 6)).save(class_folders / "class-1" / "0000.png")

    assert ImageFolder(str(class_folders)).facts().input_shape == (3, 6, 4)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataNotFound, match="nowhere is not a folder on this worker; expected class folders"):
        ImageFolder(str(tmp_path / "nowhere")).facts()


def test_a_folder_without_class_folders_is_refused(class_folders: Path) -> None:
    with pytest.raises(DataNotFound, match="holds 0 images in 0 class folders"):
        ImageFolder(str(class_folders / "class-0")).facts()


def test_a_class_that_only_the_test_folder_has_is_refused(train_and_test: Path) -> None:
    (train_and_test / "test" / "class-2").rename(train_and_test / "test" / "dogs")

    with pytest.raises(DataNotFound, match="the classes dogs"):
        ImageFolder(str(train_and_test)).facts()


def test_images_of_two_sizes_need_the_option_size(class_folders: Path) -> None:
    Image.new("RGB", (7, 7)).save(class_folders / "class-1" / "0003.png")

    with pytest.raises(TaskError, match=r"0003\.png is 7 x 7 pixels.* Give the option size"):
        ImageFolder(str(class_folders)).facts()
    assert ImageFolder(str(class_folders), size=6).facts().input_shape == (3, 6, 6)


def test_a_broken_image_is_named(class_folders: Path) -> None:
    (class_folders / "class-2" / "0007.png").write_bytes(b"not an image")

    with pytest.raises(TaskError, match=r"0007\.png can't be decoded"):
        ImageFolder(str(class_folders)).facts()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs the option path"),
        ({"path": "x", "size": 0}, "size of image-folder must"),
        ({"path": "x", "size": [1, 2, 3]}, "size of image-folder must"),
        ({"path": "x", "max_images": 3}, "max_images of image-folder must"),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        ImageFolder(**options)  # type: ignore[arg-type]
