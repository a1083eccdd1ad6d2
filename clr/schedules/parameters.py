"""What a schedule's parameter may be: a rule written once, on the dataclass field.

A field says `lr: Annotated[float, Number("learning rate at iteration 0", above=0, role="rate")]`. The rule turns
whatever was given into a plain value or refuses it, describes the field in JSON schema, and says what becomes of the
value when the schedule is laid over another length or another batch size.
"""

from __future__ import annotations

import math
import operator
import sys
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from numbers import Real
from typing import Any, Literal, get_type_hints

LARGEST_COUNT = 2**53
"""Iterations above this are no longer exact in float64."""

Role = Literal["rate", "length", "per iteration", "frequency"]
"""rate: a learning rate. length: iterations. per iteration: a factor applied at each. frequency: 1 / iterations."""


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

    def stretched(self, value: Any, factor: float) -> Any:
        """The value for a run `factor` times as long."""
        return value

    def scaled(self, value: Any, factor: float) -> Any:
        """The value for learning rates `factor` times as large."""
        return value


@dataclass(frozen=True)
class Number(Rule):
    """A finite real number, stored as float.

    Attributes:
        above, least, most: exclusive lower, inclusive lower and inclusive upper bound.
        role: what stretching and scaling do to it; None: nothing.
        optional: None is a value too.
    """

    description: str
    above: float | None = None
    least: float | None = None
    most: float | None = None
    role: Role | None = None
    optional: bool = False

    def normalised(self, value: object) -> float | None:
        if value is None and self.optional:
            return None
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

    def json_schema(self) -> dict[str, Any]:
        bounds = {"exclusiveMinimum": self.above, "minimum": self.least, "maximum": self.most}
        kind = ["number", "null"] if self.optional else "number"
        return {"type": kind, **{key: bound for key, bound in bounds.items() if bound is not None}}

    def stretched(self, value: Any, factor: float) -> Any:
        if value is None:
            return None
        if self.role == "length":
            return value * factor
        if self.role == "per iteration":
            return _power(value, 1 / factor)
        return value / factor if self.role == "frequency" else value

    def scaled(self, value: Any, factor: float) -> Any:
        return value * factor if self.role == "rate" else value


@dataclass(frozen=True)
class Count(Rule):
    """A whole number of something, stored as int. 2.0 is one (JSON and JavaScript write it so), 2.5 is none.

    Attributes:
        least, most: inclusive bounds.
        role: "length" where it counts iterations.
    """

    description: str
    least: int = 1
    most: int = LARGEST_COUNT
    role: Role | None = None

    def normalised(self, value: object) -> int:
        if isinstance(value, bool):
            raise ValueError("must be a whole number")
        try:
            whole_float = isinstance(value, float) and value.is_integer()
            count = int(value) if whole_float else operator.index(value)  # type: ignore[arg-type,call-overload]
        except TypeError:
            raise ValueError("must be a whole number") from None
        if not self.least <= count <= self.most:
            raise ValueError(f"must be at least {self.least} and at most {self.most}")
        return count

    def json_schema(self) -> dict[str, Any]:
        return {"type": "integer", "minimum": self.least, "maximum": self.most}

    def stretched(self, value: Any, factor: float) -> Any:
        return max(self.least, round(value * factor)) if self.role == "length" else value


@dataclass(frozen=True)
class Milestones(Rule):
    """Increasing iterations, at least one, stored as a tuple of ints."""

    description: str

    def normalised(self, value: object) -> tuple[int, ...]:
        if not isinstance(value, Iterable) or isinstance(value, str | bytes | Mapping):
            raise ValueError("must be a list of increasing whole numbers")
        milestones = tuple(Count(self.description).normalised(milestone) for milestone in value)
        if not milestones or any(late <= early for early, late in pairwise(milestones)):
            raise ValueError("must be a list of increasing whole numbers")
        return milestones

    def json_schema(self) -> dict[str, Any]:
        items = {"type": "integer", "minimum": 1, "maximum": LARGEST_COUNT}
        return {"type": "array", "items": items, "minItems": 1, "uniqueItems": True}

    def stretched(self, value: Any, factor: float) -> Any:
        stretched = [0]
        for milestone in value:  # two that would fall on the same iteration stay two
            stretched.append(max(stretched[-1] + 1, round(milestone * factor)))
        return tuple(stretched[1:])


@dataclass(frozen=True)
class Choice(Rule):
    """One of a few words."""

    description: str
    options: tuple[str, ...]

    def normalised(self, value: object) -> str:
        if not isinstance(value, str) or value not in self.options:
            raise ValueError(f"must be one of {', '.join(self.options)}")
        return str(value)

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "enum": list(self.options)}


@dataclass(frozen=True)
class Flag(Rule):
    """True or False."""

    description: str

    def normalised(self, value: object) -> bool:
        if not isinstance(value, bool):
            raise ValueError("must be True or False")
        return value

    def json_schema(self) -> dict[str, Any]:
        return {"type": "boolean"}


@cache
def rules(owner: type) -> Mapping[str, Rule]:
    """The rules of a dataclass' fields, by name in order of declaration."""
    hints = get_type_hints(owner, include_extras=True)
    marked = {name: getattr(hint, "__metadata__", ()) for name, hint in hints.items()}
    return {name: mark for name, marks in marked.items() for mark in marks if isinstance(mark, Rule)}


def _power(base: float, exponent: float) -> float:
    """base ** exponent for a base above 0, kept within float64: neither 0 nor infinite."""
    try:
        return max(float(base**exponent), math.ulp(0.0))
    except OverflowError:
        return sys.float_info.max


def _finite(value: Real) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError("must be finite")
    return number
