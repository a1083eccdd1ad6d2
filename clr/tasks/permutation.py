"""Random orders that are a pure function of their seeds: every cut and every batch order comes from here."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def permutation(size: int, *entropy: int) -> npt.NDArray[np.int64]:
    """A random order of `size` things, the same for the same `entropy` on every machine.

    Drawn from NumPy's counter-based Philox generator, seeded by `entropy`: no state is kept between calls.

    Args:
        size: number of things, >= 0.
        entropy: integers >= 0, e.g. (seed, epoch).

    Returns:
        int64 array [size], each of 0 ... size - 1 once.
    """
    stream = np.random.Philox(np.random.SeedSequence(entropy))
    return np.random.Generator(stream).permutation(size).astype(np.int64, copy=False)
