"""Flags that several commands share."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from clr.client import Client, token_from_file

Service = Annotated[
    str | None,
    typer.Option("--service", metavar="URL", help="Address of the service; else CLR_SERVICE, else this machine."),
]
TokenFile = Annotated[
    Path | None, typer.Option("--token-file", help="File that holds the token; else CLR_TOKEN or CLR_TOKEN_FILE.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
StudyId = Annotated[str, typer.Argument(metavar="STUDY", help="The study's id, as `clr submit` printed it.")]


def client(service: str | None, token_file: Path | None) -> Client:
    """The client that these flags ask for. A command answers a person: it retries briefly."""
    return Client(service, token_from_file(token_file) if token_file else None, retries=2)


def named_values(pairs: Sequence[str]) -> dict[str, Any]:
    """NAME=VALUE, the value as JSON where it is, else as text."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals:
            raise typer.BadParameter(f"must be NAME=VALUE, got {pair!r}", param_hint="--option")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found
