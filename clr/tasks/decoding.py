"""Image files to one memory-mapped file of bytes, made once: whatever the files are, and what was done to them."""

from __future__ import annotations

import collections
import contextlib
import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

from clr.errors import TaskError
from clr.tasks.stored import READERS

MAX_SIDE = 224
"""Where images differ in size and none was asked for, no side is made longer than this [pixels]."""

MAX_BROKEN = 0.1
"""Share of files that may be broken before the folder as a whole is refused."""

_FORMAT = 2
"""Changed whenever the same files would give other bytes."""

_SLAB = 1024
_ORIENTATION = 0x0112
_SIDEWAYS = frozenset({5, 6, 7, 8})

Bytes = npt.NDArray[np.uint8]
Size = tuple[int, int]


@dataclass(frozen=True)
class Decoded:
    """Every file as one row of RGB bytes.

    Attributes:
        images: [files, height, width, 3], memory-mapped; zeros where a file is broken.
        broken: row of each file that could not be decoded, and why.
        changed: what was done, by kind -> number of files.
    """

    images: Bytes
    broken: Mapping[int, str]
    changed: Mapping[str, int]


class _Row(NamedTuple):
    pixels: Bytes | None
    kinds: tuple[str, ...] = ()
    fault: str = ""


def decoded(files: Sequence[Path], size: Size | None) -> Decoded:
    """The images as RGB, from the cache where these files were decoded before.

    Gray becomes three equal channels, 16 bits become 8, transparency is laid on white, palettes and other colour spaces
    become RGB, photographs are turned as their camera says. An image of another size is scaled, and its longer side cut
    at both ends where the shapes differ. Broken files are left out and counted.

    Args:
        size: (height, width) [pixels]; None takes the images' own, or where they differ the median height and width,
            at most `MAX_SIDE` each.

    Raises:
        TaskError: more than a tenth of the files are broken, or the cache can't be written.
    """
    path = cache_folder() / f"images-{_key(files, size)}.npy"
    report = path.with_suffix(".json")
    if not path.exists():
        _store(path, report, files, size or _common_size(files))
    found = json.loads(report.read_text())
    broken = {int(row): fault for row, fault in found["broken"].items()}
    if len(broken) > MAX_BROKEN * len(files):
        first = min(broken)
        raise TaskError(
            f"image-folder: {len(broken)} of {len(files)} files can't be decoded, the first is {files[first]}: "
            f"{broken[first]}. Mend or remove them."
        )
    return Decoded(np.load(path, mmap_mode="r"), broken, found["changed"])


def cache_folder() -> Path:
    """$CLR_CACHE_DIR, or ~/.cache/clr."""
    return Path(os.environ.get("CLR_CACHE_DIR") or "~/.cache/clr").expanduser()


def _key(files: Sequence[Path], size: Size | None) -> str:
    digest = hashlib.sha256(repr((_FORMAT, size)).encode())
    for file in files:
        stat = file.stat()
        digest.update(f"{file}\0{stat.st_mtime_ns}\0{stat.st_size}\n".encode())
    return digest.hexdigest()[:32]


def _store(path: Path, report: Path, files: Sequence[Path], size: Size) -> None:
    """Writes report and images, each whole or not at all, the images last; two workers at once write the same."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        content = _write(temporary, files, size)
        written = temporary.with_name(f"{temporary.name}.json")
        written.write_text(json.dumps(content))
        written.replace(report)
        temporary.replace(path)
    except OSError as error:
        raise TaskError(
            f"image-folder: the decoded images can't be written to {path.parent}: {error}. They take "
            f"{len(files) * size[0] * size[1] * 3:,} bytes; set CLR_CACHE_DIR to a folder with room."
        ) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _write(path: Path, files: Sequence[Path], size: Size) -> dict[str, dict[str, str] | dict[str, int]]:
    images = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=(len(files), *size, 3))
    with path.open("r+b") as file:  # a full disk is an error here; in a memory-mapped page it kills the process
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    broken: dict[str, str] = {}
    changed: collections.Counter[str] = collections.Counter()
    with ThreadPoolExecutor(READERS) as pool:
        for start in range(0, len(files), _SLAB):
            rows = pool.map(lambda file: _decode(file, size), files[start : start + _SLAB])
            for number, row in enumerate(rows, start):
                if row.pixels is None:
                    broken[str(number)] = row.fault
                    continue
                images[number] = row.pixels
                changed.update(row.kinds)
    images.flush()
    return {"broken": broken, "changed": dict(changed)}


def _decode(file: Path, size: Size) -> _Row:
    try:
        with Image.open(file) as opened:
            opened.load()
            image = ImageOps.exif_transpose(opened)
            pixels, kinds = _rgb(image)
    except Exception as error:  # Pillow's readers raise OSError, SyntaxError, ValueError, struct.error and others
        return _Row(None, fault=f"{type(error).__name__}: {' '.join(str(error).split())}"[:200])
    if pixels.size != (size[1], size[0]):
        pixels = ImageOps.fit(pixels, (size[1], size[0]), Image.Resampling.BILINEAR)
        kinds = (*kinds, "scaled")
    return _Row(np.asarray(pixels), kinds)


def _rgb(image: Image.Image) -> tuple[Image.Image, tuple[str, ...]]:
    """The image as RGB, and what had to be done for it."""
    kinds = []
    if image.mode.startswith("I"):
        kinds.append("of 16 bits")
        values = np.asarray(image).astype(np.int64)
        image = Image.fromarray((values // 257 if values.max() > 255 else values).clip(0, 255).astype(np.uint8))
    elif image.mode in ("1", "L", "LA", "La", "F"):
        kinds.append("gray")
    elif image.mode == "P":
        kinds.append("with a palette")
    elif image.mode not in ("RGB", "RGBA"):
        kinds.append("in another colour space")
    if image.has_transparency_data:
        kinds.append("with transparency")
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return image.convert("RGB"), tuple(kinds)


def _common_size(files: Sequence[Path]) -> Size:
    """The size of all images, or where they differ the median height and width, at most `MAX_SIDE` each."""
    with ThreadPoolExecutor(READERS) as pool:
        sizes = [size for size in pool.map(_size, files) if size is not None]
    if not sizes:
        raise TaskError(f"image-folder: none of {len(files)} files is an image, the first is {files[0]}.")
    if len(set(sizes)) == 1:
        return sizes[0]
    height, width = (min(MAX_SIDE, max(1, int(side))) for side in np.median(sizes, axis=0))
    return height, width


def _size(file: Path) -> Size | None:
    """(height, width) from a file's header; None where it has none."""
    try:
        with Image.open(file) as opened:
            width, height = opened.size
            sideways = opened.getexif().get(_ORIENTATION) in _SIDEWAYS
    except Exception:  # as in _decode, which counts it
        return None
    return (width, height) if sideways else (height, width)
