"""Small sets in the published sets' own file formats, of random images."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import struct
from pathlib import Path

import numpy as np
import pytest
import scipy.io
import torchvision.datasets as published

TRAIN, VALIDATION, TEST, CLASSES = 90, 10, 30, 3
"""Sizes of the small sets: those of the files, and so the facts', are all that is small about them."""


def random_images(shape: tuple[int, ...]) -> np.ndarray:
    return np.random.default_rng(len(shape) + shape[0]).integers(0, 256, shape, dtype=np.uint8)


def write_idx(path: Path, array: np.ndarray, *, packed: bool) -> None:
    content = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape) + array.tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    if packed:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))
    else:
        path.write_bytes(content)


def write_mnist(folder: Path, *, packed: bool) -> None:
    """MNIST's four idx files."""
    for part, count in (("train", TRAIN + VALIDATION), ("t10k", TEST)):
        write_idx(folder / f"{part}-images-idx3-ubyte", random_images((count, 28, 28)), packed=packed)
        write_idx(folder / f"{part}-labels-idx1-ubyte", np.arange(count, dtype=np.uint8) % CLASSES, packed=packed)


def write_pickle(path: Path, content: object) -> str:
    """Writes the file and returns its MD5."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(content, protocol=2))
    return hashlib.md5(path.read_bytes()).hexdigest()


def write_cifar(folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """CIFAR's pickles; torchvision is told their checksums."""
    kind = getattr(published, name)
    labels_key = "labels" if name == "CIFAR10" else "fine_labels"
    sums = {}
    for files, count in ((kind.train_list, TRAIN + VALIDATION), (kind.test_list, TEST)):
        images, labels = random_images((count, 3072)), [i % CLASSES for i in range(count)]
        size = count // len(files)
        for number, (file, _) in enumerate(files):
            rows = slice(number * size, (number + 1) * size)
            content = {"data": images[rows], labels_key: labels[rows]}
            sums[file] = write_pickle(folder / kind.base_folder / file, content)
    meta = kind.meta["filename"]
    sums[meta] = write_pickle(folder / kind.base_folder / meta, {kind.meta["key"]: list("abc")})
    monkeypatch.setattr(kind, "train_list", [[file, sums[file]] for file, _ in kind.train_list])
    monkeypatch.setattr(kind, "test_list", [[file, sums[file]] for file, _ in kind.test_list])
    monkeypatch.setattr(kind, "meta", {**kind.meta, "md5": sums[meta]})


def write_svhn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SVHN's MATLAB files, in which 10 stands for the digit 0; torchvision is told their checksums."""
    parts = dict(published.SVHN.split_list)
    for part, count in (("train", TRAIN + VALIDATION), ("test", TEST)):
        url, file, _ = parts[part]
        labels = np.arange(count) % CLASSES
        content = {"X": random_images((32, 32, 3, count)), "y": np.where(labels == 0, 10, labels)[:, None]}
        scipy.io.savemat(folder / file, content, do_compression=True)
        parts[part] = [url, file, hashlib.md5((folder / file).read_bytes()).hexdigest()]
    monkeypatch.setattr(published.SVHN, "split_list", parts)
