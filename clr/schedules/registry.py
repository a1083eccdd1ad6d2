"""Schedule families by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from clr.errors import InvalidSchedule, UnknownName
from clr.schedules.base import Schedule
from clr.schedules.cyclical import Custom, ExpRange, Triangular, Triangular2
from clr.schedules.decaying import Cosine, Decay, Exponential, Fixed, Inverse, Linear, MultiStep, Polynomial, Step
from clr.schedules.one_cycle import OneCycle
from clr.schedules.piecewise import Piecewise
from clr.schedules.restarts import CosineRestarts
from clr.schedules.warmup import Warmup, WarmupStableDecay

FAMILIES: Mapping[str, type[Schedule]] = {
    schedule.family: schedule
    for schedule in (
        *(Fixed, Step, MultiStep, Exponential, Inverse, Linear, Polynomial, Decay, Cosine, CosineRestarts),
        *(Triangular, Triangular2, ExpRange, Custom, OneCycle, WarmupStableDecay, Warmup, Piecewise),
    )
}

_DEEPEST = 8  # schedules within schedules: more is no schedule but an attack on the stack


def names() -> tuple[str, ...]:
    """The families' names, simplest first."""
    return tuple(FAMILIES)


def make(family: str, /, **parameters: Any) -> Schedule:
    """The schedule of that family with these parameters; a schedule within it may be given as its document.

    Raises:
        UnknownName: no such family.
        InvalidSchedule: a parameter is missing, unknown or breaks its rule.

    Example:
        >>> make("triangular", base_lr=0.001, max_lr=0.006, step_size=2000)
        Triangular(base_lr=0.001, max_lr=0.006, step_size=2000.0)
    """
    return _made(family, parameters, _DEEPEST)


def from_dict(document: Mapping[str, Any]) -> Schedule:
    """The schedule that `to_dict` described.

    Raises:
        UnknownName: no such family.
        InvalidSchedule: no family is named, or a parameter is missing, unknown or breaks its rule.

    Example:
        >>> from_dict({"family": "fixed", "lr": 0.1})
        Fixed(lr=0.1)
    """
    return _restored(document, _DEEPEST)


def json_schema(family: str, /) -> dict[str, Any]:
    """JSON schema of a family's parameters (without "family" itself).

    Raises:
        UnknownName: no such family.
    """
    return _class(family).json_schema()


def _made(family: str, parameters: Mapping[str, Any], depth: int) -> Schedule:
    return _class(family).make(**{name: _with_parts(value, depth - 1) for name, value in parameters.items()})


def _restored(document: Mapping[str, Any], depth: int) -> Schedule:
    if "family" not in document:
        raise InvalidSchedule("a schedule", "family", f"is required (one of: {', '.join(FAMILIES)})", None)
    if depth < 1:
        raise InvalidSchedule("a schedule", "family", f"is nested more than {_DEEPEST} deep", document["family"])
    return _made(document["family"], {name: value for name, value in document.items() if name != "family"}, depth)


def _with_parts(value: Any, depth: int) -> Any:
    """The value, with documents of schedules made into schedules."""
    if isinstance(value, Mapping):
        return _restored(value, depth)
    if isinstance(value, list | tuple) and any(isinstance(part, Mapping) for part in value):
        return tuple(_restored(part, depth) if isinstance(part, Mapping) else part for part in value)
    return value


def _class(family: str) -> type[Schedule]:
    if not isinstance(family, str) or family not in FAMILIES:
        raise UnknownName("schedule family", family, names())
    return FAMILIES[family]
