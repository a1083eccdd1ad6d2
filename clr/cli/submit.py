"""clr submit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from clr.cli import document, exits, terminal, turns
from clr.cli.options import Json, Service, TokenFile, client
from clr.turns import PlanResource

ASKS_ABOVE = 3600.0
"""Device seconds from which on a study is only submitted once somebody has said yes."""


def submit(
    spec: Annotated[Path, typer.Argument(help='JSON or YAML file; "-" reads standard input.')],
    service: Service = None,
    token_file: TokenFile = None,
    key: Annotated[
        str | None, typer.Option("--key", help="Idempotency key: the same key and spec give the same study.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Submit without asking, whatever it takes.")] = False,
    json: Json = False,
) -> None:
    """Show what a study will train, submit it and print its id.

    Above one device hour it asks first; where nobody can answer, it wants --yes, and exits with 3 without it.
    """
    wanted = document.read(spec)
    with client(service, token_file) as asked:
        plan = asked.plan(wanted)
        terminal.talk(turns.plan(plan))
        if not yes:
            _confirm(plan)
        study = asked.submit(wanted, key=key)
        if json:
            terminal.document(study.status())
            return
    terminal.data(study.id)
    terminal.talk(f"Watch it with: clr status --watch {study.id}")


def _confirm(plan: PlanResource) -> None:
    """Asks about a long study. One that may not take so long is refused by the service: no need to ask."""
    seconds = plan.estimated_seconds
    if seconds is None or seconds <= ASKS_ABOVE or seconds > 3600 * plan.max_device_hours:
        return
    takes = f"It takes about {seconds / 3600:.1f} device hours"
    answer = terminal.confirmed(f"{takes}. Submit it?")
    if answer is None:
        terminal.talk(f"clr: {takes}, and nobody can be asked here: give --yes. Nothing was submitted.")
        raise typer.Exit(exits.WANTS_YES)
    if not answer:
        terminal.talk("Nothing was submitted.")
        raise typer.Exit(exits.FAILED)
