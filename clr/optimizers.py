"""The optimizers by name, their options, ranges and defaults (standard library only: plan and page read this too).

`clr.training.optimizers` builds them; the learning rate is not an option, it is the schedule's.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from clr.errors import UnknownName


class Option(NamedTuple):
    """One option of an optimizer: its kind, the closed range [low, high] of its value, and its default."""

    type: type[float] | type[bool]
    low: float
    high: float
    default: float | bool


_WEIGHT_DECAY = Option(float, 0.0, 10.0, 0.0)
_ADAM = {
    "beta1": Option(float, 0.0, 0.999999, 0.9),
    "beta2": Option(float, 0.0, 0.99999999, 0.999),
    "eps": Option(float, 1e-16, 1.0, 1e-8),
}

OPTIMIZERS: dict[str, dict[str, Option]] = {
    "sgd": {
        "momentum": Option(float, 0.0, 0.9999, 0.9),
        "nesterov": Option(bool, 0, 1, False),
        "weight_decay": _WEIGHT_DECAY,
    },
    "adam": {**_ADAM, "weight_decay": _WEIGHT_DECAY},
    "adamw": {**_ADAM, "weight_decay": _WEIGHT_DECAY._replace(default=0.01)},
}
"""name -> option -> (type, low, high, default)."""


def names() -> tuple[str, ...]:
    """The optimizers' names, sorted."""
    return tuple(sorted(OPTIMIZERS))


def options(name: str) -> dict[str, Option]:
    """The options of an optimizer.

    Raises:
        UnknownName: no optimizer of that name.
    """
    if name not in OPTIMIZERS:
        raise UnknownName("optimizer", name, names())
    return OPTIMIZERS[name]


def check(name: str, given: Mapping[str, object]) -> list[str]:
    """Everything that is wrong with an optimizer's name and options, one sentence each; empty if nothing is.

    Example:
        >>> check("sgd", {"momentum": 2, "beta1": 0.9})
        ['momentum of sgd must lie in [0, 0.9999], got 2.', \
'sgd has no option beta1. Its options: momentum, nesterov, weight_decay.']
    """
    try:
        known = options(name)
    except UnknownName as error:
        return [str(error)]
    messages = [message for option, value in given.items() if (message := _fault(name, known, option, value))]
    merged = {option: spec.default for option, spec in known.items()} | dict(given)
    if not messages and merged.get("nesterov") and not merged["momentum"]:
        messages.append(f"nesterov of {name} needs momentum above 0, got {merged['momentum']!r}.")
    return messages


def complete(name: str, given: Mapping[str, float | bool]) -> dict[str, float | bool]:
    """`given` with the defaults of what it leaves out.

    Raises:
        UnknownName: no optimizer of that name.
        ValueError: an option is unknown or out of its range; the message lists all that are.
    """
    defaults = {option: spec.default for option, spec in options(name).items()}
    if messages := check(name, given):
        raise ValueError(" ".join(messages))
    return defaults | dict(given)


def _fault(name: str, known: Mapping[str, Option], option: str, value: object) -> str:
    if option not in known:
        return f"{name} has no option {option}. Its options: {', '.join(known)}."
    spec = known[option]
    if spec.type is bool:
        return "" if isinstance(value, bool) else f"{option} of {name} must be true or false, got {value!r}."
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if number and isinstance(value, int | float) and spec.low <= value <= spec.high:
        return ""
    return f"{option} of {name} must lie in [{spec.low:g}, {spec.high:.8g}], got {value!r}."
