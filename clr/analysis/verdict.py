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
    if all(arm.status == "failed" for arm in ranked):
        return "No verdict: in every arm the runs diverged or failed; each trial says why."
    if status == "none":
        return "No verdict: no search trial has finished so far."
    if status == "provisional":
        return (
            f"Not confirmed: so far {first.arm} leads on validation {plan.facts.metric} in the search "
            f"({figure(plan, first.search_value)}), a value picked from several and so flattering."
        )
    if first.mean is None:
        return "No verdict: no seed is left that every confirmed arm has finished."
    return f"{_claim(plan, ranked)} {_scope(plan, ranked)}"


def _claim(plan: Plan, ranked: Sequence[ArmAnswer]) -> str:
    first = ranked[0]
    among = " of the arms without a diverged run" if any(arm.confirm_diverged for arm in ranked) else ""
    mean = f"the best mean test {plan.facts.metric}{among}, {figure(plan, first.mean)}"
    if first.arm == plan.baseline:
        return _baseline_first(plan, f"{first.arm} has {mean}", ranked)
    difference = first.difference
    if difference is None or difference.interval is None:
        return f"No verdict: {first.arm} has {mean}, but {_no_interval(plan, ranked)}."
    if difference.identical:
        return f"Identical: {first.arm} and {plan.baseline} have the same value on every seed; {first.arm} has {mean}."
    gap = (
        f"{points(plan, difference.mean)} against {plan.baseline} "
        f"(simultaneous {difference.interval.level:.0%} interval {span(plan, difference.interval)})"
    )
    if _better(plan, difference.interval):
        return f"Use {first.arm}: it has {mean}: {gap}."
    return f"No difference shown: {first.arm} has {mean}: {gap}. Take {first.arm}, or run more seeds."


def _no_interval(plan: Plan, ranked: Sequence[ArmAnswer]) -> str:
    baseline = next(arm for arm in ranked if arm.arm == plan.baseline)
    if baseline.status == "failed":
        return f"the baseline {plan.baseline} failed, so nothing is compared with it"
    return f"there is no interval for its difference to {plan.baseline}: too few seeds"


def _baseline_first(plan: Plan, claim: str, ranked: Sequence[ArmAnswer]) -> str:
    """The baseline is kept because others are shown to be worse, never for lack of data."""
    compared = [arm for arm in ranked if arm.difference and arm.difference.interval]
    if not compared:
        return f"No verdict: {claim}, but there is no other arm with an interval for its difference to it."
    if all(arm.difference and arm.difference.identical for arm in compared):
        return f"Identical: every arm has the baseline's value on every seed; {claim}."
    worse = [arm.arm for arm in compared if arm.difference and _worse(plan, arm.difference.interval)]
    unstable = [
        f"{arm.arm} is better where it finished, but diverged in {arm.confirm_diverged} of {len(arm.trials)} runs"
        for arm in compared
        if arm.difference and _better(plan, arm.difference.interval)
    ]
    told = "; ".join([f"shown to be worse: {', '.join(worse)}"] * bool(worse) + unstable)
    rest = len(compared) - len(worse) - len(unstable)
    if not worse:
        return f"No difference shown: {claim}; {told + '; ' if told else ''}run more seeds to tell the others apart."
    return f"Keep your baseline: {claim}; {told}; no difference shown: {rest} arms."


def _scope(plan: Plan, ranked: Sequence[ArmAnswer]) -> str:
    confirmed = [arm for arm in ranked if arm.status == "confirmed"]
    pairs = sum(all(seed in arm.values for arm in confirmed) for seed in confirmed[0].values)
    seeds = f"{pairs} {'paired ' if len(confirmed) > 1 else ''}seed{'s' if pairs != 1 else ''}"
    trials = {arm.trials for arm in plan.arms}
    uneven = f"; the arms were searched unequally, {min(trials)} to {max(trials)} trials" if len(trials) > 1 else ""
    return (
        f"({seeds}, {plan.iterations:,} iterations of {plan.base.model} on {plan.facts.name}; "
        f"these configurations only{uneven}.)"
    )


def _better(plan: Plan, interval: Bounds | None) -> bool:
    if interval is None:
        return False
    return interval.low > 0 if plan.facts.direction == "maximize" else interval.high < 0


def _worse(plan: Plan, interval: Bounds | None) -> bool:
    if interval is None:
        return False
    return interval.high < 0 if plan.facts.direction == "maximize" else interval.low > 0


def figure(plan: Plan, value: float | None) -> str:
    """An accuracy in percent, any other metric as it is."""
    if value is None:
        return "unknown"
    return f"{100 * value:.2f} %" if plan.facts.metric == "accuracy" else f"{value:.4g}"


def points(plan: Plan, value: float) -> str:
    """A difference, signed."""
    return f"{100 * value:+.2f} points" if plan.facts.metric == "accuracy" else f"{value:+.4g}"


def span(plan: Plan, bounds: Bounds) -> str:
    """An interval of a difference; an end that is not zero is not rounded to it."""
    scale = 100 if plan.facts.metric == "accuracy" else 1
    ends = [scale * bounds.low, scale * bounds.high]
    digits = "+.2f" if scale == 100 and all(end == 0 or abs(end) >= 0.005 for end in ends) else "+.3g"
    return " to ".join(format(end, digits) for end in ends)
