"""What every schedule is: a frozen value, and a rate for each iteration.

A schedule is a pure function of the 0-based iteration (one iteration = one optimizer update): batch k trains at
`schedule(k)`. It keeps no state, so any run can be resumed, shortened or drawn from the function alone.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields
from importlib import import_module
from typing import Any, ClassVar, Literal, Self, TypeAlias, overload

import numpy as np
import numpy.typing as npt

from clr.errors import InvalidSchedule
from clr.schedules.parameters import LARGEST_COUNT, Count, Rule, rules

Iterations: TypeAlias = npt.NDArray[np.int64]
Rates: TypeAlias = npt.NDArray[np.float64]

_LENGTH = Count("length of the run [iterations]", least=0)
_BATCH = Count("batch size [examples]")
_BATCH_RULES: dict[str, Callable[[float], float]] = {"linear": float, "sqrt": math.sqrt}


@dataclass(frozen=True, repr=False)
class Schedule(ABC):
    """A learning rate as a closed-form function of the iteration.

    `schedule(i)` takes an int (a float comes back) or an integer array (a float64 array of the same shape comes back).
    Parameters are plain values: two schedules with equal parameters are equal, and the repr pastes back.

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
        if relation := self._broken_relation():
            name, rule_in_words = relation
            raise InvalidSchedule(self.family, name, rule_in_words, getattr(self, name))

    def __repr__(self) -> str:
        stated = (f"{name}={value!r}" for name, value in self._stated().items())
        return f"{type(self).__name__}({', '.join(stated)})"

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
        flat = counts.ravel()
        with np.errstate(over="ignore"):
            # a single element takes short cuts in NumPy (x ** 2 as x * x) that round otherwise than a long array
            rates = self._rates(flat if flat.size != 1 else np.repeat(flat, 2))[: flat.size]
        return rates.reshape(counts.shape) if isinstance(iteration, np.ndarray) else float(rates[0])

    def rates(self, iterations: int) -> Rates:
        """The rates of a whole run, float64 [iterations]: element k is `schedule(k)`.

        Args:
            iterations: length of the run [iterations], int >= 0.

        Raises:
            InvalidSchedule: not a whole number, or negative.
        """
        return self(np.arange(_argument(f"{self.family}.rates", "iterations", _LENGTH, iterations)))

    def sampled(self, iterations: int, points: int) -> tuple[Iterations, Rates]:
        """Iterations of a run and their rates, to be drawn: all of them, or so many, evenly spread from first to last.

        A cycle shorter than a few times iterations / points does not show its shape.

        Args:
            iterations: length of the run [iterations], int >= 1.
            points: how many at most, int >= 2.

        Returns:
            iterations [n] and rates [n], n <= points.

        Raises:
            InvalidSchedule: either is no such number.

        Example:
            >>> from clr.schedules import Linear
            >>> Linear(lr=1.0, end_lr=0.0, iterations=1000).sampled(1001, points=5)
            (array([   0,  250,  500,  750, 1000]), array([1.  , 0.75, 0.5 , 0.25, 0.  ]))
        """
        owner = f"{self.family}.sampled"
        run = _argument(owner, "iterations", Count("length of the run [iterations]"), iterations)
        most = _argument(owner, "points", Count("points at most", least=2), points)
        at = np.unique(np.linspace(0, run - 1, min(run, most)).round().astype(np.int64))
        return at, self(at)

    @property
    def length(self) -> int | None:
        """The run that the schedule is laid out for [iterations]; None where it fits a run of any length."""
        return None

    @property
    def shortest(self) -> int:
        """The shortest run that the schedule can be laid over whole [iterations]: one of each of its parts."""
        return 1

    @property
    def cycle(self) -> float | None:
        """Iterations of the first cycle, or the whole length; None where the schedule has neither."""
        return self.length

    def stretched(self, iterations: int, *, of: int | None = None) -> Self:
        """The same shape laid over a run of another length: cycles keep their number, drops their place.

        Whole-number parameters are rounded to the nearest iteration; where they must fit together, the later ones take
        what the earlier leave, so that `length` is exactly the new run's. A run shorter than the schedule has parts
        keeps one iteration of each.

        Args:
            iterations: length of the new run [iterations], int >= 1.
            of: length of the run that this schedule was laid out for [iterations]; its own `length` if None.

        Raises:
            InvalidSchedule: a length is no whole number above 0, or `of` is missing and the schedule has no length.

        Example:
            >>> from clr.schedules import Triangular
            >>> Triangular(base_lr=0.1, max_lr=0.4, step_size=50).stretched(1000, of=300)
            Triangular(base_lr=0.1, max_lr=0.4, step_size=166.66666666666669)
        """
        owner, rule = f"{self.family}.stretched", Count("length of a run [iterations]")
        new = _argument(owner, "iterations", rule, iterations)
        if of is None and self.length is None:
            raise InvalidSchedule(owner, "of", "is required, because this schedule has no length of its own", None)
        return self.with_length_times(new / _argument(owner, "of", rule, self.length if of is None else of))

    def with_length_times(self, factor: float) -> Self:
        """The schedule for a run `factor` times as long; see `stretched`."""
        return self._mapped(lambda rule, value: rule.stretched(value, factor))

    def scaled(self, from_batch: int, to_batch: int, rule: Literal["linear", "sqrt"]) -> Self:
        """The same schedule with its rates adapted to another batch size. Lengths stay: see `stretched` for these.

        Args:
            from_batch, to_batch: batch sizes [examples], int >= 1.
            rule: "linear": rates times to_batch / from_batch (Goyal et al. 2017, SGD); "sqrt": times its square root
                (Krizhevsky 2014; Malladi et al. 2022, Adam).

        Raises:
            InvalidSchedule: a batch size is no whole number above 0, or there is no such rule.

        Example:
            >>> from clr.schedules import Fixed
            >>> Fixed(lr=0.1).scaled(128, 512, "sqrt")
            Fixed(lr=0.2)
        """
        owner = f"{self.family}.scaled"
        old, new = (
            _argument(owner, name, _BATCH, size) for name, size in (("from_batch", from_batch), ("to_batch", to_batch))
        )
        if rule not in _BATCH_RULES:
            raise InvalidSchedule(owner, "rule", f"must be one of {', '.join(_BATCH_RULES)}", rule)
        return self.with_rates_times(_BATCH_RULES[rule](new / old))

    def with_rates_times(self, factor: float) -> Self:
        """The schedule with every rate times `factor`; see `scaled`."""
        return self._mapped(lambda rule, value: rule.scaled(value, factor))

    def to_dict(self) -> dict[str, Any]:
        """`{"family": name, **parameters}`, JSON-able; parameters at their default are left out.

        `from_dict` makes an equal schedule of it.
        """
        return {"family": self.family, **{name: _document(value) for name, value in self._stated().items()}}

    @classmethod
    def make(cls, /, **parameters: Any) -> Self:
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
            "description": " ".join((cls.__doc__ or "").split("\n\n")[0].split()),
            "properties": properties,
            "required": [name for name in properties if name not in defaults],
            "additionalProperties": False,
        }

    def snippet(self, kind: str, iterations: int | None = None) -> str:
        """A script that trains under this schedule; see `clr.snippets.snippet`.

        Args:
            kind: "torch", "torch-native", "torch-class", "lightning", "transformers", "keras", "optax", "timm",
                "accelerate", "json".
            iterations: length of the run [iterations], int >= 1; the schedule's own length if None, or 1000.

        Raises:
            UnknownName: no such kind.
            InvalidSchedule: iterations is no whole number above 0.
        """
        text: str = import_module("clr.snippets").snippet(self, kind, iterations)  # by name: it lies above this room
        return text

    @abstractmethod
    def _rates(self, iterations: Iterations) -> Rates:
        """The formula, for checked iterations: int64 [n] to float64 [n]."""

    def _broken_relation(self) -> tuple[str, str] | None:
        """What is wrong between parameters that are each right: (parameter, its rule in words), or None."""
        return None

    def _stated(self) -> dict[str, Any]:
        """The parameters that are not at their default."""
        values = {field: getattr(self, field.name) for field in fields(self)}
        return {field.name: value for field, value in values.items() if value != field.default}

    def _mapped(self, change: Callable[[Rule, Any], Any]) -> Self:
        return type(self)(**{name: change(rule, getattr(self, name)) for name, rule in rules(type(self)).items()})

    def _checked(self, iteration: object) -> Iterations:
        whole = isinstance(iteration, int | np.integer) and not isinstance(iteration, bool)
        if not whole and not (isinstance(iteration, np.ndarray) and iteration.dtype.kind in "iu"):
            raise TypeError(f"the iteration of {self.family} must be an int or an integer array, got {iteration!r}.")
        counts = np.asarray(iteration)
        if counts.size and (counts.min() < 0 or counts.max() > LARGEST_COUNT):
            outside = counts.min() if counts.min() < 0 else counts.max()
            raise InvalidSchedule(self.family, "iteration", "must be from 0 to 2**53", int(outside))
        return counts.astype(np.int64)


def between(low: float | Rates, high: float | Rates, weight: Rates) -> Rates:
    """low at weight 0, high at weight 1, linear in between; exact at both ends and where low equals high."""
    near_low = low + (high - low) * weight
    near_high = high - (high - low) * (1.0 - weight)
    return np.where(weight < 0.5, near_low, near_high)


def half_cosine(done: Rates) -> Rates:
    """Falls from 1 at done = 0 to 0 at done = 1 along half a cosine."""
    return (1.0 + np.cos(np.pi * done)) / 2.0


def base_above_max(base_lr: float, max_lr: float) -> tuple[str, str] | None:
    """The relation that lower and upper bound must keep."""
    return ("max_lr", f"must not be below base_lr ({base_lr!r})") if max_lr < base_lr else None


def _argument(owner: str, name: str, rule: Count, value: object) -> int:
    try:
        return rule.normalised(value)
    except ValueError as broken:
        raise InvalidSchedule(owner, name, str(broken), value) from None


def _document(value: Any) -> Any:
    if isinstance(value, Schedule):
        return value.to_dict()
    return [_document(part) for part in value] if isinstance(value, tuple) else value
