"""Several optimizers that act as one, each on parameters of its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, overload

import torch
from torch.optim import Optimizer


class PairedOptimizer(Optimizer):
    """One optimizer whose parameter groups, state and steps are those of its parts, in their order.

    Args:
        parts: at least one, over different parameters.
    """

    def __init__(self, parts: Sequence[Optimizer]) -> None:
        self.parts = tuple(parts)
        super().__init__([group for part in self.parts for group in part.param_groups], {})
        self._share()

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """A step of every part.

        Args:
            closure: computes the loss and its gradients anew, before the parts step.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for part in self.parts:
            part.step()
        return loss

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Takes the state and groups that `state_dict` gave."""
        super().load_state_dict(state_dict)
        self._share()

    def _share(self) -> None:
        """The parts' groups and state become this optimizer's own: a rate set here is the one that they use."""
        start = 0
        for part in self.parts:
            stop = start + len(part.param_groups)
            part.param_groups = self.param_groups[start:stop]
            start = stop
            for group in part.param_groups:
                for parameter in group["params"]:
                    if parameter in self.state:
                        part.state[parameter] = self.state[parameter]
            part.state = self.state
