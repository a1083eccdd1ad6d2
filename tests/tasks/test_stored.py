"""Data larger than memory gives the very batches that the same data in memory gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from clr.errors import TaskError
from clr.tasks import make
from clr.tasks.base import Examples, Split
from clr.tasks.pixels import Pixels, resident_limit, scaling_of
from clr.tasks.stored import AHEAD, StoredExamples


@pytest.fixture(params=[[], ["normalise"]], ids=["mean image", "normalise"])
def both(request, class_folders, monkeypatch) -> tuple[Split, Split]:
    """The same training split, on disk and in memory."""
    task = make("image-folder", {"path": str(class_folders), "augment": request.param})
    resident = task.splits(4).train
    monkeypatch.setenv("CLR_RESIDENT_BYTES", "0")
    return task.splits(4).train, resident


def equal(first: Examples, second: Examples) -> bool:
    return torch.equal(first.inputs, second.inputs) and torch.equal(first.targets, second.targets)


def test_data_above_the_limit_stays_on_disk(both) -> None:
    stored, resident = both

    assert isinstance(stored, StoredExamples) and isinstance(resident, Examples)
    assert len(stored) == len(resident) == 90
    assert torch.equal(stored.targets, resident.targets)


def test_any_batch_has_the_same_bits_from_disk_as_from_memory(both) -> None:
    stored, resident = both
    indices = torch.tensor([3, 89, 0, 3])

    assert equal(stored.take(indices), resident.take(indices))


def test_reading_ahead_keeps_the_order(both) -> None:
    stored, resident = both
    orders = list(torch.randperm(90, generator=torch.Generator().manual_seed(1)).split(2))
    assert len(orders) > 2 * AHEAD

    batches = list(stored.read(iter(orders)))

    assert len(batches) == len(orders)
    assert all(equal(*pair) for pair in zip(batches, resident.read(orders), strict=True))


def test_reading_stops_where_the_reader_stops(both) -> None:
    stored, _ = both
    asked = []

    def orders():
        for index in range(90):
            asked.append(index)
            yield torch.tensor([index])

    reading = stored.read(orders())
    for _ in range(3):
        next(reading)
    reading.close()

    assert asked == list(range(3 + AHEAD))


def test_a_subset_reads_its_own_examples(both) -> None:
    stored, resident = both
    chosen = torch.tensor([8, 2, 40])

    assert equal(stored.subset(chosen).take(torch.tensor([2, 0])), resident.take(torch.tensor([40, 8])))


def test_an_evaluation_from_disk_gives_the_same_bits(class_folders, monkeypatch) -> None:
    task = make("image-folder", {"path": str(class_folders)})
    model, resident = task.model("mlp", {}, 0), task.splits(1).test

    monkeypatch.setenv("CLR_RESIDENT_BYTES", "0")

    assert task.evaluate(model, task.splits(1).test) == task.evaluate(model, resident)


def test_the_mean_is_read_in_parts_and_exact(monkeypatch) -> None:
    images = np.random.default_rng(0).integers(0, 256, (50, 5, 4, 3), dtype=np.uint8)
    train = Pixels(images, np.zeros(50, np.int64), np.arange(49, 9, -1))

    monkeypatch.setattr("clr.tasks.pixels._CHUNK_BYTES", 7 * 60)
    scaling = scaling_of(train, normalise=True)

    assert scaling.mean.tolist() == pytest.approx(images[10:].mean(axis=(0, 1, 2)), rel=1e-13)
    assert scaling.deviation.tolist() == pytest.approx(images[10:].std(axis=(0, 1, 2)) / 255, rel=1e-13)


def test_a_limit_that_is_no_number_is_refused(monkeypatch) -> None:
    monkeypatch.setenv("CLR_RESIDENT_BYTES", "8G")

    with pytest.raises(TaskError, match="CLR_RESIDENT_BYTES must be a whole number of bytes, got '8G'"):
        resident_limit(torch.device("cpu"))


def test_without_a_limit_half_of_the_free_memory_may_be_taken(monkeypatch) -> None:
    monkeypatch.delenv("CLR_RESIDENT_BYTES", raising=False)

    assert 2**26 < resident_limit(torch.device("cpu")) < 2**50
