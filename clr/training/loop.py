"""The plain loop: one trial from a config to events. It calls nobody; it is the oracle of every faster way to train."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from clr.protocol import TrialConfig
from clr.results import Checkpoint, Diverged, Evaluated, Evaluation, Event, Finished, Interrupted, Pruned, Saved
from clr.tasks import registry
from clr.tasks.base import Task
from clr.training.checkpoint import CheckpointStore
from clr.training.stopwatch import Stopwatch
from clr.training.trial import LiveTrial

EXPLODED = 1e4
"""A loss above EXPLODED x max(first loss, 1) counts as diverged, though it is finite."""

CHECK_EVERY = 32
"""Updates between two looks at the losses: reading a loss waits for the device, so they are read together."""


def train(
    config: TrialConfig,
    *,
    task: Task | None = None,
    device: str | torch.device = "cpu",
    checkpoints: CheckpointStore | None = None,
    checkpoint_key: str = "trial",
    resume: Checkpoint | None = None,
    interrupt: threading.Event | None = None,
    checkpoint_seconds: float = 30.0,
    stopwatch: Stopwatch | None = None,
) -> Iterator[Event]:
    """Runs one trial and yields what happens.

    Every `evaluate_every` iterations, at each rung and at the last, an `Evaluated` on the validation split; after it a
    `Saved` where `checkpoint_seconds` have passed since the last one. Then exactly one of `Finished`, `Diverged`,
    `Pruned` (at a rung the metric was worse than the threshold) and `Interrupted`. In a range test the stop rule of
    `clr.training.range_test` may finish the run early; later evaluations are absent.

    Diverged is a loss that is NaN, infinite or above 10,000 x max(first loss, 1), or a validation metric that is not
    finite; its iteration is that update's, counted from 1.

    On a CPU the same config gives the same bits under the same versions and number of threads, also over a resume. The
    global random generators are the caller's between two events.

    Args:
        config: everything that determines the trial.
        task: the config's task where the caller has it at hand.
        device: "cpu", "cuda", "cuda:1".
        checkpoints: where to save; None saves nothing.
        checkpoint_key: "<slot>/f<fencing token>", the folder of this attempt's checkpoints.
        resume: an earlier attempt's checkpoint, to go on from.
        interrupt: looked at before every update: save, then end.
        checkpoint_seconds: at least so long between two checkpoints [s]; 0 saves at every evaluation.
        stopwatch: is told of updates and evaluations as they are done.

    Raises:
        CheckpointError: `resume` is missing, damaged or another trial's, or a checkpoint can't be written.
        TaskError: the task can't give its data or its model.
        UnknownName: no such task, model or optimizer.
        ValueError: `resume` without `checkpoints`, or an option or the batch size is out of range.
    """
    if resume is not None and checkpoints is None:
        raise ValueError("resume needs checkpoints: the store that holds it.")
    trial = LiveTrial(config, task or registry.make(config.task, config.task_options), device)
    saver = _Saver(checkpoints, checkpoint_key, checkpoint_seconds)
    events = _events(trial, saver, resume, interrupt or threading.Event(), stopwatch or Stopwatch())
    while True:
        with trial.randomness.installed():
            event = next(events, None)
        if event is None:
            return
        yield event


def _events(
    trial: LiveTrial, saver: _Saver, resume: Checkpoint | None, interrupt: threading.Event, stopwatch: Stopwatch
) -> Iterator[Event]:
    if resume is not None and saver.store is not None:
        trial.restore(saver.store.load(resume))
    update, config = trial.updates(), trial.config
    while trial.iteration < config.iterations and not trial.stopped:
        until = _next_evaluation(config, trial.iteration)
        if diverged := _advance(trial, update, until, interrupt, stopwatch):
            yield diverged
            return
        if trial.iteration < until:
            yield from saver.save(trial)
            yield Interrupted(trial.iteration)
            return
        with stopwatch.evaluation():
            evaluation = trial.evaluate()
        if diverged := _unusable(evaluation):
            yield diverged
            return
        trial.values.append(evaluation.metrics[trial.task.metric])
        yield Evaluated(evaluation)
        if pruned := _pruned(trial):
            yield pruned
            return
        if trial.iteration < config.iterations and saver.due():
            yield from saver.save(trial)
    yield Finished(trial.iteration, trial.values[-1], trial.test())


def _next_evaluation(config: TrialConfig, iteration: int) -> int:
    """The first evaluated iteration after this one: a multiple of `evaluate_every`, a rung, or the last."""
    regular = (iteration // config.evaluate_every + 1) * config.evaluate_every
    return min(config.iterations, regular, *(rung.iteration for rung in config.rungs if rung.iteration > iteration))


def _pruned(trial: LiveTrial) -> Pruned | None:
    """The end of a trial that has just been evaluated at a rung, and was worse there than its threshold."""
    sign, value = (1.0 if trial.task.direction == "maximize" else -1.0), trial.values[-1]
    for rung in trial.config.rungs:
        if rung.iteration == trial.iteration and rung.threshold is not None and sign * value < sign * rung.threshold:
            return Pruned(trial.iteration, value)
    return None


def _advance(
    trial: LiveTrial, update: Callable[[int], Tensor], until: int, interrupt: threading.Event, stopwatch: Stopwatch
) -> Diverged | None:
    """Updates until `until`, an interrupt or a loss that is no longer one; `trial.iteration` says how far it came."""
    stopwatch.begins(trial.iteration)
    while trial.iteration < until and not interrupt.is_set():
        losses: list[Tensor] = []
        for iteration in range(trial.iteration, min(until, trial.iteration + CHECK_EVERY)):
            losses.append(update(iteration))
            if interrupt.is_set():
                break
        if diverged := _divergence(trial, torch.stack(losses).tolist()):
            return diverged
        trial.iteration += len(losses)
        stopwatch.at(trial.iteration)
    return None


def _divergence(trial: LiveTrial, losses: list[float]) -> Diverged | None:
    """The first of the losses since `trial.iteration` that is not finite or has exploded."""
    if trial.initial_loss is None:
        trial.initial_loss = losses[0]
    limit = EXPLODED * max(trial.initial_loss, 1.0)
    for done, loss in enumerate(losses, start=trial.iteration + 1):
        if not math.isfinite(loss):
            return Diverged(done, f"the training loss became {loss}")
        if loss > limit:
            return Diverged(done, f"the training loss exploded: {loss:.3g} is above {limit:.3g}")
    return None


def _unusable(evaluation: Evaluation) -> Diverged | None:
    for name, value in evaluation.metrics.items():
        if not math.isfinite(value):
            return Diverged(evaluation.iteration, f"the validation {name} became {value}")
    return None


@dataclass
class _Saver:
    """Where and how often a run is saved."""

    store: CheckpointStore | None
    key: str
    seconds: float

    def __post_init__(self) -> None:
        self._last = time.monotonic()

    def due(self) -> bool:
        return time.monotonic() - self._last >= self.seconds

    def save(self, trial: LiveTrial) -> Iterator[Saved]:
        if self.store is None:
            return
        contents = trial.contents()
        yield Saved(self.store.save(self.key, trial.iteration, contents.tensors, contents.values))
        self._last = time.monotonic()
