"""Schedule families by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clr.errors import InvalidSchedule, UnknownName
from clr.schedules.base import Schedule
from clr.schedules.cyclical import ExpRange, Triangular, Triangular2
from clr.schedules.decaying import Cosine, Exponential, Fixed, Linear, Step

FAMILIES: Mapping[str, type[Schedule]] = {
    schedule.family: schedule
    for schedule in (Fixed, Step, Exponential, Linear, Cosine, Triangular, Triangular2, ExpRange)
}


def names() -> tuple[str, ...]:
    """The families' names, simplest first."""
    return tuple(FAMILIES)


def make(family: str, /, **parameters: Any) -> Schedule:
    """The schedule of that family with these parameters.

    Raises:
        UnknownName: no such family.
        InvalidSchedule: a parameter is missing, unknown or breaks its rule.

    Example:
        >>> make("triangular", base_lr=0.001, max_lr=0.006, step_size=2000)
        Triangular(base_lr=0.001, max_lr=0.006, step_size=2000.0)
    """
    return _class(family).make(**parameters)


def from_dict(document: Mapping[str, Any]) -> Schedule:
    """The schedule that `to_dict` described.

    Raises:
        UnknownName: no such family.
        InvalidSchedule: no family is named, or a parameter is missing, unknown or breaks its rule.

    Example:
        >>> from_dict({"family": "fixed", "lr": 0.1})
        Fixed(lr=0.1)
    """
    if "family" not in document:
        raise InvalidSchedule("a schedule", "family", f"is required (one of: {', '.join(FAMILIES)})", None)
    parameters = {name: value for name, value in document.items() if name != "family"}
    return make(document["family"], **parameters)


def json_schema(family: str, /) -> dict[str, Any]:
    """JSON schema of a family's parameters (without "family" itself).

    Raises:
        UnknownName: no such family.
    """
    return _class(family).json_schema()


def _class(family: str) -> type[Schedule]:
    if not isinstance(family, str) or family not in FAMILIES:
        raise UnknownName("schedule family", family, names())
    return FAMILIES[family]
