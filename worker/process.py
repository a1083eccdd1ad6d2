"""A training child as its supervisor holds it: start, ask, listen, end."""

from __future__ import annotations

import contextlib
import os
import platform
import signal
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import Pipe
from typing import IO

from clr import processes
from worker import memory, messages

TAIL_CHARACTERS = 16_000
_DRAIN_SECONDS, _MEMORY_SECONDS = 2.0, 1.0
_SECRETS = ("CLR_TOKEN", "CLR_TOKEN_FILE", "CLR_DATABASE", "CLR_DATABASE_PASSWORD_FILE")


@dataclass(frozen=True)
class Heard:
    """Notice: the child said something."""

    child: TrainingChild
    message: messages.Said


@dataclass(frozen=True)
class Exited:
    """Notice: the child has ended, after everything that it said. `code` is negative for a signal."""

    child: TrainingChild
    code: int


@dataclass(frozen=True)
class OverMemory:
    """Notice: the child, with all that it started, holds more memory than it may. `reason`: what to say of it."""

    child: TrainingChild
    reason: str


class Tail:
    """The last lines of an output, bounded in characters whatever is printed."""

    def __init__(self, characters: int = TAIL_CHARACTERS) -> None:
        self._room, self._lines, self._used = characters, deque[str](), 0
        self._lock = threading.Lock()

    def add(self, line: str) -> None:
        with self._lock:
            self._lines.append(line[-self._room :])
            self._used += len(self._lines[-1])
            while self._used > self._room:
                self._used -= len(self._lines.popleft())

    def clear(self) -> None:
        with self._lock:
            self._lines.clear()
            self._used = 0

    def text(self) -> str:
        with self._lock:
            return "".join(self._lines)


class TrainingChild:
    """One child process. Create it in the main thread: Linux ties its life to the thread that started it.

    Args:
        arguments: of `python -m worker.child`, without the socket and the parent.
        environment: the child's; what only the supervisor may know is taken out.
        notify: takes `Heard`, `OverMemory` and `Exited`, from other threads.
        max_memory: what it may hold of this host's memory [bytes]; None: as much as there is.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        notify: Callable[[Heard | OverMemory | Exited], None],
        max_memory: int | None = None,
    ) -> None:
        self.tail = Tail()
        self._notify = notify
        self._connection, theirs = Pipe(duplex=True)
        with theirs:
            own = ("--socket", str(theirs.fileno()), "--parent", str(os.getpid()))
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-u", "-m", "worker.child", *own, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env={name: value for name, value in environment.items() if name not in _SECRETS},
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
                text=True,
                errors="replace",
            )
        assert self._process.stdout is not None
        ears = [self._thread(self._listen), self._thread(self._collect, self._process.stdout)]
        self._gone = threading.Event()
        self._waiter = self._thread(self._await, ears)
        if max_memory is not None:
            self._thread(self._weigh, max_memory)

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, message: messages.Asked) -> None:
        """Says it to the child; a child that is gone is told of by `Exited`."""
        try:
            messages.send(self._connection, message)
        except OSError:
            return

    def kill(self) -> None:
        """Ends the child and all that it started, at once."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def close(self) -> None:
        """Lets an idle child go, and waits for its end."""
        # Closing alone would not be heard: the thread that listens holds the socket open.
        with (
            contextlib.suppress(OSError),
            socket.fromfd(self._connection.fileno(), socket.AF_UNIX, socket.SOCK_STREAM) as end,
        ):
            end.shutdown(socket.SHUT_RDWR)
        self._waiter.join(_DRAIN_SECONDS)
        if self._waiter.is_alive():
            self.kill()

    def _thread(self, target: Callable[..., None], *args: object) -> threading.Thread:
        thread = threading.Thread(target=target, args=args, daemon=True, name=f"child-{self.pid}-{target.__name__}")
        thread.start()
        return thread

    def _listen(self) -> None:
        while True:
            try:
                self._notify(Heard(self, messages.receive_said(self._connection)))
            except (EOFError, OSError):
                return

    def _collect(self, output: IO[str]) -> None:
        # Bounded reads: a line need not end.
        while piece := output.readline(TAIL_CHARACTERS):
            self.tail.add(piece)

    def _weigh(self, limit: int) -> None:
        """Looks at what the child holds, first the quick way, which counts a shared page once in each process."""
        while not self._gone.wait(_MEMORY_SECONDS):
            if processes.memory(self.pid) > limit and processes.own_memory(self.pid) > limit:
                self._notify(OverMemory(self, memory.exceeded(limit, platform.node())))

    def _await(self, ears: Sequence[threading.Thread]) -> None:
        """Waits for the end, then for what is still in the pipes, which a process that the child left may hold."""
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)  # leaves the id taken: the kill below hits our group
        self.kill()
        code = self._process.wait()
        self._gone.set()
        for ear in ears:
            ear.join(_DRAIN_SECONDS)
        self._notify(Exited(self, code))
