"""clr snippet."""

from __future__ import annotations

from json import dumps
from typing import Annotated

import typer

from clr import recipe, snippets
from clr.cli import terminal
from clr.cli.options import Json, Service, StudyId, TokenFile, client


def snippet(
    study: StudyId,
    arm: Annotated[
        str | None, typer.Option("--arm", help="Which arm.", show_default="the recommended one, else the first")
    ] = None,
    kind: Annotated[str, typer.Option("--kind", help=f"Library: {', '.join(snippets.KINDS)}.")] = recipe.DEFAULT_KIND,
    service: Service = None,
    token_file: TokenFile = None,
    json: Json = False,
) -> None:
    """Print an arm's schedule as code to paste: plain torch unless asked otherwise.

    It runs as it is; take the lines that are not marked "yours" into your own script.
    """
    with client(service, token_file) as asked:
        found = asked.study(study).best()
    text = recipe.of_answer(found, arm, kind)
    terminal.data(dumps({"snippet": text}) if json else text.rstrip("\n"))
