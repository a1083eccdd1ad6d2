"""A study's answer on one screen: at most 25 lines, the verdict first. What no longer fits is in `clr report`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from clr import recipe
from clr.cli.arm_table import arm_table
from clr.cli.figures import Figures, duration
from clr.resources import Answer, Price

LINES = 25
MOST_ROWS = 12
LEAST_ROWS = 3
LABEL = 9


@dataclass(frozen=True)
class Part:
    """A remark below the table; `more`: its second paragraph.

    Of those that don't all fit, the ones with the lower `weight` are left out first.
    """

    weight: int
    label: str
    text: str
    more: str = ""

    def lines(self, console: Console, width: int) -> list[Text]:
        """Wrapped, under its label."""
        inner = max(20, width - LABEL)
        wrapped = [line for text in (self.text, self.more) if text for line in Text(text).wrap(console, inner)]
        labels = [self.label.ljust(LABEL), *[" " * LABEL] * (len(wrapped) - 1)]
        return [Text(label, style="dim") + line for label, line in zip(labels, wrapped, strict=True)]


@dataclass(frozen=True)
class Sheet:
    """An answer as rich prints it: verdict and action, the arms, what they were trained with, what can be done next."""

    answer: Answer

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width
        verdict = _verdict(self.answer.sentence).wrap(console, width)
        parts = [(part, part.lines(console, width)) for part in _parts(self.answer)]
        needed = sum(len(lines) for part, lines in parts if part.weight >= NEEDED)
        rows = min(MOST_ROWS, max(LEAST_ROWS, LINES - len(verdict) - needed - 1))
        table = arm_table(self.answer, width, rows)
        kept = _kept(parts, LINES - len(verdict) - len(table))
        remarks = [line for _, lines in kept for line in lines]
        gaps = LINES - len(verdict) - len(table) - len(remarks)
        yield from verdict
        yield from [Text()] * (gaps > 0 and bool(table))
        yield from table
        yield from [Text()] * (gaps > 1 and bool(remarks))
        yield from remarks


NEEDED, LIGHT = 90, 40
"""Remarks of at least the first weight are kept before a row of the table is, those below the second leave the gaps."""
GAPS = 2


ACTION = re.compile(r"^(?:(?:Undecided|Equivalent|No verdict): )?.*?(?=[:.](?: |$))")
SCOPE = re.compile(r" \(\d+ (?:paired )?(?:seed|replicate).*\.\)$")


def _verdict(sentence: str) -> Text:
    """The action in bold, the scope dim."""
    text = Text(sentence)
    for pattern, style in ((ACTION, "bold"), (SCOPE, "dim")):
        if found := pattern.search(sentence):
            text.stylize(style, *found.span())
    return text


def _kept(parts: Sequence[tuple[Part, list[Text]]], room: int) -> list[tuple[Part, list[Text]]]:
    """The heaviest parts that fit, in the order of the sheet."""
    kept: set[int] = set()
    for place in sorted(range(len(parts)), key=lambda k: -parts[k][0].weight):
        spare = GAPS if parts[place][0].weight < LIGHT else 0
        if len(parts[place][1]) <= room - spare:
            kept.add(place)
            room -= len(parts[place][1])
    return [part for place, part in enumerate(parts) if place in kept]


def _parts(found: Answer) -> Iterator[Part]:
    """Everything below the table, in order."""
    if found.settings is not None:
        yield Part(80, "trained", recipe.trained(found.settings))
        yield Part(70, "tuned", recipe.tuned(found.settings, found.replicates))
    yield from _edges(found)
    yield from (Part(20, "note", note) for note in _notes(found))
    if extra := _also(found):
        yield Part(30, "also", f"{extra}: clr report {found.study}")
    if found.price is not None:
        yield Part(60, "more", _price(found.price, Figures.of(found)), _command(found.study, found.price))
    if found.best is not None:
        arm = "" if found.arms and found.best.arm == found.arms[0].arm else f"   (of {found.best.arm})"
        yield Part(100, "snippet", f"clr snippet {found.study}{arm}")
    if found.arms:
        yield Part(95, "figures", f"clr report {found.study}")


def _edges(found: Answer) -> Iterator[Part]:
    """Arms whose best value lies at an edge of what was searched, all in one remark."""
    flags = sorted(
        ((flag.coordinate, flag.side, arm.arm) for arm in found.arms for flag in arm.edges), key=lambda flag: flag[:2]
    )
    said = [
        f"{', '.join(arm for _, _, arm in group)} at the {'upper' if side == 'high' else 'lower'} edge of {coordinate}"
        for (coordinate, side), group in groupby(flags, key=lambda flag: flag[:2])
    ]
    if said:
        yield Part(50, "edges", f"{'; '.join(said)}: a better value may lie beyond")


def _notes(found: Answer) -> list[str]:
    """Notes beside those on edges, which have a remark of their own; what holds of several arms is said once."""
    names, said = {arm.arm for arm in found.arms}, dict[str, list[str]]()
    for note in found.notes:
        arm, _, text = note.partition(": ")
        if note in {flag.advice for one in found.arms for flag in one.edges}:
            continue
        said.setdefault(text if arm in names else note, []).extend([arm] if arm in names else [])
    return [f"{', '.join(arms)}: {text}" if arms else text for text, arms in said.items()]


def _also(found: Answer) -> str:
    """What was measured beside the arms' test metric."""
    measured = []
    if any(arm.to_target for arm in found.arms):
        measured.append("iterations to the target")
    if len(found.lengths) > 1:
        measured.append(f"ranking at {len(found.lengths)} lengths")
    return " and ".join(measured)


def _price(price: Price, figures: Figures) -> str:
    shown = f"80 % sure to see {figures.amount(price.difference)}"
    if price.seeds is None:
        return f"{shown}: more than 1,000 seeds of each arm; ask for a wider margin"
    more = f" ({price.more} more)" if price.more else ""
    cost = "" if price.seconds is None else f", {duration(price.seconds)}"
    return f"{shown}: {price.seeds} seeds each{more} of {len(price.arms)} arms{cost}{':' if price.command else ''}"


def _command(study: str, price: Price) -> str:
    """The line that buys it; a spec is fetched, not printed."""
    if price.command is None:
        return ""
    return f"clr best {study} --price | clr submit -" if price.spec is not None else price.command
