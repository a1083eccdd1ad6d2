"""Programs under test as real processes: what they say, how they end, what they leave behind."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DEADLINE = 120.0
"""How long a fact may take [seconds], on a machine that is busy with other things."""


def wait_for(fact: Callable[[], Any], what: str, seconds: float = DEADLINE) -> Any:
    """The first truthy answer of `fact`."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := fact():
            return found
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s")


@dataclass
class Running:
    """A process under test, and what it has said on stderr."""

    process: subprocess.Popen[str]
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.lines.append(line.rstrip())

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def said(self) -> str:
        return "\n".join(self.lines)

    def until_said(self, pattern: str, seconds: float = DEADLINE) -> str:
        found = wait_for(lambda: re.search(pattern, self.said), f"{pattern!r} in {self.lines}", seconds)
        return str(found[0])

    def ended(self, seconds: float = DEADLINE) -> int:
        code = self.process.wait(seconds)
        self._reader.join(5)
        return code

    def children(self) -> list[int]:
        return [int(pid) for pid in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]
