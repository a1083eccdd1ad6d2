"""What every schedule is: a frozen value, and a rate for each iteration.

A schedule is a pure function of the 0-based iteration (one iteration = one optimizer update): batch k trains at
`schedule(k)`. It keeps no state, so any run can be resumed, shortened or drawn from the function alone.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, Self, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from clr.errors import InvalidSchedule
from clr.schedules.parameters import LARGEST_COUNT, Count, rules

Iterations: TypeAlias = npt.NDArray[np.int64]
Rates: TypeAlias = npt.NDArray[np.float64]

_LENGTH = Count("length of the run [iterations]", least=0)


@dataclass(frozen=True)
class Schedule(ABC):
    """A learning rate as a closed-form function of the iteration.

    `schedule(i)` takes an int (a float comes back) or an integer array (a float64 array of the same shape comes back).
    Parameters are plain floats and ints: two schedules with equal parameters are equal, and the repr pastes back.

    Raises:
        InvalidSchedule: a parameter breaks its rule; names parameter, value and rule.
    """

    family: ClassVar[str]

    def __post_init__(self) -> None:
        for name, rule in rules(type(self)).items():
            value = getattr(self, name)
            try:
                object.__setattr__(self, name, rule.normalised(value))
            except ValueError as broken:
                raise InvalidSchedule(self.family, name, str(broken), value) from None
        for name, rule in rules(type(self)).items():
            if broken_relation := rule.related(getattr(self, name), vars(self)):
                raise InvalidSchedule(self.family, name, broken_relation, getattr(self, name))

    @overload
    def __call__(self, iteration: int) -> float: ...

    @overload
    def __call__(self, iteration: npt.NDArray[np.integer[Any]]) -> Rates: ...

    def __call__(self, iteration: int | npt.NDArray[np.integer[Any]]) -> float | Rates:
        """The rate of an iteration, or of each iteration of an array.

        Args:
            iteration: 0-based [iterations], 0 <= iteration <= 2**53.

        Raises:
            TypeError: not an int and not an integer array.
            InvalidSchedule: negative or above 2**53.
        """
        counts = self._checked(iteration)
        with np.errstate(over="ignore"):
            rates = self._rates(counts)
        return rates if isinstance(iteration, np.ndarray) else float(rates[()])

    def rates(self, iterations: int) -> Rates:
        """The rates of a whole run, float64 [iterations]: element k is `schedule(k)`.

        Args:
            iterations: length of the run [iterations], int >= 0.

        Raises:
            InvalidSchedule: not a whole number, or negative.
        """
        try:
            length = _LENGTH.normalised(iterations)
        except ValueError as broken:
            raise InvalidSchedule(f"{self.family}.rates", "iterations", str(broken), iterations) from None
        return self(np.arange(length))

    def to_dict(self) -> dict[str, Any]:
        """`{"family": name, **parameters}`: JSON-able; `from_dict` makes an equal schedule of it."""
        return {"family": self.family, **{field.name: getattr(self, field.name) for field in fields(self)}}

    @classmethod
    def make(cls, **parameters: Any) -> Self:
        """The schedule with these parameters.

        Raises:
            InvalidSchedule: a parameter is missing, unknown or breaks its rule.
        """
        known = rules(cls)
        for name, value in parameters.items():
            if name not in known:
                raise InvalidSchedule(cls.family, name, f"is not a parameter (known: {', '.join(known)})", value)
        for field in fields(cls):
            if field.default is MISSING and field.name not in parameters:
                raise InvalidSchedule(cls.family, field.name, "is required", None)
        return cls(**parameters)

    @classmethod
    def json_schema(cls) -> dict[str, Any]:
        """JSON schema (draft 2020-12) of the parameters; a rule between two of them stands in a description."""
        defaults = {field.name: field.default for field in fields(cls) if field.default is not MISSING}
        properties = {
            name: {
                **rule.json_schema(),
                "description": rule.description,
                **({"default": defaults[name]} if name in defaults else {}),
            }
            for name, rule in rules(cls).items()
        }
        return {
            "type": "object",
            "title": cls.family,
            "description": (cls.__doc__ or "").split("\n\n")[0],
            "properties": properties,
            "required": [name for name in properties if name not in defaults],
            "additionalProperties": False,
        }

    @abstractmethod
    def _rates(self, iterations: Iterations) -> Rates:
        """The formula, for checked int64 iterations of any shape; float64 of the same shape."""

    def _checked(self, iteration: object) -> Iterations:
        whole = isinstance(iteration, int | np.integer) and not isinstance(iteration, bool)
        if not whole and not (isinstance(iteration, np.ndarray) and iteration.dtype.kind in "iu"):
            raise TypeError(f"the iteration of {self.family} must be an int or an integer array, got {iteration!r}.")
        counts = np.asarray(iteration)
        if counts.size and (counts.min() < 0 or counts.max() > LARGEST_COUNT):
            outside = counts.min() if counts.min() < 0 else counts.max()
            raise InvalidSchedule(self.family, "iteration", "must be from 0 to 2**53", int(outside))
        return counts.astype(np.int64)


def between(low: float, high: float, weight: Rates) -> Rates:
    """low at weight 0, high at weight 1, linear in between; exact at both ends and where low equals high."""
    near_low = low + (high - low) * weight
    near_high = high - (high - low) * (1.0 - weight)
    return np.where(weight < 0.5, near_low, near_high)
