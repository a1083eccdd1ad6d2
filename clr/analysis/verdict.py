"""The sentence an answer begins with: its claim, scope, number of seeds, interval and what to do.

A sentence never says "best" of search trials, never "no difference" of a wide interval, and never prefers the fixed
rate for lack of data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from clr.plan import Plan
from clr.resources import ArmAnswer, Bounds


def sentence(plan: Plan, ranked: Sequence[ArmAnswer], status: Literal["provisional", "confirmed", "none"]) -> str:
    """One or two sentences; `ranked` is in order of rank."""
    first = ranked[0]
    if status == "none":
        return "No search trial has finished yet: nothing can be said."
    if status == "provisional":
        return (
            f"Not confirmed: so far {first.arm} has the highest validation {plan.facts.metric} of the search "
            f"({figure(plan, first.search_value)}), which is the best of several and so flatters it."
        )
    return f"{_claim(plan, first, ranked)} {_scope(plan, first)}"


def _claim(plan: Plan, first: ArmAnswer, ranked: Sequence[ArmAnswer]) -> str:
    mean = f"the best mean test {plan.facts.metric}, {figure(plan, first.mean)}"
    if first.arm == plan.baseline:
        return _baseline_first(plan, f"{first.arm} has {mean}", ranked)
    difference = first.difference
    if difference is None or difference.interval is None:
        return f"No verdict: {first.arm} has {mean}, but there is no interval for its difference to {plan.baseline}."
    gap = (
        f"{points(plan, difference.mean)} against {plan.baseline} "
        f"(simultaneous {difference.interval.level:.0%} interval {span(plan, difference.interval)})"
    )
    if _better(plan, difference.interval):
        return f"Use {first.arm}: it has {mean}: {gap}."
    return f"No difference shown: {first.arm} has {mean}: {gap}. Take {first.arm}, or run more seeds."


def _baseline_first(plan: Plan, claim: str, ranked: Sequence[ArmAnswer]) -> str:
    """The baseline is kept because others are shown to be worse, never for lack of data."""
    intervals = {arm.arm: arm.difference.interval for arm in ranked if arm.difference and arm.difference.interval}
    if not intervals:
        return f"No verdict: {claim}, but there is no interval for any other arm's difference to it."
    worse = [name for name, interval in intervals.items() if _worse(plan, interval)]
    if not worse:
        return f"No difference shown: {claim}, but none of the other arms is shown to be worse. Run more seeds to tell."
    rest = len(intervals) - len(worse)
    return f"Keep your baseline: {claim}. Shown to be worse: {', '.join(worse)}; no difference shown: {rest} arms."


def _scope(plan: Plan, first: ArmAnswer) -> str:
    pairs = len(first.values)
    return (
        f"({pairs} paired seed{'s' if pairs != 1 else ''}, {plan.iterations:,} iterations of {plan.base.model} on "
        f"{plan.facts.name}; this configuration only.)"
    )


def _better(plan: Plan, interval: Bounds) -> bool:
    return interval.low > 0 if plan.facts.direction == "maximize" else interval.high < 0


def _worse(plan: Plan, interval: Bounds) -> bool:
    return interval.high < 0 if plan.facts.direction == "maximize" else interval.low > 0


def figure(plan: Plan, value: float | None) -> str:
    """An accuracy in percent, any other metric as it is."""
    if value is None:
        return "unknown"
    return f"{100 * value:.2f} %" if plan.facts.metric == "accuracy" else f"{value:.4g}"


def points(plan: Plan, value: float) -> str:
    return f"{100 * value:+.2f} points" if plan.facts.metric == "accuracy" else f"{value:+.4g}"


def span(plan: Plan, bounds: Bounds) -> str:
    """An interval of a difference."""
    scale = 100 if plan.facts.metric == "accuracy" else 1
    return f"{scale * bounds.low:+.2f} to {scale * bounds.high:+.2f}"
