"""A service of one's own in a child process, for as long as a block lasts: `clr run` and the demo stand on it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from clr.client import Client
from clr.errors import ServiceError, ServiceUnreachable
from service.fleet import GRACE
from service.settings import CONFIG_FILE

LOG = "service.log"
FIRST_WORKER = 120.0
"""How long the first worker may take to register: it imports torch [s]."""


@dataclass(frozen=True)
class Embedded:
    """A running service. `log`: what it and its workers say."""

    url: str
    log: Path


@contextlib.contextmanager
def start(data: Path, *, workers: int, worker_arguments: Sequence[str] = ()) -> Iterator[Embedded]:
    """Starts a service with workers on a free port of this machine; at the block's end nothing of it is left.

    Args:
        data: folder of its database, checkpoints and log; made where missing.
        workers: how many.
        worker_arguments: flags of `clr serve` for its workers, e.g. ["--threads", "2"].

    Raises:
        ServiceError: it did not start, or ended within the block; its last words are in the message.
    """
    data.mkdir(parents=True, exist_ok=True)
    log = data / LOG
    # Another service's settings file may stand in the working directory; this one's says nothing.
    (data / CONFIG_FILE).touch()
    flags = [
        "--config",
        str(data / CONFIG_FILE),
        "--host",
        "127.0.0.1",
        "--port",
        "0",
        "--data",
        str(data),
        "--workers",
        str(workers),
    ]
    command = [sys.executable, "-P", "-m", "clr.cli", "serve", *flags, *worker_arguments, "--json", "--embedded"]
    # Another database or token of the environment is another service's.
    environment = {**os.environ, "CLR_DATABASE": ""}
    with log.open("ab") as words:
        pipe = subprocess.PIPE
        process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=words, env=environment, start_new_session=True
        )
        try:
            yield Embedded(_address(process, log), log)
        except ServiceUnreachable:
            raise ServiceError(f"The service has ended. {log} ends:\n{last_words(log)}") from None
        finally:
            _stop(process)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    assert process.stdout is not None
    said = process.stdout.readline()
    if not said:
        process.wait()
        raise ServiceError(f"The service did not start (exit code {process.returncode}):\n{last_words(log)}")
    return str(json.loads(said)["url"])


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE + 15)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    for pipe in (process.stdin, process.stdout):
        assert pipe is not None
        pipe.close()


def last_words(log: Path, lines: int = 15) -> str:
    """The end of a log."""
    text = log.read_text(errors="replace") if log.exists() else ""
    return "\n".join(text.splitlines()[-lines:])


def wait_for_worker(client: Client, service: Embedded, seconds: float = FIRST_WORKER) -> None:
    """Returns once a worker has announced its tasks.

    Raises:
        ServiceError: none did in time; the log's last words are in the message.
    """
    deadline = time.monotonic() + seconds
    while not any(worker.live for worker in client.workers()):
        if time.monotonic() > deadline:
            words = last_words(service.log)
            raise ServiceError(f"No worker has registered within {seconds:.0f} s. {service.log} ends:\n{words}")
        time.sleep(0.2)
