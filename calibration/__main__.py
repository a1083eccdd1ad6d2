"""`python -m calibration`: every check, one table, and an exit status of 1 where a promise is missed."""

from __future__ import annotations

import argparse
import importlib.metadata
import multiprocessing
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass

from calibration import (
    comparisons,
    confirm_options,
    figures,
    permutations,
    real_null,
    search_null,
    target_times,
    whole_answers,
)
from calibration.chance import SEED, cores
from calibration.figures import Section

VERSIONS = ("numpy", "scipy", "torch")


@dataclass(frozen=True)
class Sizes:
    """Studies of each check.

    Attributes:
        tables: with a promise. told: without one. times: to a target. curves: that reach one.
        answers: whole ones. final: with final seeds. options: with other options of confirm. permuted: whole ones
            under permutations. searched: whole ones with each sampler.
        trained: on digits, each name with seeds of its own. shared: with the same seeds.
    """

    tables: int = 10_000
    told: int = 4_000
    times: int = 4_000
    curves: int = 1_000
    answers: int = 2_000
    final: int = 2_000
    options: int = 1_000
    permuted: int = 200
    searched: int = 20
    trained: int = 200
    shared: int = 10


def sections(pool: Executor, sizes: Sizes) -> Iterator[Section]:
    """Every check, in the order of the table; the costly one is last."""
    checks: tuple[Callable[[], Section | list[Section]], ...] = (
        lambda: comparisons.null(pool, sizes.tables),
        lambda: comparisons.power(pool, sizes.tables),
        lambda: whole_answers.null(pool, sizes.answers),
        lambda: whole_answers.final_seeds(pool, sizes.final),
        lambda: whole_answers.looks(pool, sizes.answers),
        lambda: whole_answers.replicates(pool, sizes.answers),
        lambda: confirm_options.finalists(pool, sizes.options),
        lambda: confirm_options.extensions(pool, sizes.options),
        lambda: confirm_options.lengths(pool, sizes.options),
        lambda: permutations.permutations(pool, sizes.permuted),
        lambda: search_null.search_null(pool, sizes.searched),
        lambda: target_times.target_times(pool, sizes.times),
        lambda: target_times.whole_path(pool, sizes.curves),
        lambda: confirm_options.targets(pool, sizes.curves),
        lambda: comparisons.told(pool, sizes.told),
        lambda: whole_answers.diverging(pool, sizes.answers),
        lambda: real_null.real_null(pool, sizes.trained, sizes.shared),
    )
    for check in checks:
        started = time.monotonic()
        made = check()
        yield from [made] if isinstance(made, Section) else made
        name = made.heading if isinstance(made, Section) else f"{made[0].heading}, and so on"
        sys.stderr.write(f"{time.monotonic() - started:5.0f} s  {name}\n")


def main() -> int:
    asked = _arguments()
    # One thread a process: the pool has the cores, and torch's figures depend on its threads.
    os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    started = time.monotonic()
    with ProcessPoolExecutor(asked.processes, multiprocessing.get_context("spawn")) as pool:
        _say(f"{_where()}, {asked.processes} processes\n\n{figures.HEADER}")
        found = []
        for section in sections(pool, Sizes()):
            _say(figures.markdown(section))
            found.append(section)
    missed = figures.missed(found)
    _say("\n" + ("\n".join(f"MISSED {line}" for line in missed) or "Every promise was held."))
    _say(f"{time.monotonic() - started:.0f} s")
    return 1 if missed else 0


def _say(text: str) -> None:
    """A table that takes minutes is printed as it grows."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m calibration", description=__doc__)
    parser.add_argument("--processes", type=int, default=cores(), help="changes the time, not the figures")
    return parser.parse_args()


def _where() -> str:
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in VERSIONS)
    day = time.strftime("%d %B %Y", time.gmtime())
    return f"{day}, seed {SEED}, Python {platform.python_version()}, {versions}, {platform.machine()}"


if __name__ == "__main__":
    sys.exit(main())
