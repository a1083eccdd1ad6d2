from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from desk import Desk
from network import QuietHandler, listening
from processes import Running

HERE = Path(__file__).parent


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    """Starts a program of ours; what still runs at the end of the test is killed."""
    yield from _starting()


@pytest.fixture(scope="module")
def start_for_all() -> Iterator[Callable[..., Running]]:
    """`start` for a program that several tests of a module use."""
    yield from _starting()


def _starting() -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def start(*arguments: str, **environment: str) -> Running:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("CLR_")}
        process = subprocess.Popen(
            [sys.executable, *arguments], stderr=subprocess.PIPE, text=True, env={**clean, **environment}
        )
        running.append(Running(process))
        return running[-1]

    yield start
    for one in running:
        with suppress(ProcessLookupError):
            one.process.kill()
        one.process.wait()


@pytest.fixture
def start_worker(start, tmp_path: Path) -> Callable[..., Running]:
    """Starts `python -m worker` with the misbehaving tasks."""
    return partial(_start_worker, start, tmp_path / "checkpoints")


@pytest.fixture(scope="module")
def start_worker_for_all(start_for_all, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Running]:
    return partial(_start_worker, start_for_all, tmp_path_factory.mktemp("checkpoints"))


def _start_worker(start: Any, checkpoints: Path, url: str, *arguments: str, **environment: str) -> Running:
    folder = ("--checkpoints", str(checkpoints), "--tasks", str(HERE / "trouble.py"))
    return start("-m", "worker", "--service", url, *folder, *arguments, **environment)


@pytest.fixture
def desk() -> Iterator[Desk]:
    yield from _serving()


@pytest.fixture(scope="module")
def desk_for_all() -> Iterator[Desk]:
    yield from _serving()


def _serving() -> Iterator[Desk]:
    found = Desk()

    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

        def _answer(self, body: dict[str, Any]) -> None:
            status = found.refuse.get(self.path, 200)
            if status == 200:
                found.heard.append((self.path, body))
            answer = found.answer(self.path, body) if status == 200 else {"title": "refused", "detail": "as asked"}
            content = json.dumps(answer).encode()
            with suppress(BrokenPipeError, ConnectionResetError):  # a worker that was killed
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

    with listening(Handler) as found.url:
        yield found
