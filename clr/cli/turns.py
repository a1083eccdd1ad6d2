"""What a person sees of a plan before it is submitted, and of the queue."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clr.cli.figures import ABSENT, duration
from clr.turns import PlanResource, Queue, Turn

SCRIPT = "script"
"""The model of a task that trains itself (`clr.scripts.definition.MODEL`)."""
UNKNOWN = "device time unknown until measured: 50 iterations and one evaluation first"


def plan(found: PlanResource) -> RenderableType:
    """The work by phase and arm, then the sum of it."""
    if not found.work:
        return Text(f"Plan: {found.task}; a worker looks at its data first; {UNKNOWN}.")
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for head in ("phase", "arm", "trials", "iterations", "device time"):
        table.add_column(head, justify="left" if head in ("phase", "arm") else "right")
    for row in found.work:
        time = ABSENT if row.seconds is None else duration(row.seconds)
        table.add_row(row.phase, row.arm or ABSENT, f"{row.trials:,}", f"{row.iterations:,}", time)
    return Group(table, Text(total(found)))


def total(found: PlanResource) -> str:
    """The plan in one line."""
    trained = f"the script of {found.task}" if found.model == SCRIPT else f"{found.model} on {found.task}"
    what = f"Plan: {found.trials:,} trials, {found.iterations:,} iterations of {trained}"
    if found.estimated_seconds is None:
        return f"{what}; {UNKNOWN}."
    return f"{what}; about {duration(found.estimated_seconds)} of device time, measured on {found.device_kind}."


def queue(found: Queue) -> RenderableType:
    """Live studies, one a line, in the order in which they get the next free worker. `left`: device time.

    What is not known, or waits for nothing, is a dash.
    """
    if not found.turns:
        return Text("Nothing waits: no study is live.")
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="bold")
    ids = max(len(turn.study) for turn in found.turns)  # never cut: they are there to be copied
    for head in ("#", "study", "owner", "prio", "state", "wait", "run", "left", "next"):
        narrow = head == "owner"
        table.add_column(
            head,
            no_wrap=not narrow,
            overflow="ellipsis" if narrow else "fold",
            min_width={"study": ids, "owner": 5}.get(head, len(head)),
        )
    for turn in found.turns:
        counts = str(turn.priority), turn.state, str(turn.waiting), str(turn.running)
        table.add_row(
            str(turn.position), turn.study, turn.owner or ABSENT, *counts, _time(turn.seconds_left), _starts(turn)
        )
    return table


def _time(seconds: float | None) -> str:
    return ABSENT if seconds is None else duration(seconds)


def _starts(turn: Turn) -> str:
    if turn.state == "paused" or not turn.waiting or turn.starts_at is None:
        return ABSENT
    seconds = (turn.starts_at - datetime.now(UTC)).total_seconds()
    return "now" if seconds < 1 else f"in {duration(seconds)}"
