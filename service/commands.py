"""clr serve, clr run."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from clr.cli import document, exits, terminal
from clr.cli.options import Json
from clr.cli.sheet import Sheet
from clr.client import Client
from clr.resources import Answer, StudyResource
from service import embedded, server, submission
from service.fleet import Fleet
from service.settings import Settings, load

Device = Annotated[str, typer.Option("--device", help="What its workers train on: auto, cpu, cuda, cuda:N.")]
Threads = Annotated[
    int, typer.Option("--threads", min=1, help="CPU threads of each worker; the same threads, the same bits.")
]
Tasks = Annotated[
    list[str] | None,
    typer.Option("--tasks", help="Your tasks: a module, a file.py or a task file (.yaml); may be repeated."),
]


def serve(
    workers: Annotated[int, typer.Option("--workers", min=0, max=256, help="Workers to start beside it.")] = 0,
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.", show_default="127.0.0.1")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port; 0 takes a free one.", show_default="8000")] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder of database, checkpoints, reports.", show_default="~/.local/share/clr"),
    ] = None,
    database: Annotated[
        str | None, typer.Option("--database", help="URL of a PostgreSQL database.", show_default="SQLite in --data")
    ] = None,
    token_file: Annotated[Path | None, typer.Option("--token-file", help="File that holds the shared token.")] = None,
    lease_seconds: Annotated[
        float | None,
        typer.Option("--lease-seconds", help="A worker silent for so long loses its slot.", show_default="60"),
    ] = None,
    beat_seconds: Annotated[
        float | None, typer.Option("--beat-seconds", help="Between two signs of a worker.", show_default="10")
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", help="TOML file.", show_default="clr.toml, where there is one")
    ] = None,
    device: Device = "auto",
    threads: Threads = 1,
    tasks: Tasks = None,
    json: Json = False,
    embedded_service: Annotated[bool, typer.Option("--embedded", hidden=True)] = False,
) -> None:
    """Start the service, and workers beside it. SIGTERM or Ctrl-C stops all of it.

    Flags win over CLR_... variables (CLR_HOST, CLR_PORT, CLR_DATA, CLR_DATABASE, CLR_DATABASE_PASSWORD_FILE,
    CLR_TOKEN, CLR_TOKEN_FILE, CLR_LEASE_SECONDS, CLR_BEAT_SECONDS; CLR_MAX_SLOTS and CLR_MAX_STUDY_HOURS cap each
    study), these over the file. Beyond this machine it starts only with a token.
    """
    flags: dict[str, Any] = {
        "host": host, "port": port, "data": data, "database": database, "token_file": token_file,
        "lease_seconds": lease_seconds, "beat_seconds": beat_seconds,
    }  # fmt: skip
    settings = load(flags, config)
    where = "PostgreSQL" if settings.database else f"SQLite in {settings.data}"
    terminal.talk(f"clr serve: {where}; checkpoints in {settings.data / 'checkpoints'}; {_workers(workers)}.")
    fleet = Fleet(workers, _worker_flags(settings.data, device, threads, tasks), _worker_environment(settings))
    server.serve(settings, fleet, lambda url: _announce(url, json), embedded=embedded_service)


def _workers(count: int) -> str:
    return f"{count} worker{'' if count == 1 else 's'}"


def _announce(url: str, json: bool) -> None:
    sys.stdout.write((f'{{"url": "{url}"}}' if json else url) + "\n")
    sys.stdout.flush()
    terminal.talk("Ready. Ctrl-C stops it.")


def _worker_flags(data: Path, device: str, threads: int, tasks: list[str] | None) -> list[str]:
    flags = ["--checkpoints", str(data.absolute() / "checkpoints"), "--device", device, "--threads", str(threads)]
    return [*flags, *(part for task in tasks or () for part in ("--tasks", task))]


def _worker_environment(settings: Settings) -> dict[str, str]:
    return {"CLR_TOKEN": settings.token.get_secret_value()} if settings.token else {}


def run(
    spec: Annotated[Path, typer.Argument(help='JSON or YAML file; "-" reads standard input.')],
    workers: Annotated[
        int | None,
        typer.Option("--workers", min=1, max=256, help="Workers.", show_default="one per CPU, at most 4"),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option("--data", help="Folder that keeps everything.", show_default="a new one in ./clr-runs"),
    ] = None,
    device: Device = "auto",
    threads: Threads = 1,
    tasks: Tasks = None,
    json: Json = False,
) -> None:
    """Run a study from spec to answer, all in one: service, workers, progress, answer. Nothing is left running."""
    wanted = document.read(spec)
    submission.precheck(wanted, own_tasks=bool(tasks))
    folder = data or _new_folder(spec)
    flags = ["--device", device, "--threads", str(threads), *(p for t in tasks or () for p in ("--tasks", t))]
    count = workers or default_workers()
    terminal.talk(f"clr run: {_workers(count)}; everything stays in {folder}")
    with embedded.start(folder, workers=count, worker_arguments=flags) as service, Client(service.url) as client:
        embedded.wait_for_worker(client, service)
        study = client.submit(wanted)
        with terminal.watching() as show:
            ended = study.wait(show, until_paused=True)
        found = study.best()
    _conclude(found, ended, folder, json)


def _conclude(found: Answer, ended: StudyResource, folder: Path, json: bool) -> None:
    terminal.document(found) if json else terminal.data(Sheet(found))
    terminal.talk(f"\nThe service has stopped. For these commands: clr serve --data {folder}")
    if ended.state == "paused":
        start = f"clr serve --workers 1 --data {folder}"
        terminal.talk(f"clr run: study {ended.id} is paused: {ended.paused}\nThe workers for it: {start}")
    elif ended.state != "done":
        terminal.talk(f"clr run: study {ended.id} has {ended.state}. {ended.reason}")
    if ended.state != "done":
        raise typer.Exit(exits.FAILED)


def default_workers() -> int:
    """One per CPU, at most four; where there are GPUs one command serves them all."""
    return 1 if shutil.which("nvidia-smi") else max(1, min(4, os.cpu_count() or 1))


def _new_folder(spec: Path) -> Path:
    """A fresh folder, so that a run never goes on with another's study."""
    name = "run" if str(spec) == "-" else spec.stem
    return Path("clr-runs") / f"{name}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{os.getpid()}"
