"""Checkpoints: one safetensors file each (tensors, and the rest as JSON in its header; no pickle), written atomically.

A file is named <key>/i<iteration>.safetensors, where the key is the slot and the fencing token ("slot-12/f000003"):
a worker that lost its lease never overwrites the next holder's file.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem
from safetensors import SafetensorError
from safetensors.torch import load as parse_tensors
from safetensors.torch import save as tensor_bytes
from torch import Tensor

from clr.errors import CheckpointError
from clr.results import Checkpoint

KEPT = 2
"""Checkpoints kept per slot: the newest may not be reported yet when its worker dies, the one before it is."""

_NAME = re.compile(r"(?:f(\d+)/)?i(\d+)\.safetensors$")


@dataclass(frozen=True)
class Contents:
    """What a checkpoint holds: tensors by name, and values that JSON can say."""

    tensors: Mapping[str, Tensor]
    values: Mapping[str, Any]


class CheckpointStore:
    """Checkpoints in a folder or under an fsspec URL that the workers share.

    Args:
        root: a local folder (made when first written), or a URL such as "s3://bucket/prefix" or "memory://x".
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        self._files, path = fsspec.core.url_to_fs(os.fspath(root))
        self._root = path.rstrip("/")
        self._local = isinstance(self._files, LocalFileSystem)

    def save(self, key: str, iteration: int, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> Checkpoint:
        """Writes a checkpoint; when this returns it is complete on disk. Older ones of the slot are removed.

        Args:
            key: "<slot>/f<fencing token>", or any relative path.
            iteration: updates done [iterations].
            tensors: by name, on any device.
            values: what JSON can say.

        Raises:
            CheckpointError: it could not be written; what was there before is untouched.
        """
        path = f"{key}/i{iteration:06d}.safetensors"
        copies = {name: tensor.detach().to("cpu", copy=True).contiguous() for name, tensor in tensors.items()}
        content = tensor_bytes(copies, metadata={"clr": json.dumps(values)})
        try:
            self._write(self._full(path), content)
            self._prune(key, path)
        except OSError as error:
            raise CheckpointError(f"Checkpoint {path} can't be written under {self._root}: {error}.") from error
        return Checkpoint(iteration, path, hashlib.sha256(content).hexdigest())

    def load(self, checkpoint: Checkpoint) -> Contents:
        """Reads a checkpoint back, on the CPU.

        Raises:
            CheckpointError: it is missing, or not what was written.
        """
        try:
            content: bytes = self._files.cat_file(self._full(checkpoint.path))
        except OSError as error:
            raise CheckpointError(f"Checkpoint {checkpoint.path} can't be read under {self._root}: {error}.") from error
        digest = hashlib.sha256(content).hexdigest()
        if digest != checkpoint.sha256:
            raise CheckpointError(
                f"Checkpoint {checkpoint.path} under {self._root} is damaged: its SHA-256 is {digest}, "
                f"{checkpoint.sha256} was written. Start the trial over."
            )
        try:
            return Contents(parse_tensors(content), _header_values(content))
        except (SafetensorError, ValueError, KeyError) as error:
            raise CheckpointError(f"Checkpoint {checkpoint.path} is not one of ours: {error}.") from error

    def discard(self, slot: str) -> None:
        """Removes every checkpoint of a slot ("slot-12"); nothing happens where there is none."""
        folder = self._full(slot)
        if self._files.exists(folder):
            self._files.rm(folder, recursive=True)

    def _full(self, path: str) -> str:
        if path.startswith("/") or not path or ".." in path.split("/"):
            raise CheckpointError(f"path of a checkpoint must be relative and stay below the root, got {path!r}.")
        return f"{self._root}/{path}"

    def _write(self, path: str, content: bytes) -> None:
        if self._local:
            _write_durably(Path(path), content)
        else:
            self._files.pipe_file(path, content)  # object stores show a file when it is complete

    def _prune(self, key: str, newest: str) -> None:
        """Removes what is older than the newest `KEPT`; never what a later fencing token wrote."""
        slot = self._full(key.rpartition("/")[0] or key)
        ages = {path: age for path in self._files.find(slot) if (age := _age(path))}
        own = _age(newest)
        older = sorted((path for path, age in ages.items() if own and age <= own), key=lambda path: ages[path])
        for path in older[:-KEPT]:
            self._files.rm_file(path)


def _age(path: str) -> tuple[int, int] | None:
    """(fencing token, iteration) of a checkpoint's path; None for another file."""
    found = _NAME.search(path)
    return (int(found[1] or 0), int(found[2])) if found else None


def _write_durably(path: Path, content: bytes) -> None:
    """Temporary file, fsync, rename, fsync of the folder: after a crash the file is whole or absent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _header_values(content: bytes) -> dict[str, Any]:
    """The JSON values in a safetensors header (8 bytes of length, then the header as JSON)."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    values: dict[str, Any] = json.loads(header["__metadata__"]["clr"])
    return values
