"""What a schedule's parameter may be: a rule written once, on the dataclass field, and read by checks and JSON schema.

A field says `lr: Annotated[float, Number("learning rate at iteration 0", above=0)]`; `normalised` then turns whatever
was given into a plain float or refuses it, and `json_schema` describes the field to forms and other languages.
"""

from __future__ import annotations

import math
import operator
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from numbers import Real
from typing import Any, get_type_hints

LARGEST_COUNT = 2**53
"""Iterations above this are no longer exact in float64."""


class Rule(ABC):
    """What one parameter may be.

    Attributes:
        description: meaning and unit, for people.
    """

    description: str

    @abstractmethod
    def normalised(self, value: object) -> Any:
        """The value as stored.

        Raises:
            ValueError: with the rule in words ("must be above 0"), without subject.
        """

    @abstractmethod
    def json_schema(self) -> dict[str, Any]:
        """The rule in JSON schema (draft 2020-12), without the description."""

    def related(self, value: Any, others: Mapping[str, Any]) -> str | None:
        """The rule that the value breaks beside the schedule's other parameters, or None."""
        return None


@dataclass(frozen=True)
class Number(Rule):
    """A finite real number, stored as float.

    Attributes:
        above, least, most: exclusive lower, inclusive lower and inclusive upper bound.
        not_below: another parameter of the same schedule that the value may not be below.
    """

    description: str
    above: float | None = None
    least: float | None = None
    most: float | None = None
    not_below: str | None = None

    def normalised(self, value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, Real):
            raise ValueError("must be a number")
        number = _finite(value)
        if self.above is not None and number <= self.above:
            raise ValueError(f"must be above {self.above}")
        if self.least is not None and number < self.least:
            raise ValueError(f"must be at least {self.least}")
        if self.most is not None and number > self.most:
            raise ValueError(f"must be at most {self.most}")
        return number

    def related(self, value: Any, others: Mapping[str, Any]) -> str | None:
        if self.not_below is None or value >= others[self.not_below]:
            return None
        return f"must not be below {self.not_below} ({others[self.not_below]!r})"

    def json_schema(self) -> dict[str, Any]:
        bounds = {"exclusiveMinimum": self.above, "minimum": self.least, "maximum": self.most}
        return {"type": "number", **{key: bound for key, bound in bounds.items() if bound is not None}}


@dataclass(frozen=True)
class Count(Rule):
    """A whole number of something, stored as int; a float is refused even where it is whole."""

    description: str
    least: int = 1
    most: int = LARGEST_COUNT

    def normalised(self, value: object) -> int:
        if isinstance(value, bool):
            raise ValueError("must be a whole number")
        try:
            count = operator.index(value)  # type: ignore[arg-type]
        except TypeError:
            raise ValueError("must be a whole number") from None
        if not self.least <= count <= self.most:
            raise ValueError(f"must be at least {self.least} and at most {self.most}")
        return count

    def json_schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}


@cache
def rules(owner: type) -> Mapping[str, Rule]:
    """The rules of a dataclass' fields, by name in order of declaration."""
    hints = get_type_hints(owner, include_extras=True)
    marked = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
    return {name: mark for name, marks in marked.items() for mark in marks if isinstance(mark, Rule)}


def _finite(value: Real) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("must be finite")
    return number
