"""Random schedules of any registered family, made from the rules that its JSON schema states."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st

from clr import schedules
from clr.schedules import Cosine, ExpRange, Fixed, Schedule, Triangular2

PARTS = [
    Fixed(lr=0.1),
    Cosine(lr=0.1, end_lr=0.0, iterations=700),
    Triangular2(base_lr=0.1, max_lr=0.4, step_size=12.5),
    ExpRange(base_lr=0.1, max_lr=0.4, step_size=100, gamma=0.999),
]


def _number(rule: dict[str, Any]) -> st.SearchStrategy[float]:
    """Log-uniform inside the rule's bounds; the bounds themselves where they belong to it."""
    low, high = rule.get("exclusiveMinimum", rule.get("minimum", 0)), min(rule.get("maximum", 1e4), 1e4)
    inside = st.floats(math.log10(max(low, 1e-6)), math.log10(high)).map(lambda power: min(10.0**power, high))
    edges = [rule[bound] for bound in ("minimum", "maximum") if bound in rule and rule[bound] < 1e6]
    return st.one_of(inside.filter(lambda value: value > low), st.sampled_from(edges)) if edges else inside


def _count(rule: dict[str, Any]) -> st.SearchStrategy[int]:
    return st.integers(rule["minimum"], min(rule["maximum"], 10_000_000))


def _list(rule: dict[str, Any]) -> st.SearchStrategy[Any]:
    if rule["items"]["type"] == "object":
        return st.lists(st.sampled_from(PARTS), min_size=rule["minItems"], max_size=4).map(tuple)
    return st.lists(st.integers(1, 10_000), min_size=3, max_size=6, unique=True).map(lambda drawn: tuple(sorted(drawn)))


def _value(rule: dict[str, Any]) -> st.SearchStrategy[Any]:
    if rule["type"] == ["number", "null"]:
        return st.one_of(st.none(), _number(rule))
    if rule["type"] == "string":
        return st.sampled_from(rule.get("enum") or [name for name in rule["anyOf"][0]["enum"]])
    kinds = {"number": _number, "integer": _count, "array": _list}
    fixed = {"boolean": st.booleans(), "object": st.sampled_from(PARTS)}
    return fixed[rule["type"]] if rule["type"] in fixed else kinds[rule["type"]](rule)


def _related(family: str, drawn: dict[str, Any]) -> dict[str, Any]:
    """The drawn parameters, changed to keep the rules between them."""
    if "base_lr" in drawn:
        low, high = sorted((drawn["base_lr"], drawn["max_lr"]))
        return {
            **drawn,
            "base_lr": low,
            "max_lr": high or 1.0,
            **({"scale_mode": "cycle"} if family == "custom" else {}),
        }
    if family == "warmup_stable_decay":
        return {**drawn, "iterations": max(drawn["iterations"], drawn["warmup"] + drawn["decay"])}
    if family == "one_cycle" and drawn["three_phase"]:
        return {**drawn, "pct_start": drawn["pct_start"] / 2}
    if family == "warmup":
        return {**drawn, "start_factor": drawn["start_factor"] or 0.5}
    if family == "piecewise":
        return {**drawn, "milestones": drawn["milestones"][: len(drawn["schedules"]) - 1]}
    return drawn


def parameters_of(family: str) -> st.SearchStrategy[dict[str, Any]]:
    properties = schedules.json_schema(family)["properties"]
    drawn = st.fixed_dictionaries({name: _value(rule) for name, rule in properties.items()})
    return drawn.map(lambda parameters: _related(family, parameters))


@pytest.fixture(scope="session")
def schedules_of() -> Callable[[str], st.SearchStrategy[Schedule]]:
    return lambda family: parameters_of(family).map(lambda parameters: schedules.make(family, **parameters))
