"""`@clr.task`: a function `train(run)` as a task."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from clr.scripts.run import Run

if TYPE_CHECKING:
    from clr.protocol import TaskFacts, TrialConfig
    from clr.results import Event
    from clr.scripts.command import CommandTask

declared: dict[str, TrainFunction] = {}
"""The functions that this process has declared, by their tasks' names: a worker announces them."""


@dataclass(frozen=True)
class TrainFunction:
    """A function that trains one run, and what a study must know of it. Calling it calls the function.

    Attributes:
        function: takes a `clr.Run`.
        about: the keys of a task file (docs/own-training.md), but for command and folder.
    """

    function: Callable[[Run], object]
    about: Mapping[str, Any] = field(default_factory=dict)

    def announced(self) -> TaskFacts:
        """What a study must know of it. Needs pydantic, as a worker has it."""
        return self.as_command().announced()

    def events(self, config: TrialConfig, **surroundings: Any) -> Iterator[Event]:
        """Runs one trial in a process of its own (`clr.tasks.self_trained`)."""
        return self.as_command().events(config, **surroundings)

    def as_command(self) -> CommandTask:
        """What calls it in a process of its own."""
        from clr.scripts.command import of_function

        return of_function(self)

    def __call__(self, run: Run) -> object:
        return self.function(run)

    @property
    def source(self) -> Path | None:
        """The file that the function is written in, where there is one."""
        code = getattr(self.function, "__code__", None)
        return Path(code.co_filename).resolve() if code is not None else None

    @property
    def home(self) -> tuple[str, str]:
        """Module, and name in it."""
        module = self.function.__module__
        if module == "__main__" and self.source is not None:
            module = self.source.stem
        return module, getattr(self.function, "__qualname__", "<unnamed>")


def task(
    name: str,
    *,
    metric: str,
    direction: Literal["maximize", "minimize"],
    updates_per_epoch: int | None = None,
    iterations: int | None = None,
    options: Mapping[str, Any] | None = None,
    train_size: int = 0,
    validation_size: int = 0,
    test_size: int = 0,
    files: Sequence[str] = (),
    hang: float | None = None,
    description: str = "",
) -> Callable[[Callable[[Run], object]], TrainFunction]:
    """Declares a function `train(run)` as a task; `run.report` and the rest are as in a script.

    A worker finds it by `--tasks module`, or by the entry point group `clr.tasks` ("name = module:train"), and calls it
    in a process of its own, one per trial.

    Args:
        name: what specs call it. metric: the reported metric that decides. direction: whether more of it is better.
        updates_per_epoch, iterations: how long training usually is: exactly one of the two [optimizer updates].
        options: by name, their defaults, or a JSON schema with one.
        test_size: examples of the test split, of a function that calls `run.report_test`.
        train_size, validation_size: examples of the others, where known.
        files: further files that its results depend on, beside the function's own; part of the task's code hash.
        hang: silence after which it has hung [seconds]; default 600.
        description: one line for `clr tasks`.
    """
    about = {
        "name": name,
        "metric": metric,
        "direction": direction,
        "updates_per_epoch": updates_per_epoch,
        "iterations": iterations,
        "options": dict(options or {}),
        "train_size": train_size,
        "validation_size": validation_size,
        "test_size": test_size,
        "files": tuple(files),
        "hang": hang,
        "description": description or "",
    }

    def declare(function: Callable[[Run], object]) -> TrainFunction:
        made = TrainFunction(function, {key: value for key, value in about.items() if value is not None})
        declared[name] = made
        return made

    return declare
