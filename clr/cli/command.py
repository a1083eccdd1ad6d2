"""The group of commands: found by name, loaded when called, so that `clr --help` is fast."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points, version
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from clr.cli import exits
from clr.errors import ClrError, MissingExtra

ENTRY_POINTS = "clr.commands"


@dataclass(frozen=True)
class Source:
    """Where a command is, and what it does in one line. `extra`: what must be installed to load it."""

    target: str
    summary: str
    extra: str = "client"


OWN = {
    "submit": Source("clr.cli.submit:submit", "Show what a study will train, submit it and print its id."),
    "status": Source("clr.cli.studies:status", "Show one study's progress, or list all studies."),
    "best": Source("clr.cli.best:best", "Show which schedule is best, with its evidence, on one screen."),
    "snippet": Source(
        "clr.cli.snippet:snippet", "Print an arm's schedule as code to paste: plain torch unless asked otherwise."
    ),
    "report": Source(
        "clr.cli.studies:report",
        "Write the answer with its figures and how it was done, as one HTML file; prints where it is.",
    ),
    "export": Source(
        "clr.cli.studies:export",
        "Write a study's trials, curves or the finalists' rate traces as CSV, JSON or Parquet.",
    ),
    "queue": Source("clr.cli.queue:queue", "Show in which order studies get the workers, and when yours starts."),
    "pause": Source(
        "clr.cli.queue:pause", "Pause a study; running trials save and are given back within one evaluation interval."
    ),
    "resume": Source("clr.cli.queue:resume", "Let a paused study go on, from the checkpoints of its trials."),
    "priority": Source("clr.cli.queue:priority", "Give a study another priority: higher runs first."),
    "extend": Source("clr.cli.extend:extend", "Add search trials or confirm seeds to a study; none is repeated."),
    "cancel": Source("clr.cli.studies:cancel", "Stop a study; running trials end within one evaluation interval."),
    "tasks": Source("clr.cli.tasks:app", "List what can be trained: tasks that workers announced."),
    "range-test": Source(
        "clr.cli.range_test:range_test",
        "Find base_lr and max_lr for a task: train along a ramp of rates, read the curves.",
        "worker",
    ),
    "doctor": Source(
        "clr.cli.doctor:doctor",
        "Check this machine and the service: versions, torch and driver, database, disk, tasks, workers.",
    ),
    "schedules": Source("clr.cli.catalogue:schedules", "List the schedule families, or show one with its parameters."),
    "plot": Source("clr.cli.plot:plot", "Draw schedules over a run: families, schedules, or a spec's arms.", "plots"),
}
# Commands of other rooms come from entry points; their modules are too heavy to load for a list.
SUMMARIES = {
    "serve": ("Start the service, and workers beside it.", "service"),
    "run": ("Run a study from spec to answer, all in one: service, workers, progress, answer.", "service"),
    "demo": ("Compare seven schedules on real data, in under three minutes.", "all"),
    "worker": ("Start a worker: it trains what the service hands out.", "worker"),
}


def sources() -> dict[str, Source]:
    """Every command by name: other rooms' first, then our own."""
    return {**{point.name: _from(point) for point in entry_points(group=ENTRY_POINTS)}, **OWN}


def _from(point: EntryPoint) -> Source:
    owner = point.dist.name if point.dist else "another package"
    summary, extra = SUMMARIES.get(point.name, (f"From {owner}.", "all"))
    return Source(point.value, summary, extra)


class Commands(TyperGroup):
    """Lists commands by their summaries; loads the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(sources())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        source = sources().get(cmd_name)
        return TyperCommand(cmd_name, help=source.summary, callback=None) if source else None

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        known = sources()
        self.commands = {name: self.get_command(ctx, name) for name in known}  # for "Did you mean"
        name, found, rest = super().resolve_command(ctx, args)
        return name, load(name, known[name]) if found and name else found, rest


def load(name: str, source: Source) -> Any:
    """The command itself: from a typer app, a ready command, or a function with typer's annotations.

    Raises:
        MissingExtra: its module needs something that is not installed.
    """
    module, _, attribute = source.target.partition(":")
    try:
        target = getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] == module.split(".")[0]:
            raise
        raise MissingExtra(error.name, source.extra) from None
    return _command(name, target)


def _command(name: str, target: Any) -> Any:
    if isinstance(target, typer.Typer):
        found = typer.main.get_command(target)
    elif isinstance(target, TyperCommand | TyperGroup):
        found = target
    else:
        app = typer.Typer(add_completion=False)
        app.command(name)(target)
        found = typer.main.get_command(app)
    found.name = name
    return found


def _print_version(asked: bool) -> None:
    if asked:
        sys.stdout.write(f"clr {version('clr-sweep')}\n")
        raise typer.Exit


def application() -> Any:
    """The `clr` command with its commands behind it."""
    app = typer.Typer(cls=Commands, name="clr", no_args_is_help=True, add_completion=False, epilog=_EPILOG)

    @app.callback()
    def clr(
        version: Annotated[
            bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
        ] = False,
    ) -> None:
        """Which learning-rate schedule, with which bounds?"""

    return typer.main.get_command(app)


_EPILOG = (
    "Exit codes: 0 done, 1 failed, 2 usage or invalid spec, 3 --yes is wanted, 4 token refused, 5 not found, "
    "6 no service there, 130 interrupted; clr worker has its own: see its help. "
    "Environment: CLR_SERVICE, CLR_TOKEN or CLR_TOKEN_FILE, CLR_OWNER."
)


def run(arguments: Sequence[str], exit: Callable[[int], Any] = sys.exit) -> None:
    """Runs one command line; every error of ours becomes lines on stderr and an exit code."""
    try:
        application().main(args=list(arguments), prog_name="clr")
    except ClrError as error:
        sys.stderr.write(f"clr: {error}\n")
        exit(exits.code(error))
    except OSError as error:
        if error.filename is None:
            raise
        sys.stderr.write(f"clr: {error.filename}: {error.strerror}\n")
        exit(exits.USAGE)
    except KeyboardInterrupt:
        exit(exits.INTERRUPTED)
