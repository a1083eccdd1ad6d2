"""The parts of an answer: figures with their intervals, counts, flags and costs (pydantic values).

`clr.resources` puts them together and gives them on.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from clr.protocol import Message
from clr.results import Phase

Action = Literal[
    "use it",
    "equivalent: take the simplest",
    "undecided: take the highest confirmed mean",
    "keep your baseline",
    "no verdict: screened only",
]
"""What to do: every answer ends in exactly one. Only "equivalent" prefers the arm with fewer parameters."""


class Bounds(Message):
    """A two-sided interval at `level`."""

    low: float
    high: float
    level: float = 0.95


class Difference(Message):
    """Paired difference to the baseline, arm minus baseline, over the seeds that every confirmed arm finished."""

    mean: float
    interval: Bounds | None
    pairs: int
    identical: bool = Field(default=False, description="the same value, seed by seed")
    note: str = ""
    pooled: Bounds | None = Field(default=None, description="seed-blocked Dunnett: one spread for all arms")
    separate: Bounds | None = Field(default=None, description="Bonferroni paired t: this pair's own spread")
    correlation: float | None = Field(default=None, description="of the two arms over seeds, that pairing achieved")


class Share(Message):
    """k of n runs, with the Clopper-Pearson interval of the share: 0 of 5 still allows 52 %."""

    count: int
    of: int
    interval: Bounds


class ToTarget(Message):
    """Iterations to a validation target, per seed; `median` over the seeds that reached it."""

    target: float
    reached: int
    of: int
    median: float | None
    per_seed: dict[str, int | None]
    reason: str = ""
    stop_points: int | None = Field(default=None, description="evaluations it was judged at: where a user could stop")
    spacing: int | None = Field(default=None, description="iterations between two of them: how exact a number is")


class TargetRatio(Message):
    """Iterations to target of an arm / of the baseline, paired by seed; below 1 the arm is sooner.

    ratio: every run reached it: exp of the mean log ratio. within the budget: some did not: ratio of restricted means,
    another estimand. not reached: more than half of an arm's runs did not: no ratio.
    """

    kind: Literal["ratio", "within the budget", "not reached"]
    ratio: float | None
    interval: Bounds | None
    reached: Share
    baseline_reached: Share
    note: str = ""


class LengthArm(Message):
    arm: str
    mean: float
    interval: Bounds | None


class LengthRanking(Message):
    """The arms at one length of the run, best mean first, over `seeds` that all of them have there."""

    iterations: int
    seeds: int
    arms: tuple[LengthArm, ...]


class Crossing(Message):
    """Between two lengths the means of two arms change places, at about so many iterations."""

    ahead_before: str
    ahead_after: str
    iterations: float


class EdgeFlag(Message):
    """A best value within 5 % of an edge of its interval. `extend`: the part of a spec that widens it."""

    coordinate: str
    value: float
    low: float
    high: float
    side: Literal["low", "high"]
    extend: dict[str, Any]
    advice: str


class Confounds(Message):
    """What an arm's finalist is besides its shape; rates are learning rates.

    decay: weight decay x the sum of all rates. momentum: SGD's, or Adam's beta1. warmup: updates before the peak.
    differences: to the baseline, in words.
    """

    peak: float
    end: float
    mean: float
    decay: float
    momentum: float
    warmup: int
    updates: int
    differences: tuple[str, ...] = ()


class TuningPoint(Message):
    """The best validation value that so many random search trials of an arm are expected to find."""

    trials: int
    value: float


class Reported(Message):
    """The recommended arm's figures to quote. `fresh`: on final seeds, which its choice never saw, so without flattery;
    `of`: seeds that were run."""

    arm: str
    mean: float
    interval: Bounds | None
    prediction: Bounds | None
    values: dict[str, float]
    of: int
    fresh: bool


class LedgerRow(Message):
    """What one phase and arm was given and what came of it. `iterations`: trained; `seconds`: device time."""

    phase: Phase
    arm: str
    asked: int = Field(description="trials of the plan; of the range test with its reruns")
    trained: int = Field(description="trials that ran to their end or diverged")
    failed: int
    iterations_asked: int
    iterations: int
    seconds: float


class Price(Message):
    """What more certainty costs: seeds of these arms that show a true difference of so much with 80 % power.

    seeds, seconds: None where more than 1,000 seeds would be needed, or nothing was timed.
    spec: a study that buys it, on seeds of its own; command: the line that submits it.
    """

    difference: float
    arms: tuple[str, ...]
    seeds: int | None
    seconds: float | None
    spec: dict[str, Any] | None
    command: str | None
    sentence: str
