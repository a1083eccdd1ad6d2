"""The arms at several lengths of a run: who leads where, where two change places, what fewer iterations cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from statistics import fmean
from typing import Any

from clr.analysis import confirmed, decision, intervals, words
from clr.analysis.intervals import LEVEL
from clr.plan import Plan
from clr.resources import Bounds, Crossing, LengthArm, LengthRanking
from clr.results import Trial


def rankings(plan: Plan, trials: Sequence[Trial], names: Sequence[str]) -> tuple[LengthRanking, ...]:
    """The confirmed arms ranked at each length, shortest first, over the seeds that all have there.

    () where only one length was asked for. An arm that lost more than half of its runs at a length is left out of it.
    """
    if not plan.shorter:
        return ()
    baseline = confirmed.values(confirmed.runs(plan, trials, plan.baseline))
    level = 1 - (1 - LEVEL) / max(1, len(names) * len(plan.shorter))
    found = []
    for k, iterations in enumerate(plan.shorter):
        values = _values({name: confirmed.runs_at(plan, trials, name, k) for name in names})
        ranking = _ranking(plan, iterations, values)
        arms = [arm.model_copy(update=_against(plan, values[arm.arm], baseline, level)) for arm in ranking.arms]
        found.append(ranking.model_copy(update={"arms": tuple(arms)}))
    whole = _values({name: confirmed.runs(plan, trials, name) for name in names})
    return (*found, _ranking(plan, plan.iterations, whole))


def _values(runs: Mapping[str, Sequence[Trial]]) -> confirmed.Values:
    return {name: confirmed.values(confirm) for name, confirm in runs.items() if confirmed.holds(confirm)}


def _ranking(plan: Plan, iterations: int, values: confirmed.Values) -> LengthRanking:
    seeds = confirmed.shared(values)
    rows = {name: [row[seed] for seed in seeds] for name, row in values.items() if seeds}
    sign = -1.0 if plan.facts.direction == "maximize" else 1.0
    ranked = sorted(rows, key=lambda name: (sign * fmean(rows[name]), name))
    arms = tuple(_arm(plan, name, rows[name]) for name in ranked)
    return LengthRanking(iterations=iterations, seeds=len(seeds), arms=arms)


def _arm(plan: Plan, name: str, row: Sequence[float]) -> LengthArm:
    summary = intervals.mean(list(row), resolution=decision.resolution(plan))
    return LengthArm(arm=name, mean=summary.mean, interval=_bounds(summary.interval))


def _bounds(found: intervals.Interval | None) -> Bounds | None:
    return Bounds(low=found.low, high=found.high, level=found.level) if found else None


def _against(plan: Plan, row: Mapping[str, float], baseline: Mapping[str, float], level: float) -> dict[str, Any]:
    """An arm's shorter runs less the baseline's whole ones, over the seeds that both have.

    "The same accuracy in fewer iterations" is a claim about two lengths of run: it is measured here, not read off a
    curve. `level`: Bonferroni's, so that the intervals of all arms and lengths hold at once.
    """
    seeds = confirmed.shared({"arm": row, "baseline": baseline})
    if not seeds:
        return {}
    pair = [[values[seed] for seed in seeds] for values in (row, baseline)]
    found = intervals.paired(pair[0], pair[1], level, decision.resolution(plan))
    interval = found.interval
    sign = 1.0 if plan.facts.direction == "maximize" else -1.0
    lost = None if interval is None else -min(sign * interval.low, sign * interval.high)
    return {
        "against_whole": found.mean,
        "against_whole_interval": _bounds(interval),
        # Of the runs that survived nothing is claimed: those that diverged lost more.
        "sooner": lost is not None and lost <= decision.margin(plan) and set(baseline) <= set(row),
    }


def notes(plan: Plan, found: Sequence[LengthRanking]) -> tuple[str, ...]:
    """Which arms' shorter runs lose nothing that matters against the baseline's whole ones; the shortest of each."""
    told: dict[str, str] = {}
    for ranking in found[:-1]:
        for arm in ranking.arms:
            if not arm.sooner or arm.arm in told or arm.against_whole_interval is None or arm.against_whole is None:
                continue
            told[arm.arm] = (
                f"{arm.arm} in {ranking.iterations:,} iterations against {plan.baseline} in {plan.iterations:,}: "
                f"{words.points(plan, arm.against_whole)} (95 % for all arms and lengths at once: "
                f"{words.span(plan, arm.against_whole_interval)}), so at most the margin of "
                f"{words.amount(plan, decision.margin(plan))} is lost."
            )
    return tuple(told.values())


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
