"""How far studies are: slots by phase, arm and state."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from sqlalchemy import Connection, func, select

from clr import rounds
from clr.plan import Plan
from clr.resources import Counts, PhaseProgress, TrialState
from clr.results import Phase, Trial
from service.store import states
from service.store.schema import slots, studies

PHASES: tuple[Phase, ...] = get_args(Phase)
Cell = tuple[Phase, str]


@dataclass(frozen=True)
class Opened:
    """Slots that are written, by phase and arm and then by state."""

    cells: Mapping[Cell, Counter[TrialState]]

    def of(self, phase: Phase) -> Counter[TrialState]:
        found: Counter[TrialState] = Counter()
        for (this, _), count in self.cells.items():
            found += count if this == phase else Counter()
        return found

    @property
    def phase(self) -> Phase | None:
        """The first phase with an open slot; between two rounds the last one that was opened."""
        opened = [phase for phase in PHASES if self.of(phase)]
        at_work = [phase for phase in opened if self.of(phase)["waiting"] + self.of(phase)["running"]]
        return at_work[0] if at_work else opened[-1] if opened else None


def opened(connection: Connection, ids: Sequence[str]) -> dict[str, Opened]:
    """What is written of each study."""
    state = states.slot_state.label("state")
    query = (
        select(slots.c.study, slots.c.phase, slots.c.arm, state, func.count().label("many"))
        .join(studies)
        .where(slots.c.study.in_(ids))
        .group_by(slots.c.study, slots.c.phase, slots.c.arm, state)
    )
    found: dict[str, dict[Cell, Counter[TrialState]]] = {study: {} for study in ids}
    for row in connection.execute(query):
        found[row.study].setdefault((row.phase, row.arm), Counter())[row.state] += row.many
    return {study: Opened(cells) for study, cells in found.items()}


def by_phase(plan: Plan | None, written: Opened, *, ended: bool, cancelled: bool) -> tuple[PhaseProgress, ...]:
    """Every phase and arm with its slots, those whose round is not open yet, or never will be, included.

    Args:
        ended: the study is over: nothing waits any more.
        cancelled: and not by itself, so that the rest of its plan was given up.
    """
    planned: dict[Cell, int] = {cell: count.total() for cell, count in written.cells.items()}
    if plan is not None and (cancelled or not ended):
        planned |= rounds.planned(plan, list(_outline(written)))
    cells = sorted(planned, key=lambda cell: (PHASES.index(cell[0]), _place(plan, cell[1])))
    return tuple(_progress(cell, planned[cell], written.cells.get(cell, Counter()), ended) for cell in cells)


def total(progress: Iterable[Counts]) -> Counts:
    """All phases and arms together."""
    sums: Counter[str] = Counter()
    for part in progress:
        sums.update({name: getattr(part, name) for name in Counts.model_fields})
    return Counts(**{name: sums[name] for name in Counts.model_fields})


def _place(plan: Plan | None, arm: str) -> int:
    names = [a.name for a in plan.arms] if plan else []
    return names.index(arm) if arm in names else -1


def _progress(cell: Cell, planned: int, count: Counter[TrialState], ended: bool) -> PhaseProgress:
    left = planned - sum(count[state] for state in ("running", "done", "diverged", "pruned", "failed", "cancelled"))
    return PhaseProgress(
        phase=cell[0],
        arm=cell[1],
        planned=planned,
        waiting=0 if ended else left,
        running=count["running"],
        done=count["done"],
        diverged=count["diverged"],
        failed=count["failed"],
        pruned=count["pruned"],
        cancelled=count["cancelled"] + (left if ended else 0),
    )


def _outline(written: Opened) -> Iterator[Trial]:
    """As many trials as slots are written, with phase and arm alone: all that `rounds.planned` looks at."""
    for (phase, arm), count in written.cells.items():
        for _ in range(count.total()):
            yield Trial(
                number=0, phase=phase, arm=arm, round=0, position=0, params={}, seed=0, split_seed=0, iterations=1
            )
