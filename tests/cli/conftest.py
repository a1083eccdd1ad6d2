"""A service with one real worker, and the command line as a user calls it."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from clr.cli import command
from clr.client import Client

TINY = {
    "name": "tiny", "task": "digits", "arms": ["fixed", "cosine"], "bounds": {"low": 0.05, "high": 0.5}, "trials": 1,
    "confirm_seeds": 2, "budget": {"iterations": 20},
}  # fmt: skip


@pytest.fixture(scope="session")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of `clr serve --workers 1`, whose worker has registered."""
    data = tmp_path_factory.mktemp("data")
    command = [sys.executable, "-m", "clr.cli", "serve", "--port", "0", "--json", "--workers", "1", "--data", str(data)]
    with (data / "log").open("w") as log:
        process = subprocess.Popen(command, env=clean_environment(), stdout=subprocess.PIPE, stderr=log, text=True)
        address = json.loads(process.stdout.readline())["url"]
        with Client(address) as client:
            deadline = time.monotonic() + 60
            while not any(worker.live for worker in client.workers()):
                assert time.monotonic() < deadline, (data / "log").read_text()
                time.sleep(0.1)
        yield address
        process.terminate()
        assert process.wait(45) == 0


def clean_environment(**variables: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CLR_")}
    return {**kept, "OMP_NUM_THREADS": "1", **variables}


@dataclass(frozen=True)
class Said:
    """What a command said, and its exit code."""

    returncode: int
    stdout: str
    stderr: str


@pytest.fixture
def clr(url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    """Runs one command against the service, in this process."""
    for name in [name for name in os.environ if name.startswith("CLR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CLR_SERVICE", url)

    def run(*arguments: str, input: str = "") -> Said:
        monkeypatch.setattr("sys.stdin", io.StringIO(input))
        with pytest.raises(SystemExit) as ended:
            command.run(arguments)
        said = capsys.readouterr()
        return Said(int(ended.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def tiny(tmp_path):
    """A small spec on digits in a file, with changes."""

    def write(**changes) -> str:
        path = tmp_path / "tiny.json"
        path.write_text(json.dumps({**TINY, **changes}))
        return str(path)

    return write
