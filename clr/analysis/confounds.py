"""What differs between arms besides the shape of their schedules, since that may be what made the difference."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from clr import optimizers
from clr.plan import Plan
from clr.resources import Confounds
from clr.schedules import Schedule

Floats = NDArray[np.float64]

NOTABLE = 1.1
"""Two numbers whose ratio is smaller count as the same."""
TOP = 0.95
"""A rate above this share of the peak is at the top: updates fall beside the peaks of cycles, some nearer to it."""
MOST_POINTS = 20_000
"""Longer runs are looked at in this many places, evenly spaced."""


def of(plan: Plan, schedule: Schedule) -> Confounds:
    """An arm's finalist in the numbers that a shape is often mistaken for.

    Peak and mean over the run, the last update's rate, warm-up (updates before the first peak), and
    weight decay times the sum of all rates: how hard decay pulled at the weights in total.
    """
    places, rates = schedule.sampled(plan.iterations, MOST_POINTS)
    decay = _option(plan, "weight_decay")
    peak = float(rates.max())
    mean = peak * float((rates / peak).mean()) if peak else 0.0  # a sum of huge rates would overflow
    return Confounds(
        peak=peak,
        end=float(rates[-1]),
        mean=mean,
        decay=min(decay * mean * plan.iterations, sys.float_info.max),
        momentum=_option(plan, "momentum" if plan.base.optimizer == "sgd" else "beta1"),
        warmup=int(places[_first_peak(rates)]),
        updates=plan.iterations,
    )


def _first_peak(rates: Floats) -> int:
    """Index of the highest rate before the rate first leaves the top."""
    top = rates >= TOP * rates.max()
    first = int(top.argmax())
    below = np.flatnonzero(~top[first:])
    last = first + int(below[0]) if len(below) else len(rates)
    return first + int(rates[first:last].argmax())


def _option(plan: Plan, name: str) -> float:
    default = optimizers.options(plan.base.optimizer).get(name)
    return float(plan.base.optimizer_options.get(name, default.default if default else 0.0))


def in_words(arm: Confounds, baseline: Confounds, name: str) -> tuple[str, ...]:
    """How an arm differs from the baseline besides its shape; `name`: of the baseline."""
    return tuple(_in_words(arm, baseline, name)) or (f"peak, mean and end of its rates are those of {name}",)


def _in_words(arm: Confounds, baseline: Confounds, name: str) -> Iterator[str]:
    for kind in ("peak", "mean", "end"):
        own, other = getattr(arm, kind), getattr(baseline, kind)
        if not own or not other:
            if own != other:
                yield f"its {kind} rate is {own:.3g}, that of {name} {other:.3g}"
        elif not 1 / NOTABLE < own / other < NOTABLE:
            yield f"its {kind} rate is {own / other:.3g} times that of {name}"
    if abs(arm.warmup - baseline.warmup) > 0.01 * arm.updates:
        yield f"its peak rate comes first after {arm.warmup:,} updates, in {name} after {baseline.warmup:,}"
    if arm.decay and baseline.decay and not 1 / NOTABLE < arm.decay / baseline.decay < NOTABLE:
        yield f"weight decay pulled {arm.decay / baseline.decay:.3g} times as hard in total"
