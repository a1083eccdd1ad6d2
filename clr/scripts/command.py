"""A command as a task: each trial is a process that is told by one file what to train, and heard by another."""

from __future__ import annotations

import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from clr import schedules
from clr.errors import ScriptDied, TaskError
from clr.protocol import TaskFacts, TrialConfig
from clr.results import Checkpoint, Diverged, Event, Finished, Interrupted, Pruned, Saved
from clr.scripts import definition, files
from clr.scripts.account import Account
from clr.scripts.checkpoints import Kept
from clr.scripts.definition import TaskDefinition
from clr.scripts.files import Assignment, FinalReport, Reported
from clr.scripts.functions import TrainFunction
from clr.scripts.process import ScriptProcess
from clr.scripts.reports import ReportReader

TICK = 0.1
PARTING = 10.0
"""How long a script may go on that has reported all it had to [seconds]."""

STOPPING = 6.0
"""How long a script that was asked to stop may take to save [seconds]; its supervisor waits 10."""

_BLOCK = 1 << 20
_STOP = "stop"
_NEVER = sys.maxsize
_FINAL = (Finished, Diverged, Pruned)


@dataclass(frozen=True)
class CommandTask:
    """A command that trains itself (`clr.tasks.self_trained.SelfTrained`).

    Attributes:
        task: what its file says.
        words: takes the place of the file's command.
    """

    task: TaskDefinition
    words: Sequence[str] = ()

    def announced(self) -> TaskFacts:
        return self.task.facts()

    def events(
        self,
        config: TrialConfig,
        *,
        device: str,
        checkpoints: str | os.PathLike[str],
        key: str,
        interrupt: threading.Event,
        heard: Callable[[Reported | FinalReport], None] | None = None,
    ) -> Iterator[Event]:
        """Runs one trial (`clr.tasks.self_trained`). `heard`: takes each report as the script wrote it."""
        with tempfile.TemporaryDirectory(prefix="clr-run-") as name:
            scratch = Path(name)
            kept = Kept(checkpoints, key, scratch)
            final = False
            try:
                with self._started(config, device, scratch, kept) as process:
                    account = Account(config, self.task.metric, self.task.direction, tested=self.task.test_size > 0)
                    course = _Course(process, account, scratch / _STOP, kept, key, self.task.hang, interrupt, heard)
                    for event in course.events():
                        final = isinstance(event, _FINAL)
                        yield event
            except TaskError:  # it would do the same again
                final = True
                raise
            finally:
                kept.leave(final=final)

    def _started(self, config: TrialConfig, device: str, scratch: Path, kept: Kept) -> ScriptProcess:
        document, asked = scratch / "run.json", self._assignment(config, device, scratch, kept)
        asked.write(document)
        _write_rates(schedules.from_dict(config.schedule), config.iterations, Path(asked.rates_file))
        words = list(self.words) or self.task.filled(asked)
        return ScriptProcess(words, Path(self.task.folder), {files.VARIABLE: str(document)}, scratch)

    def _assignment(self, config: TrialConfig, device: str, scratch: Path, kept: Kept) -> Assignment:
        return Assignment(
            phase=config.phase,
            iterations=config.iterations,
            evaluate_every=config.evaluate_every,
            seed=config.seed,
            split_seed=config.split_seed,
            schedule=config.schedule,
            rates_file=str(scratch / "rates.f64"),
            metrics_file=str(kept.metrics),
            stop_file=str(scratch / _STOP),
            checkpoint_dir=str(kept.checkpoints),
            test=config.test and self.task.test_size > 0,
            options=self.task.defaults() | config.task_options,
            device=device,
            optimizer=config.optimizer,
            optimizer_options=config.optimizer_options,
            batch_size=config.batch_size,
            model=config.model,
            model_options=config.model_options,
            updates_per_epoch=self.task.epoch,
            rungs=[rung.iteration for rung in config.rungs],
        )


@dataclass
class _Course:
    """One script at work, from its start to the trial's last event."""

    process: ScriptProcess
    account: Account
    stop_file: Path
    kept: Kept
    key: str
    hang: float
    interrupt: threading.Event
    heard: Callable[[Reported | FinalReport], None] | None = None
    reports: int = 0

    def events(self) -> Iterator[Event]:
        reader = ReportReader(self.kept.metrics)
        quiet = 0.0  # counted in ticks: a machine that slept must not blame the script
        while True:
            code, before = self.process.wait(TICK), self.reports
            for event in self._reported(reader, code):
                yield event
                if isinstance(event, _FINAL):
                    return
            quiet = quiet + TICK if self.reports == before else 0.0
            if code is not None or self.account.complete:
                yield from self._with_checkpoint(self._ended(code))
                return
            if self.interrupt.is_set():
                yield from self._interrupted(reader)
                return
            if quiet >= self.hang:
                raise ScriptDied(f"The script hung: it reported nothing for {self.hang:g} s.")

    def _reported(self, reader: ReportReader, code: int | None) -> Iterator[Event]:
        """What was reported since the last look; earlier attempts' reports come before those that go on from them."""
        for report in reader.read(ended=code is not None):
            self.reports += 1
            if self.heard is not None:
                self.heard(report)
            if isinstance(report, Reported):
                yield from self._earlier(report.iteration)
            for event in self.account.take(report):
                yield from self._with_checkpoint(event)
        if code == 0:
            yield from self._earlier(_NEVER)

    def _earlier(self, before: int) -> Iterator[Event]:
        for report in self.kept.reports_before(before):
            yield from self.account.take(report)

    def _ended(self, code: int | None) -> Event:
        if code is None:
            self.process.wait(PARTING)
            return self.account.finished()
        return self.account.ended(code)

    def _interrupted(self, reader: ReportReader) -> Iterator[Event]:
        with suppress(OSError):
            self.stop_file.touch()
        for event in self._reported(reader, self.process.wait(STOPPING)):
            yield event
            if isinstance(event, _FINAL):
                return
        account = self.account
        yield from self._with_checkpoint(account.finished() if account.complete else Interrupted(account.iteration))

    def _with_checkpoint(self, event: Event) -> Iterator[Event]:
        """The event, behind a checkpoint that the script wrote since the one before."""
        if self.account.iteration and self.kept.changed():
            yield Saved(Checkpoint(iteration=self.account.iteration, path=self.key, sha256=""))
        yield event


def of_function(function: TrainFunction) -> CommandTask:
    """The task of a function `train(run)`: it is called in a process of its own.

    Raises:
        TaskError: it can't be found by its name from another process.
        InvalidSpec: what it says of itself is wrong, by field.
    """
    (module, name), source = function.home, function.source
    if source is None or "<" in name:
        raise TaskError(f"Function {name} of {module} must be written at the top of its module to be a task.")
    folder = "" if "." in module else str(source.parent)  # a package's module is found by its name
    words = [sys.executable, "-P", "-m", "clr.scripts.call", module, name, folder]
    about: dict[str, Any] = {**function.about, "folder": str(source.parent), "command": f"{module}:{name}"}
    return CommandTask(definition.define({**about, "files": [source.name, *about.get("files", ())]}), words)


def _write_rates(schedule: schedules.Schedule, iterations: int, path: Path) -> None:
    with path.open("wb") as rates:
        for start in range(0, iterations, _BLOCK):
            block = schedule(np.arange(start, min(start + _BLOCK, iterations)))
            rates.write(np.asarray(block, dtype="<f8").tobytes())
