"""Training scripts under test: as a task, and run to their end."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from clr.protocol import TrialConfig
from clr.results import Event
from clr.scripts import definition
from clr.scripts.command import CommandTask
from clr.scripts.definition import TaskDefinition

PYTHON = sys.executable

REPORTS = """
import json, os
asked = json.load(open(os.environ["CLR_RUN"]))
def say(line):
    with open(asked["metrics_file"], "a") as metrics:
        metrics.write(line if isinstance(line, str) else json.dumps(line) + "\\n")
every, length = asked["evaluate_every"], asked["iterations"]
"""
"""The beginning of a script that has nothing but Python: `asked`, `say`, `every`, `length`."""


def a_config(**fields: Any) -> TrialConfig:
    known: dict[str, Any] = {
        "phase": "search",
        "task": "mine",
        "model": "script",
        "optimizer": "sgd",
        "batch_size": 64,
        "iterations": 40,
        "evaluate_every": 10,
        "schedule": {"family": "triangular", "base_lr": 0.01, "max_lr": 0.1, "step_size": 10},
        "seed": 3,
        "split_seed": 4,
    }
    return TrialConfig(**{**known, **fields})


def a_task(folder: Path, script: str, **fields: Any) -> TaskDefinition:
    """A script as a task."""
    (folder / "train.py").write_text(script)
    known: Mapping[str, Any] = {
        "name": "mine",
        "command": f"{PYTHON} train.py",
        "metric": "accuracy",
        "direction": "maximize",
        "updates_per_epoch": 10,
        "folder": str(folder),
        "hang": 30.0,
    }
    return definition.define({**known, **fields})


def events(
    folder: Path,
    script: str,
    *,
    key: str = "s-slot-1/f000001",
    interrupt: threading.Event | None = None,
    task: Mapping[str, Any] | None = None,
    **fields: Any,
) -> Iterator[Event]:
    made = CommandTask(a_task(folder, script, **(task or {})))
    return made.events(
        a_config(**fields),
        device="cpu",
        checkpoints=folder / "checkpoints",
        key=key,
        interrupt=interrupt or threading.Event(),
    )
