"""The arms at several lengths of a run: who leads where, and where two of them change places."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from statistics import fmean

from clr.analysis import confirmed, decision, intervals
from clr.plan import Plan
from clr.resources import Bounds, Crossing, LengthArm, LengthRanking
from clr.results import Trial


def rankings(plan: Plan, trials: Sequence[Trial], names: Sequence[str]) -> tuple[LengthRanking, ...]:
    """The confirmed arms ranked at each length, shortest first, over the seeds that all have there.

    () where only one length was asked for. An arm that lost more than half of its runs at a length is left out of it.
    """
    if not plan.shorter:
        return ()
    found = [
        _ranking(plan, iterations, {name: confirmed.runs_at(plan, trials, name, k) for name in names})
        for k, iterations in enumerate(plan.shorter)
    ]
    found.append(_ranking(plan, plan.iterations, {name: confirmed.runs(plan, trials, name) for name in names}))
    return tuple(found)


def _ranking(plan: Plan, iterations: int, runs: Mapping[str, Sequence[Trial]]) -> LengthRanking:
    values = {name: confirmed.values(confirm) for name, confirm in runs.items() if confirmed.holds(confirm)}
    seeds = confirmed.shared(values)
    rows = {name: [row[seed] for seed in seeds] for name, row in values.items() if seeds}
    sign = -1.0 if plan.facts.direction == "maximize" else 1.0
    ranked = sorted(rows, key=lambda name: (sign * fmean(rows[name]), name))
    arms = tuple(_arm(plan, name, rows[name]) for name in ranked)
    return LengthRanking(iterations=iterations, seeds=len(seeds), arms=arms)


def _arm(plan: Plan, name: str, row: Sequence[float]) -> LengthArm:
    summary = intervals.mean(list(row), resolution=decision.resolution(plan))
    around = summary.interval
    bounds = Bounds(low=around.low, high=around.high, level=around.level) if around else None
    return LengthArm(arm=name, mean=summary.mean, interval=bounds)


def crossings(found: Sequence[LengthRanking]) -> tuple[Crossing, ...]:
    """Where the means of two arms cross between two lengths, by interpolation in the logarithm of the iterations."""
    return tuple(crossing for shorter, longer in pairwise(found) for crossing in _between(shorter, longer))


def _between(shorter: LengthRanking, longer: LengthRanking) -> Iterator[Crossing]:
    before = {arm.arm: arm.mean for arm in shorter.arms}
    after = {arm.arm: arm.mean for arm in longer.arms}
    for one, other in combinations([name for name in before if name in after], 2):
        first, last = before[one] - before[other], after[one] - after[other]
        if first * last >= 0:
            continue
        share = first / (first - last)
        at = math.log(shorter.iterations) * (1 - share) + math.log(longer.iterations) * share
        yield Crossing(ahead_before=one, ahead_after=other, iterations=math.exp(at))
