"""A schedule as code that runs as it is, for the library of one's choice.

>>> from clr.schedules import Cosine
>>> print(snippet(Cosine(lr=0.1, end_lr=0.0, iterations=200), "torch"))
import torch
<BLANKLINE>
from clr import ScheduleLR
from clr.schedules import Cosine
<BLANKLINE>
schedule = Cosine(lr=0.1, end_lr=0.0, iterations=200)
<BLANKLINE>
model = torch.nn.Linear(4, 1)  # yours
optimizer = torch.optim.SGD(model.parameters(), lr=1.0)  # yours; the schedule sets its lr
scheduler = ScheduleLR(optimizer, schedule, iterations=200)
<BLANKLINE>
for update in range(200):
    loss = model(torch.ones(8, 4)).mean()  # yours
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    scheduler.step()  # once per update, not per epoch
<BLANKLINE>
"""

from __future__ import annotations

from collections.abc import Callable

from clr.errors import InvalidSchedule, UnknownName
from clr.schedules import Schedule
from clr.snippets import scripts, torch_class, torch_native
from clr.snippets.expressions import scale_functions
from clr.snippets.setup import Setup, TorchOptimizer

__all__ = ["KINDS", "Setup", "TorchOptimizer", "snippet"]

_ASSUMED_ITERATIONS = 1000

_KINDS: dict[str, Callable[[Schedule, int, Setup], str]] = {
    "torch": scripts.torch,
    "torch-native": torch_native.script,
    "torch-class": torch_class.script,
    "lightning": scripts.lightning,
    "transformers": scripts.transformers,
    "keras": scripts.keras,
    "optax": scripts.optax,
    "timm": scripts.timm,
    "accelerate": scripts.accelerate,
    "json": scripts.document,
}

KINDS = tuple(_KINDS)
"""What `snippet` can write for."""


def snippet(schedule: Schedule, kind: str, iterations: int | None = None, setup: Setup | None = None) -> str:
    """A script that trains under the schedule, to run as it is or to take the lines from that are not marked "yours".

    "torch", "lightning", "transformers", "keras", "optax", "timm" and "accelerate" need that library and clr-sweep.
    "torch-native" needs torch alone: a LambdaLR of a few lines with the same rates to the last bit; "torch-class" has
    torch's own scheduler class instead, where there is one with the family's rates but for rounding. "json" is the
    document that `clr.schedules.from_dict`, a study's spec and the service take.

    Args:
        schedule: the learning rate as a function of the update.
        kind: one of `KINDS`.
        iterations: length of the run [iterations], int >= 1; the schedule's own length if None, or 1000.
        setup: optimizer and remarks; torch's SGD and none if None.

    Raises:
        UnknownName: no such kind.
        InvalidSchedule: iterations is no whole number above 0, or a scale function stands in the script that is running
            (or in a console): no other process can import it.

    Example:
        >>> from clr.schedules import Fixed
        >>> print(snippet(Fixed(lr=0.1), "json"))
        {
          "family": "fixed",
          "lr": 0.1
        }
    """
    if kind not in _KINDS:
        raise UnknownName("kind of snippet", kind, KINDS)
    run = schedule.length or _ASSUMED_ITERATIONS if iterations is None else iterations
    if isinstance(run, bool) or not isinstance(run, int) or run < 1:
        raise InvalidSchedule("a snippet", "iterations", "must be a whole number above 0", iterations)
    if path := next((path for path in scale_functions(schedule) if path.startswith("__main__:")), None):
        rule = (
            "must stand in a module for a snippet, since another process can't import it from __main__: move the "
            "function into a file of its own, e.g. scales.py, and import it from there"
        )
        raise InvalidSchedule("custom", "scale_fn", rule, path)
    return _KINDS[kind](schedule, run, setup or Setup())
