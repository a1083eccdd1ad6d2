"""What a person sees of a study in a terminal (rich)."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from clr.resources import (
    Answer,
    ArmAnswer,
    Bounds,
    Difference,
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
ABSENT = "–"
REMARKED = ("running", "diverged", "failed", "cancelled")


def answer(found: Answer) -> RenderableType:
    """The verdict first, then the arms with their evidence, then the best schedule, ready to paste."""
    parts: list[RenderableType] = [Text(found.sentence, style="bold"), Text(), _arms(found)]
    if found.notes:
        parts += [Text(), *(Text(f"· {note}", style="dim") for note in found.notes)]
    if found.best is not None:
        # Where the first arm's lead is not shown, the answer may be to stay with another.
        label = "Best schedule" if found.best.arm == found.arms[0].arm else "Schedule to take"
        schedule = found.best.schedule
        values = ", ".join(f"{name}={_number(value)}" for name, value in schedule.items() if name != "family")
        parts += [
            Text(),
            Text(f"{label}: {found.best.arm} = {schedule.get('family', '?')}({values})", style="bold"),
            Text("\n" + textwrap.indent(found.best.snippet.rstrip(), "    "), no_wrap=True, overflow="ignore"),
        ]
    return Group(*parts)


def _arms(found: Answer) -> Table:
    table = Table(
        box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="bold", caption=_caption(found),
        caption_justify="left",
    )  # fmt: skip
    heads = ("#", "arm", found.metric, "95 % interval", f"against {found.baseline}", "seeds", "failed",
             "peak lr")  # fmt: skip
    for index, head in enumerate(heads):
        table.add_column(
            head, justify="left" if index == 1 else "right", overflow="fold", no_wrap=index in (0, 2, 3, 4, 7)
        )
    for arm in found.arms:
        table.add_row(*_row(arm, found), style="dim" if arm.status == "failed" else "")
    return table


def _caption(found: Answer) -> str:
    if found.status == "provisional":
        return f"not confirmed: validation {found.metric} in the search, the best of several trials each, so flattering"
    unit = " in percent" if found.metric == "accuracy" else ""
    paired = f"differences are paired by seed, all their intervals hold at once in {found.level:.0%} of studies"
    return f"test {found.metric}{unit}; {paired}"


def _row(arm: ArmAnswer, found: Answer) -> Iterable[str]:
    yield str(arm.rank)
    yield arm.arm if arm.status == "confirmed" else f"{arm.arm} ({arm.status})"
    if arm.mean is not None:
        yield _figure(arm.mean, found)
    else:
        yield ABSENT if arm.search_value is None else f"({_figure(arm.search_value, found)})"
    yield _interval(arm.interval, found)
    yield _difference(arm.difference, found)
    yield str(len(arm.values))
    yield str(arm.search_failed + arm.search_diverged + arm.confirm_failed + arm.confirm_diverged)
    yield peak_rate(arm)


def _difference(difference: Difference | None, found: Answer) -> str:
    if difference is None:
        return ABSENT
    if difference.identical:
        return "identical"
    return f"{_figure(difference.mean, found, '+')} {_interval(difference.interval, found, '+')}"


def peak_rate(arm: ArmAnswer) -> str:
    """The highest rate of the run, to three digits: an exp_range's first peak lies below its max_lr."""
    return ABSENT if arm.confounds is None else f"{arm.confounds.peak:.3g}"


def _figure(value: float, found: Answer, sign: str = "") -> str:
    """An accuracy in percent, any other metric as it is."""
    return f"{100 * value:{sign}.2f}" if found.metric == "accuracy" else f"{value:{sign}.4g}"


def _interval(bounds: Bounds | None, found: Answer, sign: str = "") -> str:
    return ABSENT if bounds is None else f"[{_figure(bounds.low, found, sign)}, {_figure(bounds.high, found, sign)}]"


def _number(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else repr(value)


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
    if study.reason:
        parts.append(study.reason)
    return ", ".join(parts)


def _by_phase(rows: Sequence[PhaseProgress]) -> dict[Phase, list[PhaseProgress]]:
    found: dict[Phase, list[PhaseProgress]] = {}
    for row in rows:
        found.setdefault(row.phase, []).append(row)
    return {phase: found[phase] for phase in PHASES if phase in found}


def _ended(counts: PhaseProgress | StudySummary | object) -> int:
    return sum(getattr(counts, name) for name in ("done", "diverged", "failed"))


def _remarks(parts: Sequence[PhaseProgress]) -> str:
    totals = {name: sum(getattr(part, name) for part in parts) for name in REMARKED}
    return ", ".join(f"{count} {name}" for name, count in totals.items() if count)


def duration(seconds: float) -> str:
    """A length of time in its largest fitting unit.

    >>> duration(42), duration(180), duration(9000)
    ('42 s', '3 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def studies(rows: Iterable[StudySummary]) -> RenderableType:
    """A list of studies, one a line."""
    table = _list("study", "name", "task", "state", "trials", "created (UTC)")
    for row in rows:
        created = f"{row.created_at:%Y-%m-%d %H:%M}"
        table.add_row(row.id, row.name, row.task, row.state, f"{_ended(row.slots)}/{row.slots.planned}", created)
    return table if table.row_count else Text("No study yet: submit one with `clr submit spec.yaml`.")


def tasks(rows: Iterable[TaskResource]) -> RenderableType:
    """A list of tasks, one a line."""
    table = _list("task", "metric", "train/validation/test", "models", "options", "live workers")
    for row in rows:
        sizes = f"{row.train_size}/{row.validation_size}/{row.test_size}" if row.fixed else "by options"
        options = ", ".join(row.options_schema.get("properties", {})) or ABSENT
        table.add_row(row.name, row.metric, sizes, _some(row.models), options, str(row.live))
    return table if table.row_count else Text("No task yet: a worker announces its tasks when it starts (clr worker).")


def _some(names: Sequence[str], shown: int = 4) -> str:
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
