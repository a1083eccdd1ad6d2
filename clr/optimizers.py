"""The optimizers by name, their options, ranges and defaults (standard library only: plan and page read this too).

All of torch.optim but three, each refused with its reason. Options and defaults are torch's, a pair of torch's being
two options (betas -> beta1, beta2); sgd starts with momentum 0.9. The learning rate is no option, it is the schedule's.
`clr.training.optimizers` builds them.

Two things to know of torch's: asgd reads a rate one update late (its first two updates use the first rate), and
evaluates the weights, not their average; muon updates matrices alone, so that adamw updates the other parameters, with
the same rate (by default muon's steps are scaled to be as large as adamw's).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from clr.errors import UnknownName


class Option(NamedTuple):
    """One option of an optimizer: its kind, the closed range [low, high] of its value, and its default."""

    type: type[float] | type[bool] | type[int]
    low: float
    high: float
    default: float | bool


_BELOW_1 = 0.99999999
_WEIGHT_DECAY = Option(float, 0.0, 10.0, 0.0)
_DECOUPLED = Option(bool, 0, 1, False)
_EPS = Option(float, 1e-16, 1.0, 1e-8)
_BETAS = {"beta1": Option(float, 0.0, 0.999999, 0.9), "beta2": Option(float, 0.0, _BELOW_1, 0.999)}
_ADAM = {**_BETAS, "eps": _EPS, "weight_decay": _WEIGHT_DECAY}

OPTIMIZERS: dict[str, dict[str, Option]] = {
    "adadelta": {
        "rho": Option(float, 0.0, _BELOW_1, 0.9),
        "eps": _EPS._replace(default=1e-6),
        "weight_decay": _WEIGHT_DECAY,
    },
    "adafactor": {
        "beta2_decay": Option(float, -10.0, 0.0, -0.8),
        "eps1": Option(float, 0.0, 1.0, 0.0),  # 0: torch's None, the type's own epsilon
        "eps2": Option(float, 0.0, 1.0, 1e-3),
        "d": Option(float, 1.0, 1e6, 1.0),
        "weight_decay": _WEIGHT_DECAY,
    },
    "adagrad": {
        "lr_decay": Option(float, 0.0, 1.0, 0.0),
        "initial_accumulator_value": Option(float, 0.0, 1e6, 0.0),
        "eps": _EPS._replace(default=1e-10),
        "weight_decay": _WEIGHT_DECAY,
    },
    "adam": {**_ADAM, "amsgrad": Option(bool, 0, 1, False)},
    "adamax": _ADAM,
    "adamw": {**_ADAM, "weight_decay": _WEIGHT_DECAY._replace(default=0.01), "amsgrad": Option(bool, 0, 1, False)},
    "asgd": {
        "lambd": Option(float, 0.0, 1.0, 1e-4),
        "alpha": Option(float, 0.0, 1.0, 0.75),
        "t0": Option(float, 0.0, 1e12, 1e6),
        "weight_decay": _WEIGHT_DECAY,
    },
    "muon": {
        "momentum": Option(float, 0.0, 0.9999, 0.95),
        "nesterov": Option(bool, 0, 1, True),
        "ns_steps": Option(int, 1, 50, 5),
        "match_rms_adamw": Option(bool, 0, 1, True),
        **_BETAS,
        "eps": _EPS,
        "weight_decay": _WEIGHT_DECAY._replace(default=0.1),
    },
    "nadam": {**_ADAM, "momentum_decay": Option(float, 0.0, 1.0, 0.004), "decoupled_weight_decay": _DECOUPLED},
    "radam": {**_ADAM, "decoupled_weight_decay": _DECOUPLED},
    "rmsprop": {
        "alpha": Option(float, 0.0, _BELOW_1, 0.99),
        "momentum": Option(float, 0.0, 0.9999, 0.0),
        "centered": Option(bool, 0, 1, False),
        "eps": _EPS,
        "weight_decay": _WEIGHT_DECAY,
    },
    "sgd": {
        "momentum": Option(float, 0.0, 0.9999, 0.9),
        "dampening": Option(float, 0.0, 1.0, 0.0),
        "nesterov": Option(bool, 0, 1, False),
        "weight_decay": _WEIGHT_DECAY,
    },
}
"""name -> option -> (type, low, high, default)."""

TORCH_CLASSES = {
    "adadelta": "Adadelta", "adafactor": "Adafactor", "adagrad": "Adagrad", "adam": "Adam", "adamax": "Adamax",
    "adamw": "AdamW", "asgd": "ASGD", "muon": "Muon", "nadam": "NAdam", "radam": "RAdam", "rmsprop": "RMSprop",
    "sgd": "SGD",
}  # fmt: skip
"""name -> its class in torch.optim."""

REFUSED = {
    "lbfgs": "it evaluates the loss several times per update (torch's closure), so that an iteration is no longer one "
    "update on one batch",
    "rprop": "it takes only its very first step size from the learning rate, so that all schedules train alike",
    "sparseadam": "it takes sparse gradients alone, and the models here have dense ones",
}
"""torch's optimizers that are not offered, and why."""

_NORMALISING = frozenset({"adafactor", "adam", "adamax", "adamw", "muon", "nadam", "radam", "rmsprop"})


def names() -> tuple[str, ...]:
    """The optimizers' names, sorted."""
    return tuple(sorted(OPTIMIZERS))


def normalises(name: str) -> bool:
    """Whether an optimizer's step is about as large as the rate whatever the gradients' size: Adam and its kin.

    Their rates lie lower than SGD's: a range test should look for them elsewhere.
    """
    return name in _NORMALISING


def options(name: str) -> dict[str, Option]:
    """The options of an optimizer.

    Raises:
        UnknownName: no optimizer of that name, or one that is refused: the message says why.
    """
    if name not in OPTIMIZERS:
        reason = f"{name} can't be used here: {REFUSED[name]}." if name in REFUSED else ""
        raise UnknownName("optimizer", name, names(), hint=reason)
    return OPTIMIZERS[name]


def check(name: str, given: Mapping[str, object]) -> list[str]:
    """Everything that is wrong with an optimizer's name and options, one sentence each; empty if nothing is.

    Example:
        >>> check("sgd", {"momentum": 2, "beta1": 0.9})
        ['momentum of sgd must lie in [0, 0.9999], got 2.', \
'sgd has no option beta1. Its options: momentum, dampening, nesterov, weight_decay.']
    """
    try:
        known = options(name)
    except UnknownName as error:
        return [str(error)]
    messages = [message for option, value in given.items() if (message := _fault(name, known, option, value))]
    merged = {option: spec.default for option, spec in known.items()} | dict(given)
    if not messages and name == "sgd":
        messages += _nesterov(merged)
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


def torch_arguments(options: Mapping[str, float | bool]) -> dict[str, Any]:
    """Options of ours as torch's arguments: torch has pairs where we have two, words, and None for a 0.

    >>> torch_arguments({"eps1": 0.0, "eps2": 0.001, "weight_decay": 0.1})
    {'weight_decay': 0.1, 'eps': (None, 0.001)}
    """
    found: dict[str, Any] = dict(options)
    if "beta1" in found:
        found["betas"] = (found.pop("beta1"), found.pop("beta2"))
    if "eps1" in found:
        found["eps"] = (found.pop("eps1") or None, found.pop("eps2"))
    if "match_rms_adamw" in found:
        found["adjust_lr_fn"] = "match_rms_adamw" if found.pop("match_rms_adamw") else "original"
    if "ns_steps" in found:
        found["ns_steps"] = int(found["ns_steps"])
    return found


def _nesterov(merged: Mapping[str, object]) -> list[str]:
    """What torch's SGD demands of options together."""
    if not merged["nesterov"]:
        return []
    messages = []
    if not merged["momentum"]:
        messages.append(f"nesterov of sgd needs momentum above 0, got {merged['momentum']!r}.")
    if merged["dampening"]:
        messages.append(f"nesterov of sgd needs dampening 0, got {merged['dampening']!r}.")
    return messages


def _fault(name: str, known: Mapping[str, Option], option: str, value: object) -> str:
    if option not in known:
        return f"{name} has no option {option}. Its options: {', '.join(known)}."
    spec = known[option]
    if spec.type is bool:
        return "" if isinstance(value, bool) else f"{option} of {name} must be true or false, got {value!r}."
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    whole = spec.type is not int or value == math.floor(value) if number and isinstance(value, int | float) else False
    if whole and isinstance(value, int | float) and spec.low <= value <= spec.high:
        return ""
    kind = "be a whole number" if spec.type is int else "lie"
    return f"{option} of {name} must {kind} in [{spec.low:g}, {spec.high:.8g}], got {value!r}."
