"""How much memory the processes that this one has started hold, at most."""

from __future__ import annotations

import os
import threading
from types import TracebackType
from typing import Self

from clr import processes

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
            self.bytes = max(self.bytes, sum(map(processes.resident, processes.tree(os.getpid())[1:])))
