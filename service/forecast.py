"""When studies get their next trial started: the lease's own rule, played forward from now. Pure.

Trials are taken to last as long as their study's have so far. What owners used fades too slowly to matter here.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

STEPS = 20_000
"""Trials that are played at most; what starts later is not foretold."""


@dataclass(frozen=True)
class Contender:
    """A study that is served.

    Attributes:
        study, task, owner, priority: as stored.
        trials: that wait to be run.
        trial_seconds: how long one takes [device seconds]; None while that is not known.
    """

    study: str
    task: str
    owner: str
    priority: int
    trials: int
    trial_seconds: float | None


@dataclass(frozen=True)
class Bench:
    """A live worker: what it can run, and in how many seconds it is free; None while that is not known."""

    tasks: Collection[str]
    free_in: float | None


def starts(contenders: Sequence[Contender], used: Mapping[str, float], benches: Sequence[Bench]) -> dict[str, float]:
    """Seconds until a worker takes each study's next trial; a study for which that can't be told is absent.

    Args:
        contenders: every study that is served.
        used: device seconds of late, by owner.
        benches: every live worker.
    """
    left = {one.study: one.trials for one in contenders}
    shares = {one.owner: used.get(one.owner, 0.0) for one in contenders}
    free = [(bench.free_in, place) for place, bench in enumerate(benches) if bench.free_in is not None]
    heapq.heapify(free)
    found: dict[str, float] = {}
    for _ in range(STEPS):
        if not free or len(found) == len(contenders):
            break
        now, place = heapq.heappop(free)
        able = [one for one in contenders if left[one.study] and one.task in benches[place].tasks]
        if not able:
            continue  # nothing is left for it
        chosen = min(able, key=lambda one: (-one.priority, shares[one.owner], one.study))
        left[chosen.study] -= 1
        found.setdefault(chosen.study, now)
        if chosen.trial_seconds is not None:  # else nobody knows when it is free again
            shares[chosen.owner] += chosen.trial_seconds
            heapq.heappush(free, (now + chosen.trial_seconds, place))
    return found
