"""`clr.run()`: what a training script is asked to train, and where it says how it goes."""

from __future__ import annotations

import math
import os
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clr.errors import InvalidRun
from clr.schedules import Fixed, Schedule, from_dict
from clr.scripts import files
from clr.scripts.files import Assignment

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from clr.lr_scheduler import ScheduleLR

DEFAULT_ITERATIONS = 1000
DEFAULT_REPORTS = 20


class Run:
    """One training run as its script sees it. `clr.run()` makes it.

    The unit is the optimizer update: `i` updates done is `scheduler.iteration`, whatever the number of batches that an
    update takes and of updates that GradScaler skipped.

    Attributes:
        iterations: length of the run [optimizer updates].
        evaluate_every: report at its multiples, and at the end [optimizer updates]; `due` says when.
        seed: of initial weights, order and dropout. split_seed: of the cut into training and validation.
        phase: "range-test", "search" or "confirm" under a worker, "alone" otherwise.
        test: whether to measure the test split at the end, for `report_test`.
        options: the task's options, by name. device: "cpu", "cuda:0".
        batch_size, optimizer, optimizer_options, model, model_options: what the study's spec says of them; "" and 0
            alone.
    """

    def __init__(self, asked: Assignment, schedule: Schedule | None) -> None:
        self._asked, self._schedule = asked, schedule
        self._applied: Callable[[], float] | None = None
        self._scheduler: ScheduleLR | None = None
        self.iterations, self.evaluate_every = asked.iterations, asked.evaluate_every
        self.seed, self.split_seed, self.phase, self.test = asked.seed, asked.split_seed, asked.phase, asked.test
        self.options, self.device, self.batch_size = dict(asked.options), asked.device, asked.batch_size
        self.optimizer, self.optimizer_options = asked.optimizer, dict(asked.optimizer_options)
        self.model, self.model_options = asked.model, dict(asked.model_options)

    @property
    def epochs(self) -> int:
        """Passes over the training data that hold the run's updates, rounded up.

        Raises:
            InvalidRun: nobody said how many updates an epoch has.
        """
        if self._asked.updates_per_epoch is None:
            raise InvalidRun("updates_per_epoch", "must be said by the task, or to clr.run(), for run.epochs", None)
        return math.ceil(self.iterations / self._asked.updates_per_epoch)

    @property
    def schedule(self) -> Schedule:
        """The learning rate as a function of the update.

        Raises:
            InvalidRun: the script runs alone and named none.
        """
        if self._schedule is None:
            raise InvalidRun("schedule", "must be given to clr.run() where the script runs alone without torch", None)
        return self._schedule

    @cached_property
    def checkpoint_dir(self) -> Path:
        """A folder for the run's checkpoints, kept until its trial has ended: look there first, and go on from it.

        Write under another name and rename, so that no half-written file is found. Alone: the folder that `clr.run` was
        told, else a fresh one.
        """
        folder = Path(self._asked.checkpoint_dir or tempfile.mkdtemp(prefix="clr-run-"))
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def scheduler(self, optimizer: Optimizer, iteration: int = 0) -> ScheduleLR:
        """The run's schedule on a torch optimizer: call `step()` on it after each `optimizer.step()`.

        A batch that only accumulates gradients, and an update that GradScaler skipped, leave the rate where it is.
        Alone and without a schedule, the optimizer keeps the rate that it was built with.

        Args:
            optimizer: any of torch's; a group's `lr_mult` scales its rate.
            iteration: updates already made [optimizer updates], if the scheduler's state is not restored.
        """
        from clr.lr_scheduler import ScheduleLR

        schedule = self._schedule or Fixed(lr=float(optimizer.param_groups[0]["lr"]))
        self._scheduler = ScheduleLR(optimizer, schedule, iteration=iteration, iterations=self.iterations)
        self._applied = _last_rate(optimizer)
        return self._scheduler

    def rate(self, iteration: int) -> float:
        """The learning rate of update `iteration`, counted from 0: for loops that set it themselves."""
        return self.schedule(iteration)

    def due(self, iteration: int) -> bool:
        """Whether a report is due after so many updates. Reports in between are welcome, but not needed."""
        planned = iteration > 0 and iteration % self.evaluate_every == 0
        return planned or iteration == self.iterations or iteration in self._asked.rungs

    def report(self, iteration: int, *, lr: float | None = None, **metrics: Any) -> bool:
        """Says how the model does on validation data; returns whether to stop training.

        Args:
            iteration: updates done [optimizer updates]: `scheduler.iteration`.
            lr: the rate of the last update, in loops that set it themselves; `clr tasks check` compares it with the
                schedule. With `scheduler` it is known.
            metrics: finite numbers by name, the task's metric among them; fractions, not percent.

        Returns:
            True once the run has its updates, or shall end early: save what you want to keep, and leave the loop.

        Raises:
            InvalidRun: no metric, one that is no number, or one with a reserved name.
        """
        values = _checked(metrics)
        if isinstance(iteration, bool) or int(iteration) != iteration or iteration < 1:
            raise InvalidRun("iteration", "must be the number of updates done, at least 1", iteration)
        if self._asked.metrics_file:
            updates = self._scheduler.iteration if self._scheduler is not None else None
            self._append(files.line(int(iteration), values, self._last_rate() if lr is None else float(lr), updates))
        else:
            self._say(f"update {iteration} of {self.iterations}", values)
        return iteration >= self.iterations or self.stopping

    def report_test(self, **metrics: Any) -> None:
        """Says how the final model does on test data: once, and only where `run.test` is true (ignored otherwise).

        Raises:
            InvalidRun: no metric, or one that is no number.
        """
        values = _checked(metrics)
        if self._asked.metrics_file:
            if self.test:
                self._append(files.final_line(values))
        else:
            self._say("test", values)

    @property
    def stopping(self) -> bool:
        """Whether the run shall end early: its worker ends, its study was cancelled, or it was pruned."""
        return bool(self._asked.stop_file) and Path(self._asked.stop_file).exists()

    def _last_rate(self) -> float | None:
        """What the scheduler's optimizer last used; None without one, or before its first update."""
        rate = self._applied() if self._applied is not None else math.nan
        return rate if math.isfinite(rate) else None

    def _append(self, text: str) -> None:
        with Path(self._asked.metrics_file).open("a", encoding="utf-8") as metrics:
            metrics.write(text)

    def _say(self, what: str, values: Mapping[str, float]) -> None:
        sys.stderr.write(f"{what}: {', '.join(f'{name} {value:.6g}' for name, value in values.items())}\n")


def run(
    *,
    iterations: int = DEFAULT_ITERATIONS,
    schedule: Schedule | None = None,
    seed: int = 0,
    evaluate_every: int | None = None,
    updates_per_epoch: int | None = None,
    options: Mapping[str, Any] | None = None,
    checkpoint_dir: str | os.PathLike[str] | None = None,
    test: bool = True,
    device: str = "cpu",
) -> Run:
    """The run that this script shall train: a worker's where `CLR_RUN` names one, else the one described here.

    Under a worker every argument gives way to what the study asks for, but for options that it does not name.

    Args:
        iterations: length of the run [optimizer updates], int >= 1.
        schedule: the learning rate; None leaves the optimizer's own.
        seed: of initial weights, order and dropout, and of the cut into training and validation.
        evaluate_every: report at its multiples [optimizer updates]; default a twentieth of the run.
        updates_per_epoch: for `run.epochs` [optimizer updates].
        options: the script's options and their defaults.
        checkpoint_dir: where it keeps its state alone; a fresh folder if None, so that it starts from the beginning.
        test: whether to measure the test split at the end.
        device: what `run.device` says alone.

    Raises:
        InvalidRun: `CLR_RUN` names no run of this version, or a number is out of range.

    Example:
        >>> alone = run(iterations=100, schedule=Fixed(lr=0.1))
        >>> alone.iterations, alone.evaluate_every, alone.rate(99), alone.due(100)
        (100, 5, 0.1, True)
    """
    if named := os.environ.get(files.VARIABLE):
        asked = files.read(Path(named))
        return Run(_with_defaults(asked, options), from_dict(asked.schedule))
    _check_count("iterations", iterations)
    _check_count("evaluate_every", evaluate_every)
    _check_count("updates_per_epoch", updates_per_epoch)
    alone = Assignment(
        phase="alone",
        iterations=iterations,
        evaluate_every=evaluate_every or max(1, iterations // DEFAULT_REPORTS),
        seed=seed,
        split_seed=seed,
        schedule=schedule.to_dict() if schedule is not None else {},
        rates_file="",
        metrics_file="",
        stop_file="",
        checkpoint_dir=os.fspath(checkpoint_dir) if checkpoint_dir is not None else "",
        test=test,
        options=dict(options or {}),
        device=device,
        updates_per_epoch=updates_per_epoch,
    )
    return Run(alone, schedule)


def _check_count(name: str, value: object) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise InvalidRun(name, "must be a whole number of updates, at least 1", value)


def _with_defaults(asked: Assignment, options: Mapping[str, Any] | None) -> Assignment:
    return replace(asked, options={**(options or {}), **asked.options})


def _checked(metrics: Mapping[str, Any]) -> dict[str, float]:
    """Numbers, also those of NumPy and torch, as plain floats."""
    if not metrics:
        raise InvalidRun("metrics", "must hold one at least, e.g. accuracy=0.9", metrics)
    found: dict[str, float] = {}
    for name, value in metrics.items():
        if name in files.RESERVED:
            raise InvalidRun(name, "is no metric: the name is taken by the report itself", value)
        if isinstance(value, str | bytes | bool) or value is None:
            raise InvalidRun(name, "must be a number", value)
        try:
            found[name] = float(value.item() if hasattr(value, "item") else value)
        except (TypeError, ValueError, RuntimeError):
            raise InvalidRun(name, "must be a number", value) from None
    return found


def _last_rate(optimizer: Optimizer) -> Callable[[], float]:
    """What tells the rate that the optimizer used last, over the first group's own multiplier; NaN before any use."""
    used: list[Any] = [math.nan]

    def saw(optimizer: Optimizer, args: object, kwargs: object) -> None:
        rate = optimizer.param_groups[0]["lr"]
        used[0] = rate if isinstance(rate, float) else rate.clone()

    optimizer.register_step_pre_hook(saw)
    return lambda: float(used[0]) / (float(optimizer.param_groups[0].get("lr_mult", 1.0)) or math.nan)
