"""The published sets: their facts, where they are found, and what is said of missing or damaged files."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.datasets as published
from tasks.published_files import random_images, write_cifar, write_idx, write_mnist

from clr.errors import DataNotFound, TaskError
from clr.tasks import built_in_facts, make
from clr.tasks.set_files import Idx

FASHION = Path("/usr/share/datasets/fashion-mnist")


def test_the_facts_are_the_published_sizes_less_a_tenth_for_validation() -> None:
    sizes = {
        facts.name: (facts.train_size + facts.validation_size, facts.test_size, facts.classes, facts.input_shape)
        for facts in built_in_facts()
        if facts.name not in ("digits", "image-folder")
    }

    assert sizes == {
        "mnist": (60_000, 10_000, 10, (1, 28, 28)),
        "fashion-mnist": (60_000, 10_000, 10, (1, 28, 28)),
        "cifar10": (50_000, 10_000, 10, (3, 32, 32)),
        "cifar100": (50_000, 10_000, 100, (3, 32, 32)),
        "svhn": (73_257, 26_032, 10, (3, 32, 32)),
    }


@pytest.mark.parametrize("name", ["mnist", "cifar10", "svhn"])
def test_a_sets_own_test_files_are_the_test_split_in_their_order(published_sets: Path, name: str) -> None:
    splits = make(name).splits(0)

    assert splits.test.targets.tolist() == [i % 3 for i in range(30)]
    # the test images of SVHN are drawn as [32, 32, 3, 30], those of the others image by image
    drawn = {
        "mnist": lambda: random_images((30, 28, 28))[:, None],
        "cifar10": lambda: random_images((30, 3072)).reshape(30, 3, 32, 32),
        "svhn": lambda: random_images((32, 32, 3, 30)).transpose(3, 2, 0, 1),
    }[name]()
    mean = torch.from_numpy(drawn[0].astype(np.float32) / 255) - splits.test.inputs[0]
    assert torch.all((mean > 0.2) & (mean < 0.8))
    second = torch.from_numpy(drawn[1].astype(np.float32) / 255)
    assert torch.allclose(second - splits.test.inputs[1], mean, atol=1e-6)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("layout", ["MNIST/raw", "mnist", "mnist/MNIST/raw"])
def test_mnist_is_found_in_each_layout_plain_or_gzipped(data_folder: Path, layout: str, packed: bool) -> None:
    write_mnist(data_folder / layout, packed=packed)

    assert len(make("mnist").splits(0).train) == 90


def test_files_that_could_be_another_sets_are_not_taken(data_folder: Path) -> None:
    write_mnist(data_folder, packed=True)

    with pytest.raises(DataNotFound, match="mnist was not found"):
        make("mnist").splits(0)


def test_cifar_is_found_where_only_its_files_lie(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_cifar(data_folder, "CIFAR10", monkeypatch)
    monkeypatch.setenv("CLR_DATA_DIR", str(data_folder / "cifar-10-batches-py"))

    assert len(make("cifar10").splits(0).train) == 90


def test_the_cache_is_looked_at_after_the_data_folder(data_folder: Path, cache_folder: Path) -> None:
    write_mnist(cache_folder / "data" / "mnist", packed=True)

    assert len(make("mnist").splits(0).train) == 90


def test_a_missing_set_says_where_it_was_looked_for_what_was_expected_and_how_to_get_it(data_folder: Path) -> None:
    with pytest.raises(DataNotFound) as raised:
        make("cifar10").splits(0)

    message = str(raised.value)
    assert message.startswith("cifar10 was not found. Looked for data_batch_1, data_batch_2")
    assert f"{data_folder}/cifar-10-batches-py (there is no such folder)" in message
    assert f"{data_folder} (none of them)" in message
    assert "CLR_DOWNLOAD=0 forbids a download." in message
    assert message.endswith("cifar-10-python.tar.gz, unpack it in a folder and set CLR_DATA_DIR to that folder.")


def test_fashion_mnist_names_the_package_that_has_it(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(make("fashion-mnist").files, "fixed", (data_folder / "package",))

    with pytest.raises(DataNotFound, match=r"package \(there is no such folder\).*apt install dataset-fashion-mnist"):
        make("fashion-mnist").splits(0)


def test_a_damaged_file_of_cifar_is_named_with_its_checksum_and_never_opened(published_sets: Path) -> None:
    with (published_sets / "cifar-10-batches-py" / "data_batch_3").open("ab") as file:
        file.write(b"!")

    with pytest.raises(DataNotFound, match=r"\(data_batch_3 is damaged: its MD5 is \w{32}, expected \w{32}\)"):
        make("cifar10").splits(0)


def test_a_missing_file_beside_others_is_named(published_sets: Path) -> None:
    (published_sets / "test_32x32.mat").unlink()

    with pytest.raises(DataNotFound, match=r"\(test_32x32.mat is missing\)"):
        make("svhn").splits(0)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-7])


def spoil_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(bytes(content))


def write_text(path: Path) -> None:
    path.write_bytes(b"<html>404</html>")


def pack_text(path: Path) -> None:
    path.write_bytes(gzip.compress(b"<html>404</html>"))


@pytest.mark.parametrize(
    ("packed", "spoil", "fault"),
    [
        (False, cut_short, "it holds 23513 values, its header says 30 x 28 x 28"),
        (False, write_text, "its first bytes are 3c68746d"),
        (True, cut_short, "it can't be unpacked"),
        (True, spoil_a_byte, "it can't be unpacked"),
        (True, pack_text, "its first bytes are 3c68746d"),
    ],
)
def test_a_damaged_idx_file_is_named_with_its_fault(data_folder: Path, packed: bool, spoil, fault: str) -> None:
    write_mnist(data_folder / "mnist", packed=packed)
    (path,) = (data_folder / "mnist").glob("t10k-images*")
    spoil(path)

    with pytest.raises(DataNotFound, match=rf"\({path.name} is damaged: {fault}"):
        make("mnist").splits(0)


def test_a_set_with_other_images_than_its_facts_say_is_refused(data_folder: Path) -> None:
    write_mnist(data_folder / "mnist", packed=False)
    write_idx(data_folder / "mnist" / "t10k-labels-idx1-ubyte", np.full(30, 9, np.uint8), packed=False)

    with pytest.raises(DataNotFound, match=r"the test images in .* with labels 9 to 9, expected .* labels 0 to 2"):
        make("mnist").splits(0)


class FromFolder(Idx):
    """Files that come from a folder instead of the network."""

    def __init__(self, source: Path) -> None:
        super().__init__("mnist", "MNIST")
        self.source, self.downloads = source, 0

    def download(self, folder: Path) -> None:
        self.downloads += 1
        for file in self.source.iterdir():
            (folder / "MNIST" / "raw").mkdir(parents=True, exist_ok=True)
            (folder / "MNIST" / "raw" / file.name).write_bytes(file.read_bytes())


@pytest.fixture
def network(data_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FromFolder:
    write_mnist(tmp_path / "source", packed=True)
    monkeypatch.delenv("CLR_DOWNLOAD")
    files = FromFolder(tmp_path / "source")
    monkeypatch.setattr(type(make("mnist")), "files", files)
    return files


def test_a_set_that_is_nowhere_is_downloaded_once_into_the_data_folder(network: FromFolder, data_folder: Path) -> None:
    assert len(make("mnist").splits(0).train) == 90
    assert len(make("mnist").splits(0).train) == 90

    assert network.downloads == 1
    assert [folder.name for folder in data_folder.iterdir()] == ["mnist"]


def test_a_download_that_fails_says_why_and_leaves_nothing(network: FromFolder, data_folder: Path) -> None:
    network.source = data_folder / "unreachable"

    with pytest.raises(DataNotFound, match=r"The download failed: .*unreachable"):
        make("mnist").splits(0)
    assert list(data_folder.iterdir()) == []


def test_a_damaged_set_of_the_users_is_not_overwritten(network: FromFolder, data_folder: Path) -> None:
    write_mnist(data_folder / "mnist", packed=True)
    (data_folder / "mnist" / "t10k-labels-idx1-ubyte.gz").unlink()

    with pytest.raises(DataNotFound, match=r"not downloaded again while .*mnist exists"):
        make("mnist").splits(0)
    assert network.downloads == 0


def test_torchvisions_own_readers_take_the_layouts_that_are_looked_at_first(published_sets: Path) -> None:
    mnist, cifar = published.MNIST(published_sets), published.CIFAR100(published_sets, train=False)

    assert mnist.targets.tolist() == make("mnist").pixels()[0].labels.tolist()
    assert cifar.targets == make("cifar100").splits(0).test.targets.tolist()


@pytest.mark.parametrize("name", ["mnist", "cifar100"])
def test_a_wrong_augmentation_is_refused_when_the_task_is_made(name: str) -> None:
    with pytest.raises(TaskError, match="augment takes crop, cutout, flip, normalise"):
        make(name, {"augment": ["mirror"]})


@pytest.mark.skipif(not FASHION.is_dir(), reason="needs Debian's package dataset-fashion-mnist")
def test_debians_fashion_mnist_is_read_where_the_package_puts_it() -> None:
    splits = make("fashion-mnist").splits(0)

    assert [len(split) for split in vars(splits).values()] == [54_000, 6_000, 10_000]
    assert splits.test.targets.bincount().tolist() == [1000] * 10
    assert splits.test.targets[:5].tolist() == [9, 2, 1, 1, 6]
