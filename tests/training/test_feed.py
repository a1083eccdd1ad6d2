"""Batches from disk and from memory, augmented or not: the same run, to the last bit, also over a resume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from clr.protocol import TaskFacts, TrainingOptions
from clr.results import Evaluated, Finished, Saved
from clr.tasks.facts import IMAGE_FOLDER
from clr.tasks.images import ImageTask
from clr.tasks.pixels import Pixels
from clr.tasks.stored import StoredExamples
from clr.training.batches import indices
from clr.training.feed import Feed
from clr.training.loop import train
from clr.training.trial import LiveTrial

EVERYTHING = ("crop", "flip", {"cutout": 5}, "normalise")


@dataclass(frozen=True)
class Bytes(ImageTask):
    """Sixty random 12 x 12 RGB images as bytes, the class in their brightness; its one model drops inputs."""

    augment: Sequence[object] = ()

    def facts(self) -> TaskFacts:
        sizes = {"train_size": 36, "validation_size": 4, "test_size": 20, "input_shape": (3, 12, 12), "classes": 3}
        return IMAGE_FOLDER.model_copy(update={**sizes, "name": "bytes"})

    def pixels(self) -> tuple[Pixels, Pixels]:
        labels = np.arange(60) % 3
        images = np.random.default_rng(0).integers(0, 100, (60, 12, 12, 3)) + 70 * labels[:, None, None, None]
        everything = Pixels.all(images.astype(np.uint8), labels.astype(np.int64))
        return everything.only(np.arange(40)), everything.only(np.arange(40, 60))

    def model(self, name: str, options: Mapping[str, Any], seed: int) -> torch.nn.Module:
        return torch.nn.Sequential(torch.nn.Dropout(0.2), super().model(name, options, seed))


@pytest.fixture
def on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CLR_RESIDENT_BYTES", "0")


@pytest.fixture
def trial(config):
    return config(model="resnet20", batch_size=8, iterations=12, evaluate_every=4, lr=0.05, test=True)


@pytest.mark.parametrize("augment", [(), EVERYTHING], ids=["plain", "augmented"])
def test_a_run_from_disk_equals_the_run_from_memory(trial, augment, monkeypatch) -> None:
    from_memory = list(train(trial, task=Bytes(augment)))

    monkeypatch.setenv("CLR_RESIDENT_BYTES", "0")

    assert isinstance(Bytes(augment).splits(0).train, StoredExamples)
    assert list(train(trial, task=Bytes(augment))) == from_memory
    assert isinstance(from_memory[-1], Finished)


@pytest.mark.parametrize("limit", ["0", "1000000000"], ids=["on disk", "in memory"])
def test_an_augmented_run_with_every_option_is_resumed_bit_equal(trial, store, limit, monkeypatch) -> None:
    monkeypatch.setenv("CLR_RESIDENT_BYTES", limit)
    options = TrainingOptions(clip_norm=1.0, accumulate=2, label_smoothing=0.1, precision="bf16")
    trial, task = trial.model_copy(update={"training": options}), Bytes(EVERYTHING)
    unbroken = list(train(trial, task=task, checkpoints=store, checkpoint_key="slot-1/f000001", checkpoint_seconds=0))
    first, second = (event.checkpoint for event in unbroken if isinstance(event, Saved))

    resumed = list(
        train(trial, task=task, checkpoints=store, checkpoint_key="slot-1/f000002", checkpoint_seconds=0, resume=first)
    )

    assert [type(event) for event in resumed] == [Evaluated, Saved, Evaluated, Finished]
    assert resumed[1].checkpoint.sha256 == second.sha256
    assert resumed[2:] == unbroken[-2:]


def test_the_model_sees_the_batch_of_the_iteration_augmented_by_seed_and_iteration(trial) -> None:
    task, seen = Bytes(EVERYTHING), []
    live = LiveTrial(trial, task, "cpu")
    live.model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].clone()))

    live.updates()(7)

    plain = task.splits(trial.split_seed).train.inputs[indices(36, 8, trial.seed, 7)]
    assert torch.equal(seen[0], task.augmented(plain, trial.seed, 7))
    assert not torch.equal(seen[0], plain)


def test_evaluations_see_images_as_they_are(trial) -> None:
    task, seen = Bytes(EVERYTHING), []
    live = LiveTrial(trial, task, "cpu")
    live.model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].clone()))

    live.evaluate()

    assert torch.equal(seen[0], task.splits(trial.split_seed).validation.inputs)


def test_a_feed_goes_on_from_wherever_it_is_asked(on_disk) -> None:
    stored = Bytes().splits(2).train
    feed = Feed(stored, 8, 3, 12)

    for iteration in (0, 1, 2, 9, 10, 4, 5, 11):
        batch, expected = feed(iteration), stored.take(indices(36, 8, 3, iteration))
        assert torch.equal(batch.inputs, expected.inputs)
        assert torch.equal(batch.targets, expected.targets)


def test_a_range_test_from_disk_validates_on_the_same_examples(trial, on_disk, monkeypatch) -> None:
    ramp = trial.model_copy(update={"phase": "range-test", "test": False})
    monkeypatch.setattr("clr.training.range_test.VALIDATION_IMAGES", 3)
    stored = list(train(ramp, task=Bytes()))

    monkeypatch.setenv("CLR_RESIDENT_BYTES", "1000000000")

    assert list(train(ramp, task=Bytes())) == stored
