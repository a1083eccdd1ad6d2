"""clr best."""

from __future__ import annotations

from json import dumps
from typing import Annotated

import typer

from clr.cli import terminal
from clr.cli.findings_list import FindingsList
from clr.cli.options import Json, Service, TokenFile, client
from clr.cli.sheet import Sheet
from clr.client import Client
from clr.errors import NotFound


def best(
    study: Annotated[
        str | None, typer.Argument(metavar="STUDY", help="The study's id; without it, the best of each is listed.")
    ] = None,
    task: Annotated[str | None, typer.Option("--task", help="Of the list: only this task.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Of the list: only this model.")] = None,
    optimizer: Annotated[str | None, typer.Option("--optimizer", help="Of the list: only this optimizer.")] = None,
    price: Annotated[
        bool, typer.Option("--price", help="Print the spec of the study that buys more certainty, for clr submit.")
    ] = False,
    service: Service = None,
    token_file: TokenFile = None,
    json: Json = False,
) -> None:
    """Show which schedule is best, with its evidence, on one screen.

    What does not fit in 25 lines is in `clr report`, and all of it in --json. Without a STUDY, the confirmed best of
    every study is listed, those that train alike together.
    """
    if study is None and price:
        raise typer.BadParameter("--price needs a STUDY", param_hint="STUDY")
    if study is not None and (task or model or optimizer):
        raise typer.BadParameter("--task, --model and --optimizer narrow the list: leave STUDY out")
    with client(service, token_file) as asked:
        if study is None:
            rows = list(asked.best(task=task, model=model, optimizer=optimizer))
            terminal.document(rows) if json else terminal.data(FindingsList(tuple(rows)))
            return
        _one(asked, study, price=price, json=json)


def _one(asked: Client, study: str, *, price: bool, json: bool) -> None:
    found = asked.study(study).best()
    if price:
        if found.price is None or found.price.spec is None:
            raise NotFound(f"The answer of study {study} has no study to buy more certainty with.")
        terminal.data(dumps(found.price.spec, indent=2))
    else:
        terminal.document(found) if json else terminal.data(Sheet(found))
