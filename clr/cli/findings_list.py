"""The confirmed best of each study, in a terminal: those that train alike stand together."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from clr import recipe
from clr.cli.figures import Figures
from clr.findings import UNPAIRED, Finding


@dataclass(frozen=True)
class FindingsList:
    """Findings in the service's order, as rich prints them."""

    findings: tuple[Finding, ...]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self.findings:
            yield Text("No study has confirmed a best schedule yet.")
            return
        for _, group in groupby(self.findings, key=lambda finding: finding.setting):
            yield from _group(tuple(group))
        yield Text(UNPAIRED, style="dim")


def _group(findings: tuple[Finding, ...]) -> Iterator[RenderableType]:
    yield Text(recipe.trained(findings[0].settings), style="bold")
    figures = Figures.of_values(findings[0].metric, [finding.mean for finding in findings])
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for head in ("arm", findings[0].metric, "interval", "seeds", "action", "study", "ended (UTC)"):
        table.add_column(head, no_wrap=head != "action", justify="left" if head in ("arm", "action") else "right")
    for finding in findings:
        low, high = figures.ends(finding.interval)
        ended = f"{finding.ended_at:%Y-%m-%d %H:%M}"
        interval = f"[{low}, {high}]".replace("[", r"\[")
        mean = figures.value(finding.mean)
        table.add_row(finding.arm, mean, interval, str(finding.seeds), finding.action, finding.study, ended)
    yield table
    yield Text()
