"""Workers beside the service: child processes by command line, started, kept and ended together."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

logger = logging.getLogger("clr.service")
GRACE = 30.0
"""What a worker takes at most to write its checkpoint, give its slot back and end [s]."""
QUICK = 30.0
"""A worker that ends within this many seconds of its start was not killed by chance [s]."""
TRIES = 3


@dataclass
class _Place:
    """One worker's place: the process that fills it now."""

    process: subprocess.Popen[bytes]
    started: float
    quick_ends: int = 0


@dataclass
class Fleet:
    """`count` workers of one service.

    Args:
        count: how many `worker` commands; on a machine with GPUs each of them serves every visible GPU.
        arguments: of each, after the service's address.
        environment: added to this process's; the token goes this way, since a command line can be read by others.
    """

    count: int
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self._places: list[_Place] = []
        self._url = ""

    def start(self, url: str) -> None:
        """Starts every worker. From the main thread: the kernel ends a worker with the thread that started it."""
        self._url = url
        self._places = [_Place(self._spawn(), time.monotonic()) for _ in range(self.count)]

    def tend(self) -> None:
        """Fills the place of a worker that has ended; gives it up where one after another ends at once."""
        for place in list(self._places):
            if (code := place.process.poll()) is None:
                continue
            place.quick_ends = place.quick_ends + 1 if time.monotonic() - place.started < QUICK else 0
            if place.quick_ends >= TRIES:
                logger.error("a worker ended %d times at once (exit code %d): not started again", TRIES, code)
                self._places.remove(place)
                continue
            logger.warning("a worker ended with exit code %d: starting another", code)
            place.process, place.started = self._spawn(), time.monotonic()

    @property
    def alive(self) -> int:
        return len(self._places)

    def stop(self) -> None:
        """Asks every worker to end, waits, and kills what is left with its training child."""
        for place in self._places:
            place.process.terminate()
        deadline = time.monotonic() + GRACE
        for place in self._places:
            with contextlib.suppress(subprocess.TimeoutExpired):
                place.process.wait(max(0.0, deadline - time.monotonic()))
        self.kill()

    def kill(self) -> None:
        """Ends every worker and its training child at once."""
        for place in self._places:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(place.process.pid, signal.SIGKILL)
            place.process.wait()

    def _spawn(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", "worker", "--service", self._url, "--parent", str(os.getpid())]
        # A session of its own: Ctrl-C in a terminal reaches the service alone, which then stops its workers in order.
        return subprocess.Popen(
            [*command, *self.arguments],
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            start_new_session=True,
        )
