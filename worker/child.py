"""The training child: `python -m worker.child`, started by a supervisor and kept between trials.

It talks over a socket that it inherits, so a task may print what it likes. It ends with its supervisor: the kernel
kills it (Linux), and elsewhere the end of the socket does.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import os
import platform
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any, cast

from clr import results
from clr.errors import CheckpointError, InvalidSchedule, MissingExtra, ScriptDied, TaskError, UnknownName
from clr.protocol import TrialConfig
from clr.scripts import sources
from worker import device as devices
from worker import memory, messages
from worker.kept import KeptTask
from worker.parent import end_with

if TYPE_CHECKING:
    from clr.tasks.base import Task
    from clr.training.stopwatch import Stopwatch

ALIVE_SECONDS = 1.0
"""At most so often the child says that iterations go on."""
HOPELESS = (UnknownName, TaskError, InvalidSchedule, MissingExtra)
"""What a task or config raises every time."""
Requests = queue.SimpleQueue[messages.Train | messages.Discard]
_LONGEST_REASON = 2000


class Interrupt(threading.Event):
    """The training loop asks after each iteration whether to stop: that question is its sign of life.

    Args:
        tell: called in the asking thread, at most every `ALIVE_SECONDS`.
    """

    def __init__(self, tell: Callable[[], None]) -> None:
        super().__init__()
        self._tell, self._told_at = tell, time.monotonic()

    def is_set(self) -> bool:
        now = time.monotonic()
        if now - self._told_at >= ALIVE_SECONDS:
            self._told_at = now
            self._tell()
        return super().is_set()


class Trainer:
    """Runs trials on one device; keeps the last task made, and so its data, for the next trial.

    Args:
        device: as the service shows it; this process sees a GPU as cuda:0.
        threads: of torch on the CPU.
        checkpoints: the folder or URL that workers share.
        checkpoint_seconds: pause between two checkpoints of a trial [seconds].
        say: takes each message for the supervisor.
        max_memory: of a GPU, that was set as this process's limit [bytes]; None: none was.
    """

    def __init__(
        self,
        device: str,
        threads: int,
        checkpoints: str,
        checkpoint_seconds: float,
        say: Callable[[messages.Said], None],
        max_memory: int | None = None,
    ) -> None:
        from clr.training.checkpoint import CheckpointStore

        self._device, self._threads, self._say = device, threads, say
        self._store, self._checkpoint_seconds = CheckpointStore(checkpoints), checkpoint_seconds
        self._checkpoints = checkpoints
        self._max_memory = max_memory
        self._made: tuple[str, Task] | None = None
        self.interrupt = Interrupt(lambda: say(messages.Alive()))

    def run(self, ask: messages.Train) -> messages.Ended:
        """One trial, from its first iteration or a checkpoint to how it ended."""
        began = time.monotonic()
        try:
            ended = self._described(ask.config) if ask.config.phase == "describe" else self._trained(ask)
        except HOPELESS as error:
            ended = messages.Failed(reason=_reason(error))
        except ScriptDied as error:
            ended = messages.Raised(reason=str(error)[:_LONGEST_REASON])  # its own last lines say why
        except Exception as error:
            traceback.print_exc()
            ended = self._over_memory(error) or messages.Raised(reason=_reason(error))
        return ended.model_copy(update={"seconds": time.monotonic() - began})

    def _over_memory(self, error: Exception) -> messages.Failed | None:
        """Our own limit was met: trying again would not help."""
        import torch

        if self._max_memory is None or not isinstance(error, torch.OutOfMemoryError):
            return None
        return messages.Failed(
            reason=f"{memory.exceeded(self._max_memory, platform.node())} ({error})"[:_LONGEST_REASON]
        )

    def warm_up(self) -> None:
        """Imports what the first trial needs, in the time until it comes."""
        import torch

        importlib.import_module("clr.training.loop")
        torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.0)  # the first optimizer imports for two seconds

    def discard(self, folder: str) -> None:
        """Removes a slot's checkpoints; what can't be removed stays, and is only untidy."""
        try:
            self._store.discard(folder)
        except OSError as error:
            print(f"Checkpoints {folder} stay: {error}", file=sys.stderr)  # noqa: T201

    def _described(self, config: TrialConfig) -> messages.Described:
        return messages.Described(facts=self._task(config).facts(), provenance=self._provenance(config, None))

    def _trained(self, ask: messages.Train) -> messages.Ended:
        try:
            return self._last(ask, self._provenance(ask.config, ask.resume))
        except CheckpointError as error:
            if ask.resume is None:
                raise
            print(f"Starting over: {error}", file=sys.stderr)  # noqa: T201  (goes into the attempt's tail)
            afresh = ask.model_copy(update={"resume": None})
            return self._last(afresh, self._provenance(ask.config, None))

    def _events(self, ask: messages.Train, stopwatch: Stopwatch) -> Iterator[results.Event]:
        from clr.tasks import registry
        from clr.training.loop import train

        device = "cpu" if self._device == "cpu" else "cuda:0"
        if (script := registry.self_trained(ask.config.task)) is not None:
            where: dict[str, Any] = {"checkpoints": self._checkpoints, "key": ask.key, "interrupt": self.interrupt}
            return _timed(script.events(ask.config, device=device, **where), stopwatch)
        return train(
            ask.config,
            task=self._task(ask.config),
            device=device,
            checkpoints=self._store,
            checkpoint_key=ask.key,
            resume=ask.resume,
            interrupt=self.interrupt,
            checkpoint_seconds=self._checkpoint_seconds,
            stopwatch=stopwatch,
        )

    def _last(self, ask: messages.Train, provenance: dict[str, Any]) -> messages.Ended:
        """Tells every event but the last, which becomes the trial's end, and once at what pace it trains."""
        from clr.training.stopwatch import Stopwatch

        stopwatch, told = Stopwatch(), False
        for event in self._events(ask, stopwatch):
            match event:
                case results.Evaluated(evaluation):
                    self._say(messages.Evaluated(evaluation=evaluation))
                    if not told and (pace := stopwatch.pace) is not None:
                        self._say(messages.Paced(pace=pace))
                        told = True
                case results.Saved(checkpoint):
                    self._say(messages.Saved(checkpoint=checkpoint))
                case results.Finished(iteration, value, test):
                    return messages.Finished(iteration=iteration, value=value, test=dict(test), provenance=provenance)
                case results.Diverged(iteration, reason):
                    return messages.Diverged(iteration=iteration, reason=reason, provenance=provenance)
                case results.Pruned(iteration, value):
                    return messages.Pruned(iteration=iteration, value=value, provenance=provenance)
                case results.Interrupted(iteration):
                    return messages.Interrupted(iteration=iteration, provenance=provenance)
        raise RuntimeError("training ended without a final event")

    def _task(self, config: TrialConfig) -> Task:
        from clr.tasks import registry

        asked = json.dumps([config.task, config.task_options], sort_keys=True)
        if self._made is None or self._made[0] != asked:
            self._made = None  # frees its data before the next one's is loaded
            self._made = asked, cast("Task", KeptTask(registry.make(config.task, config.task_options)))
        return self._made[1]

    def _provenance(self, config: TrialConfig, resume: results.Checkpoint | None) -> dict[str, Any]:
        described = devices.describe(self._device, self._threads)
        return {
            "host": platform.node(),
            "device": described.name,
            "device_kind": described.kind,
            "threads": self._threads,
            "dtype": "float32" if config.training.precision == "fp32" else "bfloat16 autocast over float32",
            "versions": devices.versions(),
            "resumed_from": None if resume is None else resume.iteration,
        }


def _timed(events: Iterator[results.Event], stopwatch: Stopwatch) -> Iterator[results.Event]:
    """A script's events: its evaluations are part of its updates, since nobody sees where they begin."""
    stopwatch.begins(0)
    for event in events:
        if isinstance(event, results.Evaluated):
            stopwatch.at(event.evaluation.iteration)
            with stopwatch.evaluation():
                pass
            stopwatch.begins(event.evaluation.iteration)
        yield event


def serve(connection: Connection, trainer: Trainer) -> None:
    """Trains what is asked, until the supervisor closes the connection or a trial raises."""
    asked: Requests = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(connection, asked, trainer.interrupt), daemon=True).start()
    trainer.warm_up()
    while True:
        message = asked.get()
        if isinstance(message, messages.Discard):
            trainer.discard(message.folder)
            continue
        ended = trainer.run(message)
        messages.send(connection, ended)
        if isinstance(ended, messages.Raised):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(1)  # no clean-up: what is broken may not end


def main() -> None:
    asked = _arguments()
    end_with(asked.parent, signal.SIGKILL)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # a signal to the whole group is the supervisor's to answer
    import torch

    torch.set_num_threads(asked.threads)
    from clr.tasks import registry

    sources.load(asked.tasks, asked.command)
    connection = messages.opened(asked.socket)
    say = functools.partial(messages.send, connection)
    limit = asked.max_memory if asked.device != "cpu" else None  # the supervisor watches what is used on the host
    trainer = Trainer(asked.device, asked.threads, asked.checkpoints, asked.checkpoint_seconds, say, limit)
    if limit is not None:
        devices.limit_memory(asked.device, limit)
    messages.send(
        connection,
        messages.Ready(
            device=devices.describe(asked.device, asked.threads),
            versions=devices.versions(),
            tasks=registry.all_facts(),
            gpu=devices.gpu_uuid(asked.device),
        ),
    )
    serve(connection, trainer)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m worker.child", description=__doc__)
    parser.add_argument("--socket", type=int, required=True)
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--device", required=True)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--checkpoints", required=True)
    parser.add_argument("--checkpoint-seconds", type=float, required=True)
    parser.add_argument("--max-memory", type=int)
    parser.add_argument("--tasks", action="append", default=[])
    parser.add_argument("--command", default="")
    return parser.parse_args()


def _listen(connection: Connection, asked: Requests, interrupt: Interrupt) -> None:
    """Takes requests while training runs; ends the process when the supervisor is gone."""
    while True:
        try:
            message = messages.receive_asked(connection)
        except (EOFError, OSError):
            os._exit(0)
        if isinstance(message, messages.Stop):
            interrupt.set()
        else:
            if isinstance(message, messages.Train):
                interrupt.clear()  # of a stop that came after the end of the trial before
            asked.put(message)


def _reason(error: Exception) -> str:
    text = str(error)
    named = text if isinstance(error, HOPELESS) else f"{type(error).__name__}: {text}"
    return named[:_LONGEST_REASON]


if __name__ == "__main__":
    main()
