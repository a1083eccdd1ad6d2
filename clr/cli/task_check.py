"""How `clr tasks check` shows what it found."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from clr.cli import terminal
from clr.task_check import CheckReport, Measured, check

STYLES = {"ok": "green", "warning": "yellow", "problem": "bold red"}


def found(
    name: str, options: dict[str, Any], iterations: int, peak_lr: float, batch_size: int, device: str
) -> CheckReport:
    """Runs the check, saying on stderr what it does."""
    return check(
        name,
        options=options,
        iterations=iterations,
        peak_lr=peak_lr,
        batch_size=batch_size,
        device=device,
        progress=terminal.talk,
    )


def shown(report: CheckReport) -> RenderableType:
    """One line for each finding, problems first, then what a run takes."""
    table = Table.grid(padding=(0, 2, 0, 0))
    for finding in report.findings:
        table.add_row(Text(finding.level, style=STYLES[finding.level]), finding.about, Text(finding.text))
    return Group(table, Text(_measured(report.measured)))


def _measured(took: Measured) -> str:
    parts = [] if took.iteration_seconds else ["too short to be timed: give more --iterations"]
    if took.iteration_seconds is not None:
        inclusive = "" if took.evaluation_seconds is not None else " with its share of the evaluations"
        parts.append(f"{1000 * took.iteration_seconds:.3g} ms an update{inclusive}")
    if took.evaluation_seconds is not None:
        parts.append(f"{1000 * took.evaluation_seconds:.3g} ms an evaluation")
    if took.start_seconds is not None:
        parts.append(f"{took.start_seconds:.1f} s to start")
    if took.peak_bytes is not None:
        parts.append(f"{took.peak_bytes / 2**20:,.0f} MiB of memory at its peak")
    return "measured: " + "; ".join(parts)
