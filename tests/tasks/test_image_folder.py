"""Layouts, sizes, the cache, and what is said when the folder is not as expected."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from clr.errors import DataNotFound, TaskError
from clr.tasks.decoding import decoded
from clr.tasks.image_folder import ImageFolder, list_images


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
    written = {file: file.stat().st_mtime_ns for file in cache_folder.iterdir()}

    again = ImageFolder(str(class_folders)).splits(0)

    assert {file: file.stat().st_mtime_ns for file in cache_folder.iterdir()} == written
    assert [file.suffix for file in sorted(written)] == [".json", ".npy"]
    assert torch.equal(before.train.inputs, again.train.inputs)


def test_a_changed_image_is_decoded_anew(class_folders: Path, cache_folder: Path) -> None:
    ImageFolder(str(class_folders)).facts()
    changed = class_folders / "class-0" / "0000.png"
    os.utime(changed, ns=(1, 1))

    ImageFolder(str(class_folders)).facts()

    assert len(list(cache_folder.glob("*.npy"))) == 2


def test_images_are_scaled_to_the_size_asked_for(class_folders: Path) -> None:
    assert ImageFolder(str(class_folders), size=8).facts().input_shape == (3, 8, 8)
    assert ImageFolder(str(class_folders), size=[5, 9]).splits(0).test.inputs.shape[1:] == (3, 5, 9)


def test_max_images_bounds_both_parts_and_keeps_the_classes(class_folders: Path) -> None:
    splits = ImageFolder(str(class_folders), max_images=15).splits(0)

    assert (len(splits.train) + len(splits.validation), len(splits.test)) == (15, 15)
    assert splits.train.targets.unique().tolist() == [0, 1, 2]


def save_first(image: Image.Image, folder: Path, **options: object) -> None:
    """Replaces the first image of the first class."""
    image.save(folder / "class-0" / "0000.png", **options)


def first_pixel(folder: Path) -> list[int]:
    """The top left pixel of the first image of the first class, which is training data here, as bytes."""
    files = list_images(folder).rest
    return decoded(files, None).images[files.index(folder / "class-0" / "0000.png"), 0, 0].tolist()


def sixteen_bits() -> Image.Image:
    return Image.fromarray(np.full((6, 4), 257 * 100, np.uint16))


def palette() -> Image.Image:
    return Image.new("RGB", (4, 6), (10, 200, 30)).convert("P", palette=Image.Palette.ADAPTIVE)


@pytest.mark.parametrize(
    ("image", "pixel", "kind"),
    [
        (Image.new("L", (4, 6), 77), [77, 77, 77], "1 gray"),
        (Image.new("1", (4, 6), 1), [255, 255, 255], "1 gray"),
        (Image.new("RGBA", (4, 6), (200, 0, 0, 0)), [255, 255, 255], "1 with transparency"),
        (Image.new("RGBA", (4, 6), (200, 10, 0, 255)), [200, 10, 0], "1 with transparency"),
        (Image.new("LA", (4, 6), (50, 255)), [50, 50, 50], "1 gray, 1 with transparency"),
        (palette(), [10, 200, 30], "1 with a palette"),
        (sixteen_bits(), [100, 100, 100], "1 of 16 bits"),
        (Image.new("RGB", (8, 12), (1, 2, 3)), [1, 2, 3], "1 scaled"),
    ],
    ids=["gray", "black and white", "transparent", "opaque", "gray, opaque", "palette", "16 bits", "larger"],
)
def test_every_kind_of_image_becomes_rgb_and_is_counted(
    class_folders: Path, image: Image.Image, pixel: list[int], kind: str
) -> None:
    save_first(image, class_folders)

    assert first_pixel(class_folders) == pixel
    assert ImageFolder(str(class_folders)).facts().description == (f"120 images of 6 x 4 pixels in 3 classes; {kind}.")


def test_a_photograph_is_turned_as_its_camera_says(class_folders: Path) -> None:
    photograph = Image.new("RGB", (6, 4), "black")
    photograph.paste((255, 0, 0), (0, 0, 1, 4))  # its left column is the top row after a quarter turn
    exif = Image.Exif()
    exif[0x0112] = 6
    save_first(photograph, class_folders, exif=exif)

    files = list_images(class_folders).rest
    found = decoded(files, None)

    turned = found.images[files.index(class_folders / "class-0" / "0000.png")]
    assert turned.shape == (6, 4, 3) and not found.changed
    assert turned[0].tolist() == [[255, 0, 0]] * 4 and not turned[1:].any()


def test_a_broken_image_is_left_out_and_counted(class_folders: Path) -> None:
    whole = (class_folders / "class-1" / "0003.png").read_bytes()
    (class_folders / "class-1" / "0003.png").write_bytes(whole[: len(whole) // 2])
    (class_folders / "class-2" / "0007.png").write_bytes(b"not an image")
    (class_folders / "class-2" / "0008.png").write_bytes(b"")

    task = ImageFolder(str(class_folders))

    facts, splits = task.facts(), task.splits(0)
    assert "; 3 broken and left out, the first class-" in facts.description
    assert sum(len(split) for split in vars(splits).values()) == 117
    assert (facts.train_size, facts.test_size) == (len(splits.train), len(splits.test))
    assert all((split.inputs.flatten(1).std(dim=1) > 0).all() for split in vars(splits).values())


def test_a_broken_image_does_not_move_the_others_between_the_splits(class_folders: Path) -> None:
    before = set(list_images(class_folders).test)

    (class_folders / "class-2" / "0007.png").write_bytes(b"not an image")

    assert set(list_images(class_folders).test) == before


def test_a_folder_with_more_than_a_tenth_broken_is_refused_by_its_first(class_folders: Path) -> None:
    for number in range(13):
        (class_folders / "class-2" / f"{number:04d}.png").write_bytes(b"not an image")

    with pytest.raises(TaskError, match=r"13 of 120 files can't be decoded, the first is .*class-2/00\d\d\.png: Unid"):
        ImageFolder(str(class_folders)).facts()


def test_images_that_all_differ_in_size_get_the_median_height_and_width(class_folders: Path) -> None:
    for number, file in enumerate(sorted(class_folders.rglob("*.png"))):
        Image.new("RGB", (19 + number % 3, 30)).save(file)

    facts = ImageFolder(str(class_folders)).facts()

    assert facts.input_shape == (3, 30, 20)
    assert "scaled" in facts.description


def test_large_images_that_differ_in_size_are_made_smaller(class_folders: Path) -> None:
    for number, file in enumerate(sorted(class_folders.rglob("*.png"))):
        Image.new("RGB", (300 + number % 2, 400)).save(file)

    assert ImageFolder(str(class_folders)).facts().input_shape == (3, 224, 224)


def test_scaling_cuts_the_longer_side_and_distorts_nothing(class_folders: Path) -> None:
    wide = Image.new("RGB", (24, 6), "black")
    wide.paste((255, 255, 255), (10, 0, 14, 6))  # the middle 4 x 6 pixels
    save_first(wide, class_folders)

    files = list_images(class_folders).rest
    found = decoded(files, None)

    assert found.images[files.index(class_folders / "class-0" / "0000.png")].min() == 255


def test_hidden_files_and_folders_are_no_images(class_folders: Path) -> None:
    (class_folders / "class-0" / "._0000.png").write_bytes(b"not an image")
    (class_folders / "class-0" / "folder.png").mkdir()
    (class_folders / "class-0" / "gone.png").symlink_to(class_folders / "nowhere.png")

    assert ImageFolder(str(class_folders)).facts().description == "120 images of 6 x 4 pixels in 3 classes."


def test_a_val_folder_is_the_test_split_where_there_is_no_test_folder(train_and_test: Path) -> None:
    (train_and_test / "test").rename(train_and_test / "val")

    assert len(ImageFolder(str(train_and_test)).splits(0).test) == 15


def test_a_cache_that_cant_be_written_is_named(class_folders: Path, cache_folder: Path) -> None:
    cache_folder.write_text("a file, not a folder")

    with pytest.raises(TaskError, match=r"can't be written to .*cache.*8,640 bytes; set CLR_CACHE_DIR"):
        ImageFolder(str(class_folders)).facts()


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs the option path"),
        ({"path": "x", "size": 0}, "size of image-folder must"),
        ({"path": "x", "size": [1, 2, 3]}, "size of image-folder must"),
        ({"path": "x", "max_images": 3}, "max_images of image-folder must"),
        ({"path": "x", "augment": ["rotate"]}, "augment takes crop"),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(TaskError, match=message):
        ImageFolder(**options)  # type: ignore[arg-type]
