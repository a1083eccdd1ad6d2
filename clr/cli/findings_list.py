"""The confirmed best of each study, in a terminal: those that train alike stand together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from clr import recipe
from clr.cli.arm_table import GAP, Column, cut, with_intervals
from clr.cli.figures import Figures
from clr.findings import UNPAIRED, Finding

LONGEST_NAME = 24


@dataclass(frozen=True)
class FindingsList:
    """Findings in the service's order, as rich prints them; a study's id has a line of its own where it doesn't fit."""

    findings: tuple[Finding, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self.findings:
            yield Text("No study has confirmed a best schedule yet.")
            return
        for _, group in groupby(self.findings, key=lambda finding: finding.setting):
            yield from _group(tuple(group), options.max_width)
        yield Text(UNPAIRED, style="dim")


def _group(findings: tuple[Finding, ...], width: int) -> Iterator[Text]:
    yield Text(recipe.trained(findings[0].settings), style="bold")
    figures = Figures.of_values(findings[0].metric, [finding.mean for finding in findings])
    columns = [
        Column("arm", tuple(cut(finding.arm, LONGEST_NAME) for finding in findings), left=True),
        Column(findings[0].metric, with_intervals(figures, [(one.mean, one.interval) for one in findings])),
        Column("seeds", tuple(str(finding.seeds) for finding in findings)),
        Column("ended", tuple(f"{finding.ended_at:%Y-%m-%d}" for finding in findings), left=True),
        Column("action", tuple(finding.action.partition(":")[0] for finding in findings), left=True),
    ]
    studies = Column("study", tuple(finding.study for finding in findings), left=True)
    in_one = sum(column.width + len(GAP) for column in columns) + studies.width <= width
    head, *rows = zip(*(column.lines() for column in [*columns, *([studies] if in_one else [])]), strict=True)
    yield Text(GAP.join(head), style="dim")
    for finding, cells in zip(findings, rows, strict=True):
        yield Text(cut(GAP.join(cells).rstrip(), width))
        if not in_one:
            yield Text(f"  clr best {finding.study}", style="dim")
    yield Text()
