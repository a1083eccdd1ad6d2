"""The command `clr worker` (also `python -m worker`)."""

from __future__ import annotations

import logging
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from clr.client import Client, token_from_file
from clr.data_folder import default_checkpoints
from clr.errors import InvalidSpec, Unauthorized
from clr.scripts import sources
from worker import device as devices
from worker import fleet, install, memory, neighbours
from worker.hours import Hours
from worker.parent import end_with
from worker.run import ExitCode, Options, run
from worker.supervisor import Limits

HTTP_TIMEOUT = 10.0
T = TypeVar("T")


def worker(
    context: typer.Context,
    service: Annotated[
        str | None,
        typer.Option(help="Address of the service.", envvar="CLR_SERVICE", show_default="http://127.0.0.1:8000"),
    ] = None,
    token_file: Annotated[Path | None, typer.Option(help="File with the service's token.")] = None,
    device: Annotated[
        str, typer.Option(help="auto (a worker per visible GPU, else the CPU), cpu, cuda, cuda:N.")
    ] = "auto",
    threads: Annotated[
        int, typer.Option(min=1, help="CPU threads; results are the same bits for the same number.")
    ] = 1,
    checkpoints: Annotated[
        str | None, typer.Option(help="Folder or URL that all workers share.", show_default="CLR_DATA/checkpoints")
    ] = None,
    tasks: Annotated[
        list[str] | None,
        typer.Option(help="Your tasks: a module, a file.py, or a task file (.yaml) of a script; may be repeated."),
    ] = None,
    command: Annotated[
        str | None, typer.Option(help="Command of the task file among --tasks, e.g. 'python train.py --seed {seed}'.")
    ] = None,
    max_slots: Annotated[int | None, typer.Option(min=1, help="End after so many slots.")] = None,
    exit_when_idle: Annotated[
        float | None, typer.Option(min=0, help="End after so many seconds without a slot.")
    ] = None,
    max_offline: Annotated[
        float, typer.Option(min=0, help="Seconds to go on while the service can't be reached.")
    ] = 600,
    checkpoint_seconds: Annotated[float, typer.Option(min=0, help="Pause between two checkpoints of a trial.")] = 30,
    hang_seconds: Annotated[
        float, typer.Option(min=0.1, help="Silence after which a trial has hung; tenfold before its first evaluation.")
    ] = 60,
    hours: Annotated[
        str | None,
        typer.Option(
            metavar="20-08", help="Train only between these local times; also 20:15-08:30, several by commas."
        ),
    ] = None,
    idle_only: Annotated[
        bool, typer.Option("--idle-only", help="Train only while others leave the device (GPU, or enough CPUs) alone.")
    ] = False,
    max_memory: Annotated[
        str | None,
        typer.Option(metavar="8G", help="A trial that uses more fails: GPU memory, on the CPU the host's."),
    ] = None,
    grace: Annotated[float, typer.Option(min=0.1, help="Seconds from SIGTERM to the end.")] = 30,
    parent: Annotated[int | None, typer.Option(hidden=True, help="End with the process of this id.")] = None,
) -> None:
    """Train trials for the service until told to stop.

    SIGTERM or Ctrl-C: writes a checkpoint, gives the slot back and ends; a second one ends at once. What it does is
    said on standard error; it has no result to print, so it takes no --json.

    Exit codes: 0 stopped, 1 failed, 2 wrong usage, 3 the training child does not start, 4 the token is missing or
    wrong, 5 service and worker speak different versions, 6 the service could not be reached for --max-offline.
    """
    if context.invoked_subcommand is not None:
        return
    _talk()
    if parent is not None:
        end_with(parent, signal.SIGTERM)
    _check_tasks(tasks, command)
    chosen = _devices(device)
    if idle_only:
        _check_neighbours(chosen[0])
    if len(chosen) > 1:
        raise typer.Exit(fleet.run(chosen, as_arguments(context.params)))
    options = Options(
        device=chosen[0],
        threads=threads,
        checkpoints=checkpoints or default_checkpoints(),
        checkpoint_seconds=checkpoint_seconds,
        tasks=tuple(tasks or ()),
        command=command or "",
        max_slots=max_slots,
        exit_when_idle=exit_when_idle,
        max_offline=max_offline,
        limits=Limits(hang=hang_seconds, start=10 * hang_seconds, grace=grace),
        hours=_asked("--hours", Hours.parse, hours),
        idle_only=idle_only,
        max_memory=_asked("--max-memory", memory.parse, max_memory),
    )
    raise typer.Exit(_run(service, token_file, options))


def values(arguments: Sequence[str]) -> Mapping[str, Any]:
    """The values of a command line of `clr worker`, checked but for what only its start can find out."""
    alone = typer.Typer(add_completion=False)
    alone.command("worker")(worker)
    asked: Mapping[str, Any] = typer.main.get_command(alone).make_context("clr worker install", list(arguments)).params
    _asked("--hours", Hours.parse, asked["hours"])
    _asked("--max-memory", memory.parse, asked["max_memory"])
    return asked


application = typer.Typer(add_completion=False)
application.callback(invoke_without_command=True)(worker)
application.command("install", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    install.command(values)
)


def _talk() -> None:
    """Lets this room's log be read on stderr."""
    logging.basicConfig(stream=sys.stderr, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    logging.getLogger("worker").setLevel(logging.INFO)


def _devices(choice: str) -> tuple[str, ...]:
    try:
        return devices.devices(choice)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--device") from None


def _check_tasks(tasks: Sequence[str] | None, command: str | None) -> None:
    try:
        sources.check(tasks or (), command or "")
    except InvalidSpec as error:
        raise typer.BadParameter(str(error), param_hint="--tasks") from None


def _asked(option: str, parse: Callable[[str], T], given: str | None) -> T | None:
    try:
        return None if given is None else parse(given)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from None


def _check_neighbours(device: str) -> None:
    if missing := neighbours.missing(device):
        raise typer.BadParameter(missing, param_hint="--idle-only")


def as_arguments(params: Mapping[str, Any]) -> list[str]:
    """The options as given, without the device's, for a worker per device."""
    arguments: list[str] = []
    for name, value in params.items():
        option = f"--{name.replace('_', '-')}"
        for one in value if isinstance(value, list | tuple) else [value]:
            if one is True:
                arguments += [option]
            elif one is not None and one is not False and name not in ("device", "parent"):
                arguments += [option, str(one)]
    return arguments


def _run(service: str | None, token_file: Path | None, options: Options) -> int:
    try:
        token = token_from_file(token_file) if token_file else None
        client = Client(service, token, timeout=HTTP_TIMEOUT, retries=0)
    except Unauthorized as error:
        logging.getLogger("worker").error("%s", error)
        return ExitCode.UNAUTHORIZED
    with client:
        return run(client, options)
