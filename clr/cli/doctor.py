"""clr doctor."""

from __future__ import annotations

import typer
from rich.table import Table
from rich.text import Text

from clr.cli import exits, terminal
from clr.cli.options import Json, Service, TokenFile, client
from clr.diagnosis import Finding, machine, service_side

COLOURS = {"ok": "green", "warning": "yellow", "problem": "bold red"}


def doctor(service: Service = None, token_file: TokenFile = None, json: Json = False) -> None:
    """Check this machine and the service: versions, torch and driver, database, disk, tasks, workers.

    Exit code 0 where nothing is a problem (warnings may be there), else 1.
    """
    found = [*machine()]
    with client(service, token_file) as asked:
        found += service_side(asked)
    terminal.document(found) if json else terminal.data(_table(found))
    if any(finding.state == "problem" for finding in found):
        raise typer.Exit(exits.FAILED)


def _table(found: list[Finding]) -> Table:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for finding in found:
        table.add_row(Text(finding.state, COLOURS[finding.state]), finding.what, Text(finding.said))
        if finding.advice:
            table.add_row("", "", Text(f"-> {finding.advice}", "bold"))
    return table
