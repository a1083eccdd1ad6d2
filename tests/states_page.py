"""docs/states.md, taken apart, and what a user is shown of a study, from one look to the next."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import select

from service.store import slots, studies
from service.store.database import Database
from service.store.schema import events as event_rows
from service.store.schema import slots as slot_rows

PAGE = (Path(__file__).parents[1] / "docs" / "states.md").read_text()
NONE = "[*]"
Edge = tuple[str, str, str]
"""from, to, by"""


def _section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def drawn(title: str) -> set[tuple[str, str]]:
    return set(re.findall(r"^    (\S+) --> (\S+)$", _section(title), re.MULTILINE))


def rows(title: str) -> list[list[str]]:
    lines = [line for line in _section(title).splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


def transitions(title: str) -> dict[Edge, list[str]]:
    """The events that a row of the table names, by its edge."""
    return {(start, end, by): [kind for kind in kinds.split(", ") if kind] for start, end, by, _, kinds in rows(title)}


Change = tuple[str | int, str, str]
"""(the study or a slot's number, from, to)"""


@dataclass
class Seen:
    """A study under observation: the states that a user is shown, compared from one look to the next."""

    database: Database
    study: str
    states: dict[str | int, str] = field(default_factory=dict)

    def changes(self) -> list[Change]:
        """What has changed since the last look."""
        now: dict[str | int, str] = {"study": studies.get(self.database, self.study).state}
        now |= {slot.number: slot.state for slot in slots.page(self.database, self.study, None, 500).items}
        changed = [(key, self.states.get(key, NONE), state) for key, state in now.items()]
        self.states = now
        return [(key, was, state) for key, was, state in changed if was != state]

    def kinds_of_change(self) -> set[Change]:
        """The same, without saying which slot's."""
        return {("study" if key == "study" else "slot", was, state) for key, was, state in self.changes()}

    def happened(self) -> list[tuple[str | int, str]]:
        """(the study or a slot's number, kind) of every event so far, in order."""
        numbered = select(event_rows.c.kind, slot_rows.c.number).outerjoin(
            slot_rows, slot_rows.c.id == event_rows.c.slot
        )
        mine = numbered.where(event_rows.c.study == self.study).order_by(event_rows.c.sequence)
        with self.database.read() as connection:
            return [("study" if row.number is None else row.number, row.kind) for row in connection.execute(mine)]
