"""What a person sees of a study in a terminal (rich)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from clr.cli.figures import ABSENT, duration
from clr.resources import (
    PhaseProgress,
    ScheduleResource,
    StudyResource,
    StudySummary,
    TaskResource,
)
from clr.results import Phase

PHASES: dict[Phase, str] = {
    "describe": "look at the task", "range-test": "range test", "search": "search", "confirm": "confirm",
}  # fmt: skip
REMARKED = ("running", "diverged", "pruned", "failed", "cancelled")


def progress(study: StudyResource) -> RenderableType:
    """One bar for each phase, with what is running, has failed or was given up."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for phase, parts in _by_phase(study.progress).items():
        planned, ended = sum(p.planned for p in parts), sum(_ended(p) for p in parts)
        bar = ProgressBar(total=max(planned, 1), completed=ended, width=30)
        table.add_row(PHASES[phase], bar, f"{ended}/{planned}", _remarks(parts))
    return Group(Text(line(study)), table)


def line(study: StudyResource) -> str:
    """A study's state in one line."""
    slots = study.slots
    parts = [f"{study.name or study.id}: {study.state}", f"{_ended(slots)} of {slots.planned} trials over"]
    if study.state == "running" and study.phase:
        parts[0] += f" ({PHASES[study.phase]})"
    if slots.cancelled:
        parts.append(f"{slots.cancelled} cancelled")
    if study.seconds_left is not None and study.state in ("queued", "running"):
        parts.append(f"about {duration(study.seconds_left)} left")
    if study.paused:
        parts[0] += f": {study.paused}"
    if study.reason:
        parts.append(study.reason)
    return ", ".join(parts)


def _by_phase(rows: Sequence[PhaseProgress]) -> dict[Phase, list[PhaseProgress]]:
    found: dict[Phase, list[PhaseProgress]] = {}
    for row in rows:
        found.setdefault(row.phase, []).append(row)
    return {phase: found[phase] for phase in PHASES if phase in found}


def _ended(counts: PhaseProgress | StudySummary | object) -> int:
    return sum(getattr(counts, name) for name in ("done", "diverged", "pruned", "failed"))


def _remarks(parts: Sequence[PhaseProgress]) -> str:
    totals = {name: sum(getattr(part, name) for part in parts) for name in REMARKED}
    return ", ".join(f"{count} {name}" for name, count in totals.items() if count)


def studies(rows: Iterable[StudySummary]) -> RenderableType:
    """A list of studies, one a line."""
    table = _list("study", "name", "task", "state", "trials", "created (UTC)")
    for row in rows:
        created = f"{row.created_at:%Y-%m-%d %H:%M}"
        table.add_row(row.id, row.name, row.task, row.state, f"{_ended(row.slots)}/{row.slots.planned}", created)
    return table if table.row_count else Text("No study yet: submit one with `clr submit spec.yaml`.")


def tasks(rows: Iterable[TaskResource]) -> RenderableType:
    """A list of tasks, one a line. `examples`: training, validation, test. `workers`: the live ones that have it."""
    table = _list("task", "metric", "examples", "models", "options", "workers")
    table.padding, table.pad_edge = (0, 1, 0, 0), False
    table.columns[2].no_wrap, table.columns[3].width = True, 19  # on 80 columns no number and no model is cut
    for row in rows:
        sizes = "/".join(str(size or ABSENT) for size in (row.train_size, row.validation_size, row.test_size))
        sizes = sizes if row.fixed else "by options"
        options = ", ".join(row.options_schema.get("properties", {})) or ABSENT
        table.add_row(row.name, row.metric, sizes, _some(row.models), options, str(row.live))
    return table if table.row_count else Text("No task yet: a worker announces its tasks when it starts (clr worker).")


def _some(names: Sequence[str], shown: int = 2) -> str:
    more = len(names) - shown
    return ", ".join(names[:shown]) + (f" and {more} more" if more > 0 else "")


def schedules(rows: Iterable[ScheduleResource]) -> RenderableType:
    """A list of schedule families, one a line."""
    table = _list("family", "what it does", "parameters", "searched")
    for row in rows:
        table.add_row(row.family, row.description, ", ".join(row.parameters.get("properties", {})),
                      ", ".join(row.coordinates))  # fmt: skip
    return table


def _list(*heads: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    for index, head in enumerate(heads):
        table.add_column(head, no_wrap=index == 0, overflow="fold")
    return table
