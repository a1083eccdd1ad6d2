"""clr best."""

from __future__ import annotations

from json import dumps
from typing import Annotated

import typer

from clr.cli import terminal
from clr.cli.options import Json, Service, StudyId, TokenFile, client
from clr.cli.sheet import Sheet
from clr.errors import NotFound


def best(
    study: StudyId,
    price: Annotated[
        bool, typer.Option("--price", help="Print the spec of the study that buys more certainty, for clr submit.")
    ] = False,
    service: Service = None,
    token_file: TokenFile = None,
    json: Json = False,
) -> None:
    """Show which schedule is best, with its evidence, on one screen.

    What does not fit in 25 lines is in `clr report`, and all of it in --json.
    """
    with client(service, token_file) as asked:
        found = asked.study(study).best()
    if price:
        if found.price is None or found.price.spec is None:
            raise NotFound(f"The answer of study {study} has no study to buy more certainty with.")
        terminal.data(dumps(found.price.spec, indent=2))
    else:
        terminal.document(found) if json else terminal.data(Sheet(found))
