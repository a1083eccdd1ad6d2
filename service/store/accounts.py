"""What studies have used: device time for its owner's share and its own limit, iterations for what is left."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import NamedTuple

from sqlalchemy import Connection, update

from service.store import fairness
from service.store.schema import studies


class Entry(NamedTuple):
    """Of one attempt. `iterations`: planned length of its slot where that has its outcome now, else 0."""

    study: str
    seconds: float
    iterations: int


def book(connection: Connection, entries: Sequence[Entry]) -> None:
    """Adds what attempts used, in the transaction in which they end; their studies are locked already.

    It locks owners, so it comes after the last slot, and before the worker's row.
    """
    seconds: defaultdict[str, float] = defaultdict(float)
    iterations: Counter[str] = Counter()
    for entry in entries:
        seconds[entry.study] += entry.seconds
        iterations[entry.study] += entry.iterations
    used: dict[str, float] = {}
    for study in sorted(seconds):
        added = update(studies).where(studies.c.id == study)
        values = {
            "used_seconds": studies.c.used_seconds + seconds[study],
            "ended_iterations": studies.c.ended_iterations + iterations[study],
        }
        owner = connection.scalar(added.values(values).returning(studies.c.owner))
        if owner is not None and seconds[study]:
            used[owner] = used.get(owner, 0.0) + seconds[study]
    fairness.charge(connection, used)
