"""What a schedule costs: a step inside torch, a row of a precomputed table, and the import.

Usage: python benchmarks/schedule_speed.py

Prints ScheduleLR's step(), alone and with its hook on the optimizer, against CyclicLR's; the cost of a row of `rates`
per family; and the time of `import clr.schedules` beyond NumPy's. Best of several repeats, one thread. Exits with 1
where step() with its hook does not cost at least 5 times less than CyclicLR's.
"""

import platform
import subprocess
import sys
import timeit
from typing import Any

import torch
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import CyclicLR

from clr import schedules
from clr.lr_scheduler import ScheduleLR
from clr.schedules import Cosine, Fixed, Schedule, Triangular2

STEPS, TURNS, ROWS = 4_000, 100, 100_000
ENOUGH = 5.0
TRIANGULAR2 = Triangular2(base_lr=0.001, max_lr=0.006, step_size=2000)
DOCUMENTS: list[dict[str, Any]] = [
    {"family": "fixed", "lr": 0.1},
    {"family": "step", "lr": 0.1, "gamma": 0.5, "step_size": 3000},
    {"family": "multi_step", "lr": 0.1, "gamma": 0.5, "milestones": [60_000, 80_000]},
    {"family": "exponential", "lr": 0.1, "gamma": 0.9999},
    {"family": "inverse", "lr": 0.1, "gamma": 1e-4, "power": 0.75},
    {"family": "linear", "lr": 0.1, "end_lr": 0.0, "iterations": ROWS},
    {"family": "polynomial", "lr": 0.1, "end_lr": 0.0, "power": 2.0, "iterations": ROWS},
    {"family": "decay", "base_lr": 0.1, "max_lr": 0.7, "step_size": 40_000},
    {"family": "cosine", "lr": 0.1, "end_lr": 0.0, "iterations": ROWS},
    {"family": "cosine_restarts", "lr": 0.1, "end_lr": 0.0, "period": 1000, "period_multiplier": 2},
    {"family": "triangular", "base_lr": 0.1, "max_lr": 0.4, "step_size": 2000},
    {"family": "triangular2", "base_lr": 0.1, "max_lr": 0.4, "step_size": 2000},
    {"family": "exp_range", "base_lr": 0.1, "max_lr": 0.4, "step_size": 2000, "gamma": 0.9999},
    {"family": "custom", "base_lr": 0.1, "max_lr": 0.4, "step_size": 2000, "scale_fn": "inverse"},
    {"family": "one_cycle", "max_lr": 0.4, "iterations": ROWS},
    {"family": "warmup_stable_decay", "lr": 0.1, "end_lr": 0, "warmup": 1000, "decay": 20_000, "iterations": ROWS},
    {"family": "warmup", "schedule": Cosine(lr=0.1, end_lr=0.0, iterations=ROWS).to_dict(), "iterations": 1000},
    {"family": "piecewise", "schedules": [Fixed(0.1).to_dict(), TRIANGULAR2.to_dict()], "milestones": [50_000]},
]


def an_optimizer() -> Optimizer:
    return SGD([torch.zeros(1, requires_grad=True)], lr=0.1)


def torchs_step() -> timeit.Timer:
    """What an update costs with torch's own schedule."""
    optimizer = an_optimizer()
    scheduler = CyclicLR(optimizer, 0.001, 0.006, 2000, mode="triangular2", cycle_momentum=False)
    optimizer.step()
    return timeit.Timer("step()", globals={"step": scheduler.step})


def our_step() -> tuple[timeit.Timer, timeit.Timer]:
    """What an update costs with ours: the hook on optimizer.step() and step(), and the hook alone."""
    optimizer = an_optimizer()
    scheduler = ScheduleLR(optimizer, TRIANGULAR2)
    (hook,) = optimizer._optimizer_step_post_hooks.values()
    names = {"step": scheduler.step, "hook": hook, "optimizer": optimizer}
    whole = timeit.Timer("hook(optimizer, (), {}); step()", globals=names)
    return whole, timeit.Timer("hook(optimizer, (), {})", globals=names)


def steps() -> tuple[float, float, float]:
    """Seconds per update of CyclicLR's step(), of ScheduleLR's with its hook, and of the hook alone.

    The three take turns, so that a machine that is busy for a while slows all of them; the least of many turns counts.
    """
    timers = (torchs_step(), *our_step())
    turns = [[timer.timeit(STEPS) / STEPS for timer in timers] for _ in range(TURNS)]
    theirs, whole, hook = map(min, zip(*turns, strict=True))
    return theirs, whole, hook


def row(schedule: Schedule) -> float:
    """Seconds of one row of a precomputed table."""
    return min(timeit.repeat(lambda: schedule.rates(ROWS), number=1, repeat=7)) / ROWS


def imported(statement: str) -> float:
    """Seconds of an import in a new interpreter."""
    script = f"import time; start = time.perf_counter(); {statement}; print(time.perf_counter() - start)"
    runs = [subprocess.run([sys.executable, "-c", script], check=True, capture_output=True) for _ in range(7)]
    return min(float(run.stdout) for run in runs)


def main() -> None:
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, Python {platform.python_version()}, {platform.machine()}")
    theirs, whole, hook = steps()
    ours = {"alone": whole - hook, "with its hook on the optimizer": whole}
    print(f"step(): CyclicLR {theirs * 1e6:.2f} us")
    for what, seconds in ours.items():
        print(f"step(): ScheduleLR {what} {seconds * 1e6:.2f} us, {theirs / seconds:.1f} times less")
    for document in DOCUMENTS:
        print(f"rates(): {document['family']:<20} {row(schedules.from_dict(document)) * 1e6:.3f} us a row")
    numpy, both = imported("import numpy"), imported("import clr.schedules")
    print(f"import: NumPy {numpy * 1e3:.0f} ms, clr.schedules {(both - numpy) * 1e3:.0f} ms more")
    if theirs < ENOUGH * whole:
        sys.exit(f"step() with its hook must cost at least {ENOUGH:g} times less than CyclicLR's.")


if __name__ == "__main__":
    main()
