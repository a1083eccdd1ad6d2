"""Fresh weights for each seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import nn

from clr.errors import InvalidRangeTest

Reset = Callable[[nn.Module, int], object] | Literal[True] | None
"""(model, seed) -> writes fresh weights into the model; True: every layer's own `reset_parameters`; None: none."""


def reset(how: Reset, model: nn.Module, seed: int) -> None:
    """Gives the model the weights of a seed; the global generators are seeded already.

    Raises:
        InvalidRangeTest: it made new parameters, which the optimizer does not hold; or, with True, a layer has
            parameters and no way to reset them.
    """
    if how is None:
        return
    before = {name: id(parameter) for name, parameter in model.named_parameters(remove_duplicate=False)}
    if how is True:
        _by_layers(model)
    else:
        how(model, seed)
    after = {name: id(parameter) for name, parameter in model.named_parameters(remove_duplicate=False)}
    if changed := [name for name in before if after.get(name) != before[name]]:
        raise InvalidRangeTest(
            "reset",
            "must write into the parameters that the optimizer holds, e.g. by model.load_state_dict(...), not make new",
            changed,
        )


def _by_layers(model: nn.Module) -> None:
    """Parts before the whole, so that a layer that sets its parts' weights has the last word."""
    for name, module in reversed(list(model.named_modules())):
        for method in ("reset_parameters", "_reset_parameters"):
            if callable(found := getattr(module, method, None)):
                found()
                break
        else:
            if any(True for _ in module.parameters(recurse=False)):
                raise InvalidRangeTest(
                    "reset",
                    "must be a function (model, seed) here: a layer has weights and no reset_parameters()",
                    name or type(module).__name__,
                )
