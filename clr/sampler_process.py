"""A round by the Gaussian process, in a process of its own: it needs torch, which the service never loads.

The helper (`clr.gaussian_process`) gets one JSON document through its standard input and answers with one.
"""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence

from clr.errors import MissingExtra, SamplerFailed
from clr.protocol import Direction
from clr.spec import Range

HELPER = "clr.gaussian_process"
SECONDS = 120.0
"""A round that takes longer is given up: importing torch takes a few, each point far below one."""


def available() -> bool:
    """Whether torch is installed beside this process; it is not loaded."""
    return importlib.util.find_spec("torch") is not None


def suggest(
    space: Mapping[str, Range],
    points: Sequence[tuple[Mapping[str, float], float]],
    size: int,
    *,
    seed: int,
    direction: Direction,
    seconds: float = SECONDS,
) -> list[dict[str, float | int]]:
    """The next points of a search, given those that were evaluated.

    Raises:
        MissingExtra: torch is not installed.
        SamplerFailed: the helper process died, or took longer than `seconds`.
    """
    if not available():
        raise MissingExtra("torch", "train")
    document = {
        "space": {name: r.model_dump() for name, r in space.items()},
        "points": [[dict(point), value] for point, value in points],
        "size": size,
        "seed": seed,
        "direction": direction,
    }
    command = [sys.executable, "-m", HELPER]
    # One thread: sums in another order would give another point.
    surroundings = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    try:
        done = subprocess.run(
            command,
            check=False,
            input=json.dumps(document),
            capture_output=True,
            text=True,
            timeout=seconds,
            env=surroundings,
        )
    except subprocess.TimeoutExpired:
        raise SamplerFailed("gp", f"its helper process took longer than {seconds:g} s") from None
    if done.returncode:
        last = done.stderr.strip().rpartition("\n")[2][-500:]
        raise SamplerFailed("gp", f"its helper process ended with {done.returncode}: {last}")
    found: list[dict[str, float | int]] = json.loads(done.stdout)
    return found
