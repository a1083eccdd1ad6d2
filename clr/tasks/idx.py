"""The idx format of MNIST and its kin, plain or gzipped."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

_UNSIGNED_BYTES = 0x08


def read(path: Path) -> npt.NDArray[np.uint8]:
    """The array of unsigned bytes in an idx file.

    The file: two zero bytes, 8 for unsigned bytes, the number of dimensions; each dimension's length as a big-endian
    32-bit integer; then the values.

    Raises:
        ValueError: the file is damaged; the message says how.
        OSError: it can't be read.

    Source: LeCun et al., The MNIST database, file formats.
    """
    content = _content(path)
    if len(content) < 4 or content[:3] != bytes([0, 0, _UNSIGNED_BYTES]):
        raise ValueError(f"its first bytes are {content[:4].hex()}, not those of an idx file of bytes")
    dimensions, start = content[3], 4 + 4 * content[3]
    if len(content) < start:
        raise ValueError(f"it ends within its header, after {len(content)} bytes")
    shape = struct.unpack(f">{dimensions}I", content[4:start])
    if len(content) - start != math.prod(shape):
        raise ValueError(f"it holds {len(content) - start} values, its header says {' x '.join(map(str, shape))}")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _content(path: Path) -> bytes:
    if path.suffix != ".gz":
        return path.read_bytes()
    try:
        with gzip.open(path) as file:
            return file.read()
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"it can't be unpacked: {error}") from error
