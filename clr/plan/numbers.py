"""Which number each slot of a study has: fixed by its plan, so that it does not depend on which worker was faster.

The parts of a plan follow one another: as it was submitted, then each extension. Part 0 has the range test from 1,
search, confirm, then room for reruns of the range test (describe is 0). An extension has search, then confirm. In both
the arms take turns. So a part that is added changes no number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from clr.results import Phase

RAMP_RERUNS = 3  # high x 10 twice, low / 100 once


@dataclass(frozen=True)
class Numbers:
    """The numbers of a plan's slots.

    Attributes:
        ramps: runs of one range test; 0 without it.
        arms: names, in the plan's order.
        trials: for each part, the search trials that it adds to each arm, over all replicates.
        confirm: for each part, the most confirm runs that it may add to an arm.
    """

    ramps: int
    arms: tuple[str, ...]
    trials: tuple[tuple[int, ...], ...]
    confirm: tuple[int, ...]

    @property
    def slots(self) -> int:
        """Slots at most, reruns of the range test aside."""
        return sum(self._size(part) for part in range(len(self.confirm)))

    @property
    def last(self) -> int:
        """The highest number there may be."""
        return self._before(len(self.confirm))

    def of(self, phase: Phase, arm: str, index: int, part: int = 0) -> int:
        """The number of a slot.

        Args:
            index: counts the slots of this phase and arm, in search over all parts, in confirm within its part.
            part: 0 for what was submitted, k for the k-th extension.
        """
        if phase == "describe":
            return 0
        if phase == "range-test":
            return index + 1 if index < self.ramps else self._size(0) + 1 + index - self.ramps
        if phase == "search":
            return self._search[arm, index]
        first = self._before(part) + self._ramps_of(part) + sum(self.trials[part]) + 1
        return first + index * len(self.arms) + self.arms.index(arm)

    @cached_property
    def _search(self) -> Mapping[tuple[str, int], int]:
        """(arm, trial of the arm) -> number."""
        found: dict[tuple[str, int], int] = {}
        before = dict.fromkeys(self.arms, 0)
        for part, trials in enumerate(self.trials):
            asked = dict(zip(self.arms, trials, strict=True))
            turns = [(arm, before[arm] + t) for t in range(max(trials)) for arm in self.arms if t < asked[arm]]
            first = self._before(part) + self._ramps_of(part) + 1
            found |= {turn: number for number, turn in enumerate(turns, start=first)}
            before = {arm: before[arm] + asked[arm] for arm in self.arms}
        return found

    def _before(self, part: int) -> int:
        """Numbers that are taken by the parts before."""
        reruns = RAMP_RERUNS * self.ramps if part else 0
        return reruns + sum(self._size(earlier) for earlier in range(part))

    def _size(self, part: int) -> int:
        return self._ramps_of(part) + sum(self.trials[part]) + self.confirm[part] * len(self.arms)

    def _ramps_of(self, part: int) -> int:
        return 0 if part else self.ramps
