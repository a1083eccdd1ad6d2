"""Where a calibration's randomness comes from: chunks of studies, each with its own seed, on every core.

A chunk's numbers depend on the calibration's seed, its check and its place alone, so that the table is the same on one
core or eight.
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

SEED = 1506_01186
CHUNK = 250
"""Studies of one task of a process."""

Tally = Counter[str]


@dataclass(frozen=True)
class Chunk:
    """Some studies of one check. `first`: the place of the first among all of the check's studies."""

    check: str
    first: int
    studies: int

    def rng(self) -> np.random.Generator:
        return np.random.default_rng([SEED, *self.check.encode(), self.first])


def chunks(check: str, studies: int, size: int = CHUNK) -> list[Chunk]:
    """
    >>> [(c.first, c.studies) for c in chunks("null", 600)]
    [(0, 250), (250, 250), (500, 100)]
    """
    return [Chunk(check, k * size, min(size, studies - k * size)) for k in range(math.ceil(studies / size))]


def tally(pool: Executor, count: Callable[[Chunk], Tally], of: Sequence[Chunk]) -> Tally:
    """What the chunks counted, together."""
    found: Tally = Counter()
    for part in pool.map(count, of):
        found.update(part)
    return found


def cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
