"""Where output goes: data to stdout, talk to stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel
from rich.console import Console, RenderableType
from rich.live import Live

from clr.cli import render
from clr.resources import StudyResource

UNWRAPPED = 1000


def data(value: RenderableType) -> None:
    """Shows a result on stdout; unwrapped where it is neither a terminal nor told its width (COLUMNS)."""
    console = _console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = UNWRAPPED
    console.print(value, soft_wrap=isinstance(value, str), crop=False)  # a snippet's lines stay whole


def _console(*, stderr: bool = False) -> Console:
    """A console that shows text as it is: code, names and reasons hold brackets, which are no markup."""
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def document(value: BaseModel | list[Any]) -> None:
    """Prints a result as JSON on stdout."""
    if isinstance(value, BaseModel):
        text = value.model_dump_json(indent=2)
    else:
        text = json.dumps([item.model_dump(mode="json") for item in value], indent=2)
    sys.stdout.write(text + "\n")


def talk(said: RenderableType) -> None:
    """Says something beside the result, on stderr."""
    if isinstance(said, str):
        sys.stderr.write(said + "\n")
    else:
        _console(stderr=True).print(said)
    sys.stderr.flush()


def confirmed(question: str) -> bool | None:
    """The answer to a question that is put on stderr; None where nobody is there to be asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return None
    sys.stderr.write(f"{question} [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


@contextmanager
def watching() -> Iterator[Callable[[StudyResource], None]]:
    """Shows a study's progress on stderr: live bars on a terminal, else a line whenever something has changed."""
    console = _console(stderr=True)
    if not console.is_terminal:
        said: list[str] = []

        def say(study: StudyResource) -> None:
            text = render.line(study).partition(", about ")[0]
            if said[-1:] != [text]:
                said.append(text)
                talk(text)

        yield say
        return
    with Live(console=console, refresh_per_second=4) as live:
        yield lambda study: live.update(render.progress(study))
