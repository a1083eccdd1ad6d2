"""`clr serve` with workers as real processes, and what a study in it came to."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from processes import wait_for

from clr.client import Client, StudyHandle
from clr.resources import TrialResource

CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("CLR_")}


@contextlib.contextmanager
def serving(data: Path, *flags: str, workers: int = 0, **environment: str) -> Iterator[Client]:
    """The service on a free port, until the block ends; it must end by itself and leave no process."""
    arguments = ["--port", "0", "--data", str(data), "--workers", str(workers), "--json", *flags]
    process = subprocess.Popen(
        [sys.executable, "-m", "clr.cli", "serve", *arguments],
        stdout=subprocess.PIPE,
        stderr=(data / "said.log").open("a"),
        env={**CLEAN, **environment},
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        assert said, (data / "said.log").read_text()
        with Client(json.loads(said)["url"]) as client:
            client.process = process  # type: ignore[attr-defined]
            wait_for(lambda: len(client.workers()) >= workers, f"{workers} workers", 90)
            yield client
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        process.wait(60)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def outcome(study: StudyHandle) -> list[tuple[object, ...]]:
    """Everything about a study's trials that must not depend on where and how they were run."""
    whole = [study.trial(trial.number) for trial in study.trials()]
    return [_facts(trial) for trial in whole]


def _facts(trial: TrialResource) -> tuple[object, ...]:
    curve = [(e.iteration, dict(e.metrics)) for e in trial.curve or ()]
    key = (trial.number, trial.phase, trial.arm, trial.round, trial.position)
    return (*key, trial.params, trial.seed, trial.split_seed, trial.state, trial.value, trial.test, curve)
