"""Where a search trial may be judged before its end: rungs, by the shape of its schedule: pure.

A value in the middle of a run says something of its end only where the rate stands as it will stand there. So a rung is
the first point at or after a share of the run that fits the family's shape:

    anywhere    fixed: the rate is the same throughout
    falling     from half of the run on: early in a fall a high rate looks bad, and wins later
    cycles      ends of the trial's own cycles: within one the rate is high, and the metric low, by design
    plateaus    step: ends of the plateaus after the first drop
    end         one_cycle, warmup_stable_decay: the rate comes down at the run's end alone, so there is no rung
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from typing import Literal

from clr import schedules

Shape = Literal["anywhere", "falling", "cycles", "plateaus", "end"]
SHAPES: Mapping[str, Shape] = {
    "fixed": "anywhere",
    "step": "plateaus",
    "exponential": "falling",
    "inverse": "falling",
    "linear": "falling",
    "polynomial": "falling",
    "decay": "falling",
    "cosine": "falling",
    "cosine_restarts": "cycles",
    "warmup_stable_decay": "end",
    "one_cycle": "end",
    "triangular": "cycles",
    "triangular2": "cycles",
    "exp_range": "cycles",
}

REDUCTION = 3
"""Asynchronous successive halving keeps one of so many at each rung; rungs lie so many times as far apart."""
SHARES: Mapping[str, tuple[float, ...]] = {
    "none": (),
    "median": (1 / 4, 1 / 2, 3 / 4),
    "asha": (1 / REDUCTION**2, 1 / REDUCTION),
}
ENOUGH = 5
"""A trial is judged by at least so many earlier ones: fewer say too little of what is usual."""
FALLEN = 1 / 2
_ROUNDING = 1e-6  # 3 * (343 / 3) may come out above 343


def at(schedule: schedules.Schedule, pruner: str, *, iterations: int, evaluate_every: int) -> tuple[int, ...]:
    """The rungs of a run [iterations], rising, all before its last iteration.

    Args:
        schedule: of the run. pruner: "none", "median" or "asha". iterations: length of the run.
        evaluate_every: rungs that may lie anywhere lie on evaluations; at the others the run is evaluated, too.

    Example:
        >>> from clr.schedules import Triangular
        >>> at(Triangular(base_lr=0.01, max_lr=0.1, step_size=60), "median", iterations=360, evaluate_every=18)
        (120, 240)
    """
    wanted = (_first(schedule, share, iterations, evaluate_every) for share in SHARES[pruner])
    return tuple(sorted({rung for rung in wanted if rung is not None and rung < iterations}))


def _first(schedule: schedules.Schedule, share: float, iterations: int, evaluate_every: int) -> int | None:
    """The first point at or after a share of the run at which a run of this shape can be judged."""
    match SHAPES.get(schedule.family, "end"):
        case "anywhere":
            return _evaluated(share, iterations, evaluate_every)
        case "falling":
            return _evaluated(max(share, FALLEN), iterations, evaluate_every)
        case "cycles":
            return _cycle_end(schedule, share * iterations)
        case "plateaus":
            length = int(schedule.to_dict()["step_size"])
            return length * max(2, math.ceil(share * iterations / length - _ROUNDING))
        case _:
            return None


def _evaluated(share: float, iterations: int, evaluate_every: int) -> int:
    """The evaluation nearest to a share of the run; that share itself where only the last one is near."""
    nearest = evaluate_every * round(share * iterations / evaluate_every)
    return nearest if 0 < nearest < iterations else max(1, round(share * iterations))


def _cycle_end(schedule: schedules.Schedule, least: float) -> int:
    """Updates done at the first end of a cycle that is not before `least`: the cycle's last update is among them."""
    length = schedule.cycle
    assert length is not None, f"{schedule.family} has cycles"
    factor = schedule.to_dict().get("period_multiplier", 1)
    if factor == 1:
        end = length * max(1, math.ceil(least / length - _ROUNDING))
    else:
        ends = itertools.accumulate(length * factor**k for k in itertools.count())
        end = next(end for end in ends if end >= least - _ROUNDING)
    return math.ceil(end - _ROUNDING)
