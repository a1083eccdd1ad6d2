"""clr extend."""

from __future__ import annotations

from typing import Annotated

import typer

from clr.cli import terminal
from clr.cli.options import Json, Service, StudyId, TokenFile, client
from clr.resources import StudyResource


def extend(
    study: StudyId,
    trials: Annotated[int, typer.Option("--trials", help="Search trials more of each arm.")] = 0,
    confirm_seeds: Annotated[int, typer.Option("--confirm-seeds", help="Seeds more of each confirmed arm.")] = 0,
    peak_lr: Annotated[
        tuple[float, float] | None,
        typer.Option("--peak-lr", metavar="LOW HIGH", help="Wider interval of every arm's peak rate, for --trials."),
    ] = None,
    max_device_hours: Annotated[
        float | None, typer.Option("--max-device-hours", help="Device time that the whole study may take from now on.")
    ] = None,
    key: Annotated[str | None, typer.Option("--key", help="The same key and wish extend the study once.")] = None,
    service: Service = None,
    token_file: TokenFile = None,
    json: Json = False,
) -> None:
    """Add search trials or confirm seeds to a study; none is repeated."""
    with client(service, token_file) as asked:
        found = asked.study(study).extend(
            trials=trials, confirm_seeds=confirm_seeds, peak_lr=peak_lr, max_device_hours=max_device_hours, key=key
        )
    if json:
        terminal.document(found)
        return
    terminal.data(added(found))
    terminal.talk(f"Watch it with: clr status --watch {study}")


def added(study: StudyResource) -> str:
    """What the last extension of a study brings, in one line."""
    last = study.extensions[-1]
    parts = [f"{last.search_trials} search trials of each arm"] if last.search_trials else []
    parts += [f"{last.confirm_seeds} seeds of each confirmed arm"] if last.confirm_seeds else []
    line = f"Added: {' and '.join(parts)}, {last.trials} trials of {last.iterations:,} iterations in all"
    again = "; an arm whose search finds better is confirmed anew" if last.search_trials else ""
    return f"{line}{again}."
