"""Schedules as parameters of schedules."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from clr.schedules.base import Schedule
from clr.schedules.parameters import Rule

_DOCUMENT = {"type": "object", "properties": {"family": {"type": "string"}}, "required": ["family"]}


@dataclass(frozen=True)
class Part(Rule):
    """A schedule; in JSON, its document."""

    description: str

    def normalised(self, value: object) -> Schedule:
        if not isinstance(value, Schedule):
            raise ValueError("must be a schedule")
        return value

    def json_schema(self) -> dict[str, Any]:
        return dict(_DOCUMENT)

    def stretched(self, value: Any, factor: float) -> Any:
        return value.with_length_times(factor)

    def scaled(self, value: Any, factor: float) -> Any:
        return value.with_rates_times(factor)


@dataclass(frozen=True)
class Parts(Rule):
    """Two schedules or more, stored as a tuple; in JSON, a list of their documents."""

    description: str

    def normalised(self, value: object) -> tuple[Schedule, ...]:
        parts = tuple(value) if isinstance(value, Iterable) and not isinstance(value, str | bytes) else ()
        if len(parts) < 2 or not all(isinstance(part, Schedule) for part in parts):
            raise ValueError("must be a list of two schedules or more")
        return parts

    def json_schema(self) -> dict[str, Any]:
        return {"type": "array", "items": dict(_DOCUMENT), "minItems": 2}

    def stretched(self, value: Any, factor: float) -> Any:
        return tuple(part.with_length_times(factor) for part in value)

    def scaled(self, value: Any, factor: float) -> Any:
        return tuple(part.with_rates_times(factor) for part in value)
