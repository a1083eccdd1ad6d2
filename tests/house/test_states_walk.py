"""Random orders of calls, with leases new and long lost: no transition but those of docs/states.md."""

import contextlib
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from builders import a_study, a_worker, at_rungs, done, failed, finish, lease, measured, pruned, release, renew
from builders import report as send
from states_page import Seen, drawn, rows

from clr.errors import Conflict
from clr.protocol import Lease
from service import extension
from service.caps import Caps
from service.store import pauses, slots, studies
from service.store.database import Database


@dataclass
class Shift:
    """Two workers on one study, who keep every lease that they ever got, and the study's user."""

    database: Database
    seen: Seen
    draw: random.Random
    workers: list[str]
    held: list[tuple[str, Lease]] = field(default_factory=list)

    def step(self) -> None:
        """One call of somebody, maybe with a lease that was lost long ago."""
        if self.draw.random() < 0.1:
            self.user()
        elif not self.held or self.draw.random() < 0.4:
            worker = self.draw.choice(self.workers)
            self.held += [(worker, granted) for granted in lease(self.database, worker, self.draw.randint(1, 2))]
        else:
            newest = {granted.number: (worker, granted) for worker, granted in self.held}
            live = [one for number, one in newest.items() if self.seen.states[number] in ("waiting", "running")]
            self.holder(*self.draw.choice(live if live and self.draw.random() < 0.8 else self.held))

    def user(self) -> None:
        calls: list[Callable[[], Any]] = [
            lambda: pauses.pause(self.database, self.seen.study, ""),
            *[lambda: pauses.resume(self.database, self.seen.study)] * 3,
            lambda: extension.apply(self.database, self.seen.study, {"confirm_seeds": 1}, Caps(2_000, 200.0), key=None),
        ]
        with contextlib.suppress(Conflict):  # it has ended
            self.draw.choice(calls)()

    def holder(self, worker: str, granted: Lease) -> None:
        ended = [done(granted, evaluations=at_rungs(granted, self.draw.random())) for _ in range(3)]
        ended += [failed(granted, how) for how in ("diverged", "failed", "crashed")]
        ended += [pruned(granted, rung.iteration, {rung.iteration: 0.0}) for rung in granted.config.rungs]
        calls: list[Callable[[], Any]] = [
            lambda: renew(self.database, worker, granted, seconds=self.draw.choice([0.0, 60.0])),
            lambda: release(self.database, worker, granted),
            lambda: send(self.database, worker, measured(granted, {10: 0.5})),
            lambda: finish(self.database, worker, self.draw.choice(ended)),
        ]
        self.draw.choice(calls)()


@pytest.mark.parametrize("seed", range(2))
def test_no_order_of_calls_makes_a_transition_that_is_not_drawn(database: Database, seed: int) -> None:
    draw, workers = random.Random(seed), [a_worker(database), a_worker(database)]
    walked, hows = set[tuple[str, str, str]](), set[str]()
    for steps in (5, 25, 120):
        seen = Seen(database, a_study(database, trials=4, pruner="median"))
        shift = Shift(database, seen, draw, workers)
        walked |= seen.kinds_of_change()
        for _ in range(steps):
            shift.step()
            walked |= seen.kinds_of_change()
        hows |= {attempt.how for slot in slots.page(database, seen.study, None, 500).items for attempt in slot.attempts}
        with contextlib.suppress(Conflict):  # it has ended by itself
            studies.cancel(database, seen.study)
        walked |= seen.kinds_of_change()

    of = {kind: {(was, now) for this, was, now in walked if this == kind} for kind in ("study", "slot")}
    assert of["study"] <= drawn("A study") and of["slot"] <= drawn("A slot")
    assert hows <= {how for cell, _ in rows("An attempt") for how in cell.split(", ")}
    assert len(of["study"]) >= 4 and len(of["slot"]) >= 6 and len(hows) >= 5, "it has been somewhere"
