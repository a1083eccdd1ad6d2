"""Random schedules of any registered family, made from the rules that its JSON schema states."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import strategies as st

from clr import schedules
from clr.schedules import Schedule


def _number(rule: dict[str, Any]) -> st.SearchStrategy[float]:
    """Log-uniform inside the rule's bounds; the bounds themselves where they belong to it."""
    low, high = rule.get("exclusiveMinimum", rule.get("minimum", 0)), rule.get("maximum", 1e4)
    inside = st.floats(math.log10(max(low, 1e-6)), math.log10(high)).map(lambda power: min(10.0**power, high))
    edges = [rule[bound] for bound in ("minimum", "maximum") if bound in rule]
    return st.one_of(inside.filter(lambda value: value > low), st.sampled_from(edges)) if edges else inside


def _count(rule: dict[str, Any]) -> st.SearchStrategy[int]:
    return st.integers(rule["minimum"], 10_000_000)


def parameters_of(family: str) -> st.SearchStrategy[dict[str, Any]]:
    properties = schedules.json_schema(family)["properties"]
    drawn = {name: (_count if rule["type"] == "integer" else _number)(rule) for name, rule in properties.items()}
    return st.fixed_dictionaries(drawn).map(_ordered_bounds)


def _ordered_bounds(parameters: dict[str, Any]) -> dict[str, Any]:
    if "base_lr" not in parameters:
        return parameters
    low, high = sorted((parameters["base_lr"], parameters["max_lr"]))
    return {**parameters, "base_lr": low, "max_lr": high or 1.0}


@pytest.fixture(scope="session")
def schedules_of() -> Callable[[str], st.SearchStrategy[Schedule]]:
    return lambda family: parameters_of(family).map(lambda parameters: schedules.make(family, **parameters))
