"""clr status, report, export, cancel."""

from __future__ import annotations

import sys
from enum import StrEnum
from json import dumps
from pathlib import Path
from typing import Annotated

import typer

from clr.cli import exits, render, terminal
from clr.cli.options import Json, Service, StudyId, TokenFile, client
from clr.resources import StudyResource, StudyState


def status(
    study: Annotated[
        str | None, typer.Argument(metavar="STUDY", help="The study's id; without it, all are listed.")
    ] = None,
    watch: Annotated[bool, typer.Option("--watch", help="Show progress until the study has ended.")] = False,
    state: Annotated[StudyState | None, typer.Option("--state", help="Of the list: only those in this state.")] = None,
    task: Annotated[str | None, typer.Option("--task", help="Of the list: only those of this task.")] = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Of the list: only those of this owner.")] = None,
    name: Annotated[str | None, typer.Option("--name", help="Of the list: only those whose name holds this.")] = None,
    service: Service = None,
    token_file: TokenFile = None,
    json: Json = False,
) -> None:
    """Show one study's progress, or list all studies."""
    if watch and study is None:
        raise typer.BadParameter("--watch needs a STUDY", param_hint="STUDY")
    if study is not None and (state or task or owner or name):
        raise typer.BadParameter("--state, --task, --owner and --name narrow the list: leave STUDY out")
    with client(service, token_file) as asked:
        if study is None:
            rows = list(asked.studies(state=state, task=task, owner=owner, name=name))
            terminal.document(rows) if json else terminal.data(render.studies(rows))
            return
        handle = asked.study(study)
        if watch:
            with terminal.watching() as show:
                found = handle.wait(show)
        else:
            found = handle.status()
    _show(found, json)
    if watch and found.state != "done":
        raise typer.Exit(exits.FAILED)


def _show(study: StudyResource, json: bool) -> None:
    terminal.document(study) if json else terminal.data(render.progress(study))


def report(
    study: StudyId,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write.", show_default="STUDY.html")
    ] = None,
    service: Service = None,
    token_file: TokenFile = None,
    json: Json = False,
) -> None:
    """Write the answer with its figures and how it was done, as one HTML file; prints where it is."""
    path = output or Path(f"{study}.html")
    with client(service, token_file) as asked:
        path.write_text(asked.study(study).report(), encoding="utf-8")
    terminal.data(dumps({"report": str(path)}) if json else str(path))


class Table(StrEnum):
    """What an export holds."""

    trials = "trials"
    curves = "curves"
    rates = "rates"


class Format(StrEnum):
    """An export's file format."""

    json = "json"
    csv = "csv"
    parquet = "parquet"
    optuna = "optuna"


def export(
    study: StudyId,
    table: Annotated[
        Table, typer.Option("--table", help="Every slot, every evaluation, or the rate of every update.")
    ] = Table.trials,
    form: Annotated[
        Format, typer.Option("--format", help="File format; optuna: the record as Optuna's journal, for its dashboard.")
    ] = Format.csv,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write.", show_default="standard output")
    ] = None,
    service: Service = None,
    token_file: TokenFile = None,
) -> None:
    """Write a study's trials, curves or the finalists' rate traces as CSV, JSON or Parquet.

    It takes no --json: with --format json the table itself is JSON.
    """
    with client(service, token_file) as asked:
        content = asked.study(study).export(table, form)
    if output is None:
        sys.stdout.buffer.write(content)
        sys.stdout.flush()
    else:
        output.write_bytes(content)
        terminal.talk(f"Written: {output}")


def cancel(study: StudyId, service: Service = None, token_file: TokenFile = None, json: Json = False) -> None:
    """Stop a study; running trials end within one evaluation interval."""
    with client(service, token_file) as asked:
        handle = asked.study(study)
        handle.cancel()
        _show(handle.status(), json)
