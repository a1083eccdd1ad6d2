"""Generated image folders, small published sets in their own file formats, one core."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tasks.published_files import CLASSES, TEST, TRAIN, VALIDATION, write_cifar, write_mnist, write_svhn

from clr.tasks import facts


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("CLR_CACHE_DIR", str(folder))
    monkeypatch.setenv("CLR_DOWNLOAD", "0")
    monkeypatch.delenv("CLR_DATA_DIR", raising=False)
    return folder


def write_images(folder: Path, classes: int, each: int, size: tuple[int, int] = (6, 4)) -> Path:
    """`each` random images of `size` (height, width) per class, every one different, in <folder>/class-<c>/."""
    generator = np.random.default_rng(classes * each)
    for category in range(classes):
        target = folder / f"class-{category}"
        target.mkdir(parents=True)
        for index in range(each):
            pixels = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(target / f"{index:04d}.png")
    return folder


@pytest.fixture
def class_folders(tmp_path: Path) -> Path:
    """Three classes of 40 images, sorted by class, no test folder."""
    return write_images(tmp_path / "images", 3, 40)


@pytest.fixture
def train_and_test(tmp_path: Path) -> Path:
    """train/ with three classes of 20 images, test/ with the same of 5."""
    write_images(tmp_path / "split" / "train", 3, 20)
    write_images(tmp_path / "split" / "test", 3, 5)
    return tmp_path / "split"


@pytest.fixture
def data_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """$CLR_DATA_DIR, empty; the facts of the published sets say the small sizes."""
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("CLR_DATA_DIR", str(folder))
    small = {"train_size": TRAIN, "validation_size": VALIDATION, "test_size": TEST, "classes": CLASSES}
    for name, known in facts.IMAGE_SETS.items():
        monkeypatch.setitem(facts.IMAGE_SETS, name, known.model_copy(update=small))
    return folder


@pytest.fixture
def published_sets(data_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """$CLR_DATA_DIR with all five sets, small."""
    write_mnist(data_folder / "MNIST" / "raw", packed=False)
    write_mnist(data_folder / "fashion-mnist", packed=True)
    write_cifar(data_folder, "CIFAR10", monkeypatch)
    write_cifar(data_folder, "CIFAR100", monkeypatch)
    write_svhn(data_folder, monkeypatch)
    return data_folder
