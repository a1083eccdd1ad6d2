"""Best values at an edge of what was searched: the search may have been too narrow there."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from clr import search_space
from clr.plan import ArmPlan, Plan
from clr.resources import EdgeFlag
from clr.spec import Interval, Range

EDGE = 0.05
"""Share of the interval, on the scale it was searched on, that counts as its edge."""
WIDER = 4.0
LEAST_TRIALS = 4
"""Fewer may all fall into the old part of a wider interval."""
COORDINATES = ("peak_lr", "ratio")


def flags(study: str, plan: Plan, arm: ArmPlan, best: Mapping[str, float], interval: Interval) -> tuple[EdgeFlag, ...]:
    """Coordinates of an arm's best search trial within 5 % of an edge of their interval, with what widens it.

    Args:
        study: its id. best: the trial's coordinates. interval: of every arm's peak rate.
    """
    return tuple(_flags(study, plan, arm, best, interval))


def _flags(study: str, plan: Plan, arm: ArmPlan, best: Mapping[str, float], interval: Interval) -> Iterator[EdgeFlag]:
    space = search_space.space(arm.family, arm.constants, arm.parameters, arm.ranges, interval, plan.cycles)
    for name in COORDINATES:
        searched = space.get(name)
        if searched is None or name not in best or searched.low is None or searched.high is None:
            continue
        if (place := _place(searched, float(best[name]))) is None or EDGE < place < 1 - EDGE:
            continue
        side = "low" if place <= EDGE else "high"
        wider = _wider(name, searched.low, searched.high, side)
        if wider is None:
            continue
        extend = _extend(arm, name, wider, searched.log)
        command = _command(study, plan, arm, name, wider, interval)
        yield EdgeFlag(
            coordinate=name,
            value=float(best[name]),
            low=searched.low,
            high=searched.high,
            side="low" if side == "low" else "high",
            extend=extend,
            command=command,
            advice=(
                f"{arm.name}: the best {name}, {best[name]:.3g}, lies at the {'lower' if side == 'low' else 'upper'} "
                f"edge of {searched.low:.3g} to {searched.high:.3g}: a better one may lie beyond. "
                f"{f'Widen the search: {command}' if command else f'Widen the search with {json.dumps(extend)}.'}"
            ),
        )


def _place(searched: Range, value: float) -> float | None:
    """Where a value lies in its interval, 0 to 1, on its scale; None for an interval of one point."""
    assert searched.low is not None and searched.high is not None
    if not searched.low < searched.high:
        return None
    if not searched.log:
        return (value - searched.low) / (searched.high - searched.low)
    return math.log(value / searched.low) / math.log(searched.high / searched.low)


def _wider(name: str, low: float, high: float, side: str) -> tuple[float, float] | None:
    """The interval with four times the reach on that side, within the coordinate's rule; None where it can't grow."""
    rule = search_space.rule(name, 1)
    new = (max(rule.low, low / WIDER), high) if side == "low" else (low, min(rule.high, high * WIDER))
    return None if new == (low, high) else new


def _command(
    study: str, plan: Plan, arm: ArmPlan, name: str, wider: tuple[float, float], interval: Interval
) -> str | None:
    """What widens the common interval of this very study, with trials that search the new part as densely as the old.

    None where that takes a new study: for a range of this arm alone, or replicates.
    """
    if name != "peak_lr" or name in arm.ranges or plan.replicates > 1:
        return None
    # An arm may have searched less than the interval (above its lowest rate); the wider one holds it all.
    low, high = min(wider[0], interval.low), max(wider[1], interval.high)
    trials = math.ceil(arm.trials * (math.log(high / low) / math.log(interval.high / interval.low) - 1))
    ends = f"{_outward(low, math.floor)} {_outward(high, math.ceil)}"
    return f"clr extend {study} --trials {max(LEAST_TRIALS, trials)} --peak-lr {ends}"


def _outward(rate: float, round_: Callable[[float], int]) -> str:
    """Four digits that do not cut off what was searched before."""
    unit = 10.0 ** (math.floor(math.log10(rate)) - 3)
    text = f"{round_(rate / unit) * unit:.4g}"
    exact = f"{rate:.4g}"
    return exact if float(exact) == rate else text


def _extend(arm: ArmPlan, name: str, wider: tuple[float, float], log: bool) -> dict[str, Any]:
    """The part of a spec that asks for it: of all arms for a peak rate that all searched alike, else of this arm."""
    low, high = float(f"{wider[0]:.4g}"), float(f"{wider[1]:.4g}")
    if name == "peak_lr" and name not in arm.ranges:
        return {"bounds": {"low": low, "high": high}}
    return {
        "arms": [{"name": arm.name, "family": arm.family, "search": {name: {"low": low, "high": high, "log": log}}}]
    }
