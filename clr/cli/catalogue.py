"""clr schedules."""

from __future__ import annotations

from typing import Annotated

import typer

from clr import schedules as families
from clr.cli import render, terminal
from clr.cli.options import Json, Service, TokenFile, client
from clr.errors import UnknownName


def schedules(
    family: Annotated[str | None, typer.Argument(help="Show this one alone, with its parameters.")] = None,
    service: Service = None,
    token_file: TokenFile = None,
    json: Json = False,
) -> None:
    """List the schedule families, or show one with its parameters."""
    with client(service, token_file) as asked:
        rows = [row for row in asked.schedules() if family in (None, row.family)]
    if not rows:
        raise UnknownName("schedule family", family, families.names())
    if json or family is not None:
        terminal.document(rows if family is None else rows[0])
    else:
        terminal.data(render.schedules(rows))
