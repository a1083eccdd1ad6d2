"""Checkpoints come back as they were, or say that they can't."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from clr.errors import CheckpointError
from clr.results import Checkpoint
from clr.training.checkpoint import CheckpointStore

TENSORS = {
    "weights": torch.linspace(-1, 1, 12).reshape(3, 4).T,
    "step": torch.tensor(7.0),
    "random": torch.arange(5, dtype=torch.uint8),
    "count": torch.tensor(2**40),
}
VALUES = {"iteration": 12, "loss": 0.1 + 0.2, "values": [0.5], "nothing": None}


def files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


@pytest.fixture(params=["folder", "memory"])
def any_store(request: pytest.FixtureRequest, tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path / "new" if request.param == "folder" else f"memory://{tmp_path.name}")


def test_what_was_saved_is_loaded_bit_for_bit(any_store: CheckpointStore) -> None:
    loaded = any_store.load(any_store.save("slot-1/f000001", 12, TENSORS, VALUES))

    assert loaded.values == VALUES
    assert loaded.tensors.keys() == TENSORS.keys()
    for name, tensor in TENSORS.items():
        assert torch.equal(loaded.tensors[name], tensor)
        assert loaded.tensors[name].dtype == tensor.dtype


def test_tensors_that_share_memory_are_saved_each(any_store: CheckpointStore) -> None:
    weights = torch.arange(4.0)

    loaded = any_store.load(any_store.save("slot-1/f000001", 1, {"a": weights, "b": weights, "c": weights[1:]}, {}))

    assert loaded.tensors["c"].tolist() == [1, 2, 3]


def test_the_path_holds_slot_fence_and_iteration(store: CheckpointStore) -> None:
    assert store.save("slot-12/f000003", 120, TENSORS, {}).path == "slot-12/f000003/i000120.safetensors"


def test_the_newest_two_of_a_slot_are_kept(store: CheckpointStore, tmp_path: Path) -> None:
    for fence, iteration in ((1, 10), (1, 20), (2, 15), (2, 999_999), (2, 1_000_000)):
        store.save(f"slot-1/f{fence:06d}", iteration, TENSORS, {})
    store.save("slot-2/f000001", 5, TENSORS, {})

    assert files(tmp_path / "checkpoints") == [
        "slot-1/f000002/i1000000.safetensors",
        "slot-1/f000002/i999999.safetensors",
        "slot-2/f000001/i000005.safetensors",
    ]


def test_a_holder_that_lost_its_lease_removes_nothing_of_the_next_ones(store: CheckpointStore) -> None:
    later = [store.save("slot-1/f000002", iteration, TENSORS, {"i": iteration}) for iteration in (10, 20)]

    late = [store.save("slot-1/f000001", iteration, TENSORS, {"i": iteration}) for iteration in (30, 40, 50)]

    assert [store.load(checkpoint).values["i"] for checkpoint in [*later, late[-1]]] == [10, 20, 50]


def test_saving_leaves_no_temporary_file(store: CheckpointStore, tmp_path: Path) -> None:
    store.save("slot-1/f000001", 1, TENSORS, {})

    assert files(tmp_path / "checkpoints") == ["slot-1/f000001/i000001.safetensors"]


def test_discarding_removes_the_slots_checkpoints_alone(any_store: CheckpointStore) -> None:
    gone = any_store.save("slot-1/f000001", 1, TENSORS, {})
    stays = any_store.save("slot-11/f000001", 1, TENSORS, {})

    any_store.discard("slot-1")
    any_store.discard("slot-1")

    assert any_store.load(stays).values == {}
    with pytest.raises(CheckpointError):
        any_store.load(gone)


def test_a_missing_checkpoint_is_named(any_store: CheckpointStore) -> None:
    with pytest.raises(CheckpointError, match=r"slot-1/f000001/i000001\.safetensors can't be read under"):
        any_store.load(Checkpoint(1, "slot-1/f000001/i000001.safetensors", "0" * 64))


def test_a_flipped_bit_is_noticed(store: CheckpointStore, tmp_path: Path) -> None:
    checkpoint = store.save("slot-1/f000001", 1, TENSORS, VALUES)
    file = tmp_path / "checkpoints" / checkpoint.path
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)

    with pytest.raises(CheckpointError, match="is damaged"):
        store.load(checkpoint)


def test_a_truncated_file_is_noticed(store: CheckpointStore, tmp_path: Path) -> None:
    checkpoint = store.save("slot-1/f000001", 1, TENSORS, VALUES)
    file = tmp_path / "checkpoints" / checkpoint.path
    file.write_bytes(file.read_bytes()[:100])

    with pytest.raises(CheckpointError, match="is damaged"):
        store.load(checkpoint)


@pytest.mark.parametrize("path", ["../elsewhere.safetensors", "/etc/passwd", "slot-1/../../x", ""])
def test_a_path_outside_the_root_is_refused(store: CheckpointStore, path: str) -> None:
    with pytest.raises(CheckpointError, match="must be relative and stay below the root"):
        store.load(Checkpoint(1, path, "0" * 64))


def test_a_store_that_cant_be_written_says_so_and_keeps_what_was_there(store: CheckpointStore, tmp_path: Path) -> None:
    checkpoint = store.save("slot-1/f000001", 1, TENSORS, VALUES)
    (tmp_path / "checkpoints" / "slot-2").write_text("a file where a folder should be")

    with pytest.raises(CheckpointError, match="can't be written"):
        store.save("slot-2/f000001", 1, TENSORS, VALUES)

    assert store.load(checkpoint).values == VALUES


def test_a_foreign_safetensors_file_is_refused(store: CheckpointStore, tmp_path: Path) -> None:
    import hashlib

    from safetensors.torch import save

    content = save({"x": torch.zeros(1)})
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / "x.safetensors").write_bytes(content)

    with pytest.raises(CheckpointError, match="is not one of ours"):
        store.load(dataclasses.replace(Checkpoint(1, "x.safetensors", ""), sha256=hashlib.sha256(content).hexdigest()))
