"""The files of the published image sets: what belongs to a set, whether a folder has it whole, and how it is read.

torchvision knows the addresses and checksums and reads CIFAR and SVHN. The idx files are read here: torchvision takes
no gzipped ones, and does not see that one is cut short.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torchvision
from torchvision.datasets.utils import calculate_md5

from clr.tasks import idx
from clr.tasks.pixels import Pixels


class SetFiles(ABC):
    """One set's files.

    Attributes:
        layouts: where they lie below a data folder, most specific first.
        own_names: whether no other set has files of these names, so that they are known wherever they lie.
        fixed: folders where a system package puts them.
        advice: how to get the set.
    """

    layouts: tuple[str, ...]
    own_names: bool = True
    fixed: tuple[Path, ...] = ()
    advice: str

    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """The files."""

    @abstractmethod
    def faults(self, folder: Path) -> Iterator[str]:
        """What of the set is missing or damaged in a folder that exists."""

    @abstractmethod
    def read(self, folder: Path) -> tuple[Pixels, Pixels]:
        """Training and test images from a folder without faults."""

    @abstractmethod
    def download(self, folder: Path) -> None:
        """Puts the set below a folder, as torchvision does.

        Raises:
            OSError, RuntimeError: it can't be reached, or is not what was expected.
        """


class Idx(SetFiles):
    """MNIST's four files, plain or gzipped. A damaged one shows in its length or, gzipped, in its checksum.

    Args:
        task: the task's name, that of a folder for the files.
        name: of torchvision's class.
        fixed: folders where a system package puts them.
    """

    own_names = False

    def __init__(self, task: str, name: str, fixed: tuple[str, ...] = ()) -> None:
        self._task, self._name, self.fixed = task, name, tuple(map(Path, fixed))
        self.layouts = (f"{name}/raw", ".")

    def names(self) -> tuple[str, ...]:
        return tuple(file.removesuffix(".gz") for file, _ in self._set.resources)

    @property
    def advice(self) -> str:  # type: ignore[override]
        debian = " On Debian and Ubuntu: apt install dataset-fashion-mnist." if self.fixed else ""
        files = ", ".join(file for file, _ in self._set.resources)
        return (
            f"Get {files} from {self._set.mirrors[0]} into a folder {self._task}, "
            f"and set CLR_DATA_DIR to the folder that holds it.{debian}"
        )

    def faults(self, folder: Path) -> Iterator[str]:
        for name in self.names():
            path = self._path(folder, name)
            try:
                idx.read(path)
            except FileNotFoundError:
                yield f"{name}[.gz] is missing"
            except (ValueError, OSError) as error:
                yield f"{path.name} is damaged: {error}"

    def read(self, folder: Path) -> tuple[Pixels, Pixels]:
        images, labels, tests, test_labels = (idx.read(self._path(folder, name)) for name in self.names())
        return _pixels(images[..., None], labels), _pixels(tests[..., None], test_labels)

    def download(self, folder: Path) -> None:
        self._set(str(folder), download=True)

    def _path(self, folder: Path, name: str) -> Path:
        plain = folder / name
        return plain if plain.exists() else folder / f"{name}.gz"

    @property
    def _set(self) -> Any:
        return getattr(torchvision.datasets, self._name)


class Checked(SetFiles):
    """Files whose MD5 torchvision knows; they are opened only where it is right (CIFAR's are pickles)."""

    @abstractmethod
    def sums(self) -> tuple[tuple[str, str], ...]:
        """File and MD5."""

    def names(self) -> tuple[str, ...]:
        return tuple(name for name, _ in self.sums())

    def faults(self, folder: Path) -> Iterator[str]:
        for name, expected in self.sums():
            if not (folder / name).is_file():
                yield f"{name} is missing"
            elif (md5 := calculate_md5(folder / name)) != expected:
                yield f"{name} is damaged: its MD5 is {md5}, expected {expected}"


class Cifar(Checked):
    """CIFAR-10's or CIFAR-100's pickled batches."""

    def __init__(self, name: str) -> None:
        self._set: Any = getattr(torchvision.datasets, name)
        self.layouts = (self._set.base_folder, ".")
        self.advice = f"Get {self._set.url}, unpack it in a folder and set CLR_DATA_DIR to that folder."

    def sums(self) -> tuple[tuple[str, str], ...]:
        meta = self._set.meta
        files = [*self._set.train_list, *self._set.test_list, (meta["filename"], meta["md5"])]
        return tuple((name, md5) for name, md5 in files)

    def read(self, folder: Path) -> tuple[Pixels, Pixels]:
        in_folder = type(self._set.__name__, (self._set,), {"base_folder": "."})
        train, test = (in_folder(str(folder), train=train) for train in (True, False))
        return _pixels(train.data, train.targets), _pixels(test.data, test.targets)

    def download(self, folder: Path) -> None:
        self._set(str(folder), download=True)


class Svhn(Checked):
    """SVHN's cropped digits as MATLAB files."""

    layouts = ("SVHN", ".")

    @property
    def advice(self) -> str:  # type: ignore[override]
        urls = " and ".join(url for url, _, _ in self._parts().values())
        return f"Get {urls} into a folder and set CLR_DATA_DIR to that folder."

    def sums(self) -> tuple[tuple[str, str], ...]:
        return tuple((file, md5) for _, file, md5 in self._parts().values())

    def read(self, folder: Path) -> tuple[Pixels, Pixels]:
        train, test = (torchvision.datasets.SVHN(str(folder), split=part) for part in self._parts())
        # torchvision gives [N, C, H, W], and 0 for the digit 0 that the files call 10
        return (
            _pixels(train.data.transpose(0, 2, 3, 1), train.labels),
            _pixels(test.data.transpose(0, 2, 3, 1), test.labels),
        )

    def download(self, folder: Path) -> None:
        for part in self._parts():
            torchvision.datasets.SVHN(str(folder), split=part, download=True)

    @staticmethod
    def _parts() -> dict[str, tuple[str, str, str]]:
        parts: dict[str, Any] = torchvision.datasets.SVHN.split_list
        return {name: tuple(parts[name]) for name in ("train", "test")}


def _pixels(images: Any, labels: Any) -> Pixels:
    return Pixels.all(np.ascontiguousarray(images), np.asarray(labels, np.int64))
