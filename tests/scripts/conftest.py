from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripting import events

from clr.results import Event


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No worker's run, and no task that this machine's user has added."""
    monkeypatch.delenv("CLR_RUN", raising=False)
    monkeypatch.setenv("CLR_TASKS", str(tmp_path / "added"))


@pytest.fixture
def train(tmp_path: Path) -> Callable[..., list[Event]]:
    """Runs a script's trial to its end."""

    def run(script: str, *, key: str = "s-slot-1/f000001", **fields: Any) -> list[Event]:
        return list(events(tmp_path, script, key=key, **fields))

    return run
