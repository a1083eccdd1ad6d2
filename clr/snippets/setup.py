"""What a snippet shows around the schedule: the optimizer's line, and remarks on top."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class TorchOptimizer:
    """One of torch's optimizers.

    Attributes:
        name: of its class in torch.optim, e.g. "AdamW". options: its arguments beside parameters and lr.
        parameters: which it updates: all, or those with `ndim == 2` ("matrices"), or the rest ("others").
    """

    name: str = "SGD"
    options: Mapping[str, Any] = field(default_factory=dict)
    parameters: str = "all"

    def call(self, lr: float, parameters: str) -> str:
        """The expression that makes it."""
        arguments = [f"lr={lr!r}", *(f"{name}={value!r}" for name, value in self.options.items())]
        return f"torch.optim.{self.name}({parameters}, {', '.join(arguments)})"


@dataclass(frozen=True)
class Setup:
    """What trains beside the schedule: plain SGD unless a study says otherwise.

    Attributes:
        optimizers: one; two where torch needs a second one for some of the parameters.
        about: remarks for the top of the script, a line each.
    """

    optimizers: tuple[TorchOptimizer, ...] = (TorchOptimizer(),)
    about: tuple[str, ...] = ()

    @property
    def remarks(self) -> str:
        """The remarks as comments, with an empty line after them."""
        return "".join(f"# {line}\n" for line in self.about) + ("\n" if self.about else "")

    def optimizer(self, lr: float, model: str = "model") -> str:
        """The expression of the optimizer; torch's SGD where one is not enough."""
        only = self.optimizers[0] if len(self.optimizers) == 1 else TorchOptimizer()
        return only.call(lr, f"{model}.parameters()")

    def lines(self, lr: float, comment: str, scheduler: str) -> str:
        """The lines that make optimizer and scheduler.

        Args:
            lr: the optimizer's. comment: on its line. scheduler: the expression, of `optimizer`; "" for none.
        """
        if len(self.optimizers) == 1:
            made = [f"optimizer = {self.optimizer(lr)}  # {comment}"]
            return "\n".join([*made, *([f"scheduler = {scheduler}"] if scheduler else [])])
        calls = [f"    {one.call(lr, one.parameters)}," for one in self.optimizers]
        made = [
            "matrices = [one for one in model.parameters() if one.ndim == 2]",
            "others = [one for one in model.parameters() if one.ndim != 2]",
            f"optimizers = [  # {comment}",
            *calls,
            "]",
        ]
        return "\n".join([*made, *([f"schedulers = [{scheduler} for optimizer in optimizers]"] if scheduler else [])])

    def loop(self, iterations: int, comment: str, scheduled: bool = True) -> str:
        """The training loop.

        Args:
            comment: on the scheduler's line. scheduled: whether there is one.
        """
        if len(self.optimizers) == 1:
            zero, step, follow = "optimizer.zero_grad()", ["optimizer.step()"], [f"scheduler.step()  # {comment}"]
        else:
            zero = "model.zero_grad()"
            step = ["for optimizer in optimizers:", "    optimizer.step()"]
            follow = ["for scheduler in schedulers:", f"    scheduler.step()  # {comment}"]
        body = ["loss = model(torch.ones(8, 4)).mean()  # yours", zero, "loss.backward()", *step]
        lines = [f"for update in range({iterations}):", *body, *(follow if scheduled else [])]
        return "\n    ".join(lines) + "\n"
