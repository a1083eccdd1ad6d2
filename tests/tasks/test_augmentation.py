"""Crop, flip and cutout: what they do, and that they are a function of (images, seed, iteration)."""

from __future__ import annotations

import pytest
import torch

from clr.errors import TaskError
from clr.tasks import make
from clr.tasks.augment_options import NAMES, SCHEMA, SIZED, Augmentation, parse
from clr.tasks.augmentation import augmented

EVERYTHING = Augmentation(crop=4, flip=True, cutout=5, normalise=True)


@pytest.fixture
def images() -> torch.Tensor:
    """400 images of 2 channels, 6 x 8; every pixel is above 0 and different."""
    return torch.arange(1.0, 400 * 2 * 6 * 8 + 1).reshape(400, 2, 6, 8)


def windows(image: torch.Tensor, padding: int) -> list[torch.Tensor]:
    """Every window of the image's size in the padded image, row by row."""
    padded = torch.nn.functional.pad(image, [padding] * 4)
    places = range(2 * padding + 1)
    return [padded[:, y : y + 6, x : x + 8] for y in places for x in places]


def test_the_same_seed_and_iteration_give_the_same_images(images: torch.Tensor) -> None:
    assert torch.equal(augmented(images, EVERYTHING, 3, 17), augmented(images.clone(), EVERYTHING, 3, 17))


@pytest.mark.parametrize(("seed", "iteration"), [(4, 17), (3, 18)])
def test_another_seed_or_iteration_gives_others(images: torch.Tensor, seed: int, iteration: int) -> None:
    assert not torch.equal(augmented(images, EVERYTHING, 3, 17), augmented(images, EVERYTHING, seed, iteration))


def test_each_change_has_its_own_random_numbers(images: torch.Tensor) -> None:
    flipped = augmented(images, Augmentation(flip=True), 1, 2)
    both = augmented(images, Augmentation(flip=True, cutout=3), 1, 2)

    assert torch.equal(both[both > 0], flipped[both > 0])


def test_without_augmentation_the_images_are_the_very_same(images: torch.Tensor) -> None:
    assert augmented(images, Augmentation(normalise=True), 0, 0) is images


def test_the_global_generators_are_left_alone(images: torch.Tensor) -> None:
    before = torch.get_rng_state()

    augmented(images, EVERYTHING, 0, 0)

    assert torch.equal(torch.get_rng_state(), before)


def test_a_crop_is_a_window_of_the_padded_image_and_every_window_comes_up(images: torch.Tensor) -> None:
    result = augmented(images, Augmentation(crop=1), 5, 9)

    seen = set()
    for image, cropped in zip(images, result, strict=True):
        matches = [place for place, window in enumerate(windows(image, 1)) if torch.equal(window, cropped)]
        assert len(matches) == 1
        seen |= set(matches)
    assert seen == set(range(9))


def test_a_flip_exchanges_left_and_right_in_half_of_the_images(images: torch.Tensor) -> None:
    result = augmented(images, Augmentation(flip=True), 5, 9)

    mirrored = [torch.equal(after, before.flip(2)) for before, after in zip(images, result, strict=True)]
    same = [torch.equal(after, before) for before, after in zip(images, result, strict=True)]
    assert sum(mirrored) + sum(same) == 400
    assert 160 < sum(mirrored) < 240  # four standard deviations of a fair coin


def test_cutout_zeroes_a_square_in_all_channels_that_the_border_may_cut(images: torch.Tensor) -> None:
    result = augmented(images, Augmentation(cutout=3), 5, 9)

    sizes = set()
    for before, after in zip(images, result, strict=True):
        gone = after[0] == 0
        assert torch.equal(after[1] == 0, gone)
        assert torch.equal(after[:, ~gone], before[:, ~gone])
        rows, columns = gone.any(dim=1), gone.any(dim=0)
        assert torch.equal(gone, rows[:, None] & columns[None])
        sizes.add((int(rows.sum()), int(columns.sum())))
    assert sizes == {(2, 2), (2, 3), (3, 2), (3, 3)}


@pytest.mark.parametrize(
    ("given", "meaning"),
    [
        ([], Augmentation()),
        (["crop", "flip"], Augmentation(crop=4, flip=True)),
        (({"crop": 2}, {"cutout": 8}, "normalise"), Augmentation(crop=2, cutout=8, normalise=True)),
        (["cutout"], Augmentation(cutout=16)),
    ],
)
def test_the_option_says_what_is_done(given: object, meaning: Augmentation) -> None:
    assert parse(given) == meaning


@pytest.mark.parametrize(
    "given", [["mirror"], [{"crop": 0}], [{"crop": True}], [{"flip": 1}], [{}], [3], [{"crop": 1, "cutout": 1}]]
)
def test_a_wrong_entry_is_named(given: list[object]) -> None:
    with pytest.raises(TaskError, match=r"augment takes crop, cutout, flip, normalise, .* got "):
        parse(given)


@pytest.mark.parametrize(("given", "message"), [("flip", "must be a list"), (["flip", "flip"], "names flip twice")])
def test_a_wrong_list_is_refused(given: object, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        parse(given)


def test_the_schema_names_what_parse_takes() -> None:
    names, sized = SCHEMA["items"]["anyOf"]

    assert tuple(names["enum"]) == NAMES
    assert set(sized["properties"]) == set(SIZED)


def test_normalise_gives_every_channel_mean_0_and_deviation_1_in_training(published_sets) -> None:
    splits = make("cifar10", {"augment": ["normalise"]}).splits(2)

    pixels = splits.train.inputs.double()
    assert pixels.mean(dim=(0, 2, 3)).tolist() == pytest.approx([0, 0, 0], abs=1e-6)
    assert pixels.std(dim=(0, 2, 3), correction=0).tolist() == pytest.approx([1, 1, 1], abs=1e-6)


def test_normalise_scales_test_images_by_the_training_images(published_sets) -> None:
    plain = make("cifar10").splits(2)
    scaled = make("cifar10", {"augment": ["normalise"]}).splits(2)

    # both are the same bytes, shifted per pixel or per channel: differences within a pixel are the bytes' alone
    between = plain.test.inputs[1] - plain.test.inputs[0]
    expected = between / (scaled.test.inputs[1] - scaled.test.inputs[0])
    deviations = expected.nanmedian(dim=2).values.nanmedian(dim=1).values
    assert torch.allclose(scaled.test.inputs[1] - scaled.test.inputs[0], between / deviations[:, None, None], atol=1e-5)
    assert torch.all((deviations > 0.28) & (deviations < 0.30))  # bytes drawn evenly: 1 / sqrt(12)
