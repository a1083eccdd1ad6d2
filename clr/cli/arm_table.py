"""The arms of an answer as lines of text: numbers below each other, no line wider than the screen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rich.text import Text

from clr.cli.figures import ABSENT, Figures, duration
from clr.resources import Answer, ArmAnswer, Bounds

Form = Literal["brackets", "reaches", "short"]
FORMS: tuple[Form, ...] = ("brackets", "reaches", "short")
"""Intervals as [low, high], as ± reach, and that with short heads; widest first."""
SHORTEST_NAME = 8
GAP = "  "


@dataclass(frozen=True)
class Column:
    """A column: its head, and a cell for each row, all of one width."""

    head: str
    cells: tuple[str, ...]
    left: bool = False

    @property
    def width(self) -> int:
        return max(map(len, (self.head, *self.cells)))

    def lines(self) -> list[str]:
        """Head and cells, padded to one width."""
        pad = str.ljust if self.left else str.rjust
        return [pad(text, self.width) for text in (self.head, *self.cells)]


def arm_table(found: Answer, width: int, most: int) -> list[Text]:
    """The lines of the table, its caption last.

    Args:
        width: of the screen. most: rows at most; beyond that the best arms, the baseline and what is recommended are
            shown, and the others counted.
    """
    if not found.arms:
        return []
    arms = _shown(found, most)
    lines = _lines(found, arms, width)
    rows = [Text(lines[0], style="bold")]
    for arm, line in zip(arms, (cut(line, width) for line in lines[1:]), strict=True):
        rows.append(
            Text(line, style="dim" if arm.status == "failed" else "bold" if arm.arm == found.recommended else "")
        )
    if left := len(found.arms) - len(arms):
        rows.append(Text(f"and {left} more: clr report {found.study}"))
    return [*rows, Text(cut(_caption(found), width), style="dim")]


def peak_rate(arm: ArmAnswer) -> str:
    """The highest rate of the run, to three digits: an exp_range's first peak lies below its max_lr."""
    return ABSENT if arm.confounds is None else f"{arm.confounds.peak:.3g}"


def _shown(found: Answer, most: int) -> list[ArmAnswer]:
    if len(found.arms) <= most:
        return list(found.arms)
    wanted = {found.baseline, found.recommended, found.arms[0].arm}
    named = [arm for arm in found.arms if arm.arm in wanted]
    others = [arm for arm in found.arms if arm.arm not in wanted]
    kept = {arm.arm for arm in [*named, *others[: max(0, most - 1 - len(named))]]}
    return [arm for arm in found.arms if arm.arm in kept]


def _lines(found: Answer, arms: Sequence[ArmAnswer], width: int) -> list[str]:
    """The first form of the table that fits; where none does, the shortest with its names cut."""
    forms = _confirmed if found.status == "confirmed" else _screened
    names = [_named(arm, found) for arm in arms]
    for form in FORMS:
        columns = forms(found, arms, form)
        room = width - sum(column.width + len(GAP) for column in columns)
        if max(map(len, names)) <= room:
            break
    shortened = tuple(cut(name, max(SHORTEST_NAME, room)) for name in names)
    parts = [Column("arm", shortened, left=True), *columns]
    return [GAP.join(cells).rstrip() for cells in zip(*(column.lines() for column in parts), strict=True)]


def _named(arm: ArmAnswer, found: Answer) -> str:
    told = arm.status == "failed" or (arm.status == "not confirmed" and found.status == "confirmed")
    return f"{arm.arm} ({arm.status})" if told else arm.arm


def _confirmed(found: Answer, arms: Sequence[ArmAnswer], form: Form) -> list[Column]:
    """Columns of a confirmed answer; form: how much room it takes."""
    figures, tails = Figures.of(found), _ends if form == "brackets" else _reaches
    differences = [arm.difference for arm in arms]
    gaps = [(d.mean, d.interval) if d else (None, None) for d in differences]
    against = f"{'vs' if form == 'short' else 'against'} {cut(found.baseline, 12)}"
    beside = _joined([figures.value(gap, "+") for gap, _ in gaps], tails(figures, gaps, "+"))
    same = [difference is not None and difference.identical for difference in differences]
    means = [(arm.mean, arm.interval) for arm in arms]
    return [
        Column(found.metric, _joined([figures.value(mean) for mean, _ in means], tails(figures, means, ""))),
        Column(against, tuple("identical" if s else cell for s, cell in zip(same, beside, strict=True))),
        Column("n" if form == "short" else "seeds", tuple(str(len(arm.values)) for arm in arms)),
        *_common(arms, form),
    ]


def _screened(found: Answer, arms: Sequence[ArmAnswer], form: Form) -> list[Column]:
    """Columns of an answer that is not confirmed: the best of the search, in brackets."""
    figures = Figures.of(found)
    values = [ABSENT if arm.search_value is None else f"({figures.value(arm.search_value)})" for arm in arms]
    trials = tuple(str(arm.search_trials) for arm in arms)
    return [Column("validation", tuple(values)), Column("trials", trials), *_common(arms, form)]


def _common(arms: Sequence[ArmAnswer], form: Form) -> list[Column]:
    failed = [arm.search_failed + arm.search_diverged + arm.confirm_failed + arm.confirm_diverged for arm in arms]
    return [
        Column("lost" if form == "short" else "failed", tuple(map(str, failed))),
        Column("time" if form == "short" else "device", tuple(duration(arm.seconds) for arm in arms)),
        Column("peak lr", tuple(map(peak_rate, arms))),
    ]


Measured = Sequence[tuple[float | None, Bounds | None]]


def _ends(figures: Figures, measured: Measured, sign: str) -> list[str]:
    """Each interval as [low, high]; "" where there is none."""
    ends = [figures.ends(bounds, sign) for _, bounds in measured]
    lows, highs = _right([low for low, _ in ends]), _right([high for _, high in ends])
    cells = zip(lows, highs, measured, strict=True)
    return [f"[{low}, {high}]" if bounds else "" for low, high, (_, bounds) in cells]


def with_intervals(figures: Figures, measured: Measured) -> tuple[str, ...]:
    """Cells of values with their intervals, "94.70 [94.20, 95.20]"."""
    return _joined([figures.value(value) for value, _ in measured], _ends(figures, measured, ""))


def _reaches(figures: Figures, measured: Measured, sign: str) -> list[str]:
    """Each interval as ± reach; "" where there is none."""
    reaches = _right([figures.reach(bounds, value or 0.0) for value, bounds in measured])
    return [f"±{reach}" if bounds else "" for reach, (_, bounds) in zip(reaches, measured, strict=True)]


def _joined(values: Sequence[str], tails: Sequence[str]) -> tuple[str, ...]:
    """Values with what follows them, each number below its like; a dash stands alone."""
    width = max(map(len, tails))
    cells = zip(_right(values), tails, strict=True)
    gap = " " if width else ""
    return tuple(ABSENT if value.strip() == ABSENT else f"{value}{gap}{tail.ljust(width)}" for value, tail in cells)


def _right(texts: Sequence[str]) -> list[str]:
    width = max(map(len, texts))
    return [text.rjust(width) for text in texts]


def cut(text: str, width: int) -> str:
    """The text, or as much of it as fits."""
    return text if len(text) <= width else text[: max(1, width - 1)] + "…"


def _caption(found: Answer) -> str:
    if found.status != "confirmed":
        return f"not confirmed: validation {found.metric}, the best of several trials, so flattering"
    unit = " in percent" if found.metric == "accuracy" else ""
    split = found.settings.confirmed_on if found.settings is not None else "test"
    return f"{split} {found.metric}{unit}; the intervals of all differences hold at once, in {100 * found.level:.3g} %"
