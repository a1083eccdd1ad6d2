"""clr queue, pause, resume, priority."""

from __future__ import annotations

from typing import Annotated

import typer

from clr.cli import render, terminal, turns
from clr.cli.options import Json, Service, StudyId, TokenFile, client
from clr.resources import StudyResource


def queue(
    study: Annotated[
        str | None, typer.Argument(metavar="STUDY", help="What runs before this one, and when it starts.")
    ] = None,
    service: Service = None,
    token_file: TokenFile = None,
    json: Json = False,
) -> None:
    """Show in which order studies get the workers, and when yours starts."""
    with client(service, token_file) as asked:
        found = asked.queue(study)
    if json:
        terminal.document(found)
    elif study is not None:
        terminal.data(f"Place {found.turns[0].position}. {found.turns[0].sentence}")
    else:
        terminal.data(turns.queue(found))


def pause(
    study: StudyId,
    reason: Annotated[str, typer.Option("--reason", help="Said wherever the study is shown.")] = "",
    service: Service = None,
    token_file: TokenFile = None,
    json: Json = False,
) -> None:
    """Pause a study; running trials save and are given back within one evaluation interval."""
    with client(service, token_file) as asked:
        found = asked.study(study).pause(reason)
    _show(found, json)


def resume(
    study: StudyId,
    max_device_hours: Annotated[
        float | None, typer.Option("--max-device-hours", help="Device time that it may take from now on.")
    ] = None,
    service: Service = None,
    token_file: TokenFile = None,
    json: Json = False,
) -> None:
    """Let a paused study go on, from the checkpoints of its trials."""
    with client(service, token_file) as asked:
        found = asked.study(study).resume(max_device_hours=max_device_hours)
    _show(found, json)


def priority(
    study: StudyId,
    value: Annotated[int, typer.Argument(metavar="PRIORITY", min=-1000, max=1000, help="Higher runs first.")],
    service: Service = None,
    token_file: TokenFile = None,
    json: Json = False,
) -> None:
    """Give a study another priority: higher runs first."""
    with client(service, token_file) as asked:
        found = asked.study(study).prioritise(value)
    _show(found, json)


def _show(study: StudyResource, json: bool) -> None:
    terminal.document(study) if json else terminal.data(render.line(study))
