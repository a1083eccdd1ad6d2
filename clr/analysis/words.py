"""Figures of a study's metric as an answer prints them: an accuracy in percent, any other metric as it is."""

from __future__ import annotations

from clr.plan import Plan
from clr.resources import Bounds


def confirmed_metric(plan: Plan) -> str:
    """What confirm runs are judged by: a task without test split has its last validation values alone."""
    return f"{'test' if plan.facts.test_size else 'validation'} {plan.facts.metric}"


def figure(plan: Plan, value: float | None) -> str:
    """A value of the metric."""
    if value is None:
        return "unknown"
    return f"{100 * value:.2f} %" if _percent(plan) else f"{value:.4g}"


def points(plan: Plan, value: float) -> str:
    """A difference, signed."""
    return f"{100 * value:+.2f} points" if _percent(plan) else f"{value:+.4g}"


def amount(plan: Plan, value: float) -> str:
    """The size of a difference; one that is not zero is not rounded to it."""
    if not _percent(plan):
        return f"{value:.3g}"
    return f"{100 * value:.2f} points" if value == 0 or value >= 5e-5 else f"{100 * value:.2g} points"


def span(plan: Plan, bounds: Bounds) -> str:
    """An interval of a difference; an end that is not zero is not rounded to it."""
    scale = 100 if _percent(plan) else 1
    ends = [scale * bounds.low, scale * bounds.high]
    digits = "+.2f" if scale == 100 and all(end == 0 or abs(end) >= 0.005 for end in ends) else "+.3g"
    return " to ".join(format(end, digits) for end in ends)


def level(value: float) -> str:
    """
    >>> level(0.95), level(1 - 0.05 / 3)
    ('95 %', '98.3 %')
    """
    return f"{100 * value:.3g} %"


def _percent(plan: Plan) -> bool:
    return plan.facts.metric == "accuracy"
