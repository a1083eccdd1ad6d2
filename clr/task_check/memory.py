"""How much memory the processes that this one has started hold, at most."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

import psutil

PERIOD = 0.05


class PeakMemory:
    """Looks on while its block runs: `bytes` is the largest sum of resident sets of all descendants [bytes]."""

    def __init__(self) -> None:
        self.bytes = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._over.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._over.wait(PERIOD):
            self.bytes = max(self.bytes, sum(map(_resident, psutil.Process().children(recursive=True))))


def _resident(process: psutil.Process) -> int:
    try:
        return int(process.memory_info().rss)
    except psutil.Error:  # it has ended meanwhile
        return 0
