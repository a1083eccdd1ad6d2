"""Scale functions of the custom schedule: by name, or by the path of a function in a trusted module."""

from __future__ import annotations

import importlib
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from clr.errors import InvalidSchedule
from clr.schedules.parameters import Rule

SCALE_MODES = ("cycle", "iterations")

NAMED: Mapping[str, Callable[[float], float]] = {
    "constant": lambda x: 1.0,
    "halving": lambda x: math.ldexp(2.0, -int(min(x, 2000.0))),
    "inverse": lambda x: 1.0 / x if x else math.inf,
    "sine": lambda x: 0.5 * (1.0 + math.sin(math.fmod(x, 4.0) * math.pi / 2.0)),
}

_PATH = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", re.ASCII)
_trusted: set[str] = set()


def trust(*modules: str) -> None:
    """Lets schedules take scale functions from these modules by import path, in this process.

    Args:
        modules: full names, e.g. "my_package.scales".
    """
    _trusted.update(modules)


@dataclass(frozen=True)
class ScaleFunction(Rule):
    """A scale function, stored as its name or path, so that a schedule stays a plain value."""

    description: str

    def normalised(self, value: object) -> str:
        if callable(value):
            return _path_of(value)
        if not isinstance(value, str) or not (value in NAMED or _PATH.fullmatch(value)):
            raise ValueError(f"must be one of {', '.join(NAMED)}, a function, or 'module:function'")
        return str(value)

    def json_schema(self) -> dict[str, Any]:
        return {"type": "string", "anyOf": [{"enum": list(NAMED)}, {"pattern": f"^{_PATH.pattern}$"}]}


def scale_factors(name: str, argument: np.ndarray[Any, np.dtype[np.float64]]) -> np.ndarray[Any, np.dtype[np.float64]]:
    """The function's value at each argument; it is called once for each that differs.

    Raises:
        InvalidSchedule: it is not trusted, can't be imported, or gives a value that is no finite number >= 0.
    """
    function = NAMED[name] if name in NAMED else _imported(name)
    distinct, where = np.unique(argument, return_inverse=True)
    factors = np.array([_factor(function, name, float(x)) for x in distinct], dtype=np.float64)
    return factors[where].reshape(argument.shape)


def _factor(function: Callable[[float], float], name: str, x: float) -> float:
    factor = function(x)
    try:
        usable = math.isfinite(factor) and factor >= 0
    except TypeError:
        usable = False
    if not usable:
        raise InvalidSchedule(
            "custom", "scale_fn", f"must give finite numbers of at least 0, but {name}({x}) does not", factor
        )
    return float(factor)


def _imported(path: str) -> Callable[[float], float]:
    module, _, attribute = path.partition(":")
    if not {module, path} & _trusted:
        rule = f"is not of a trusted module: call clr.schedules.trust({module!r}), or pass the function itself"
        raise InvalidSchedule("custom", "scale_fn", rule, path)
    try:
        found: Any = importlib.import_module(module)
        for name in attribute.split("."):
            found = getattr(found, name)
    except (ImportError, AttributeError) as error:
        raise InvalidSchedule("custom", "scale_fn", f"can't be imported ({error})", path) from error
    return found  # type: ignore[no-any-return]


def _path_of(function: Callable[..., Any]) -> str:
    """A function's own path, trusted from here on: whoever holds the function may use it."""
    path = f"{getattr(function, '__module__', '')}:{getattr(function, '__qualname__', '')}"
    if not _PATH.fullmatch(path):
        raise ValueError("must be a function with a name at the top of a module (no lambda, no inner function)")
    _trusted.add(path)
    if _imported(path) is not function:
        raise ValueError(f"must be found again as {path}")
    return path
