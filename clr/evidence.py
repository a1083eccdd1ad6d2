"""The parts of an answer: figures with their intervals, counts, flags and costs (pydantic values).

`clr.resources` puts them together and gives them on.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from clr.protocol import Message, TrainingOptions
from clr.results import Phase

Action = Literal[
    "use it",
    "equivalent: take the simplest",
    "undecided: take the highest confirmed mean",
    "keep your baseline",
    "no verdict: screened only",
]
"""What to do: every answer ends in exactly one. Only "equivalent" prefers the arm with fewer parameters."""


class Settings(Message):
    """What all arms of a study have in common. `trials`: search trials of an arm; `seeds`: its confirm runs in each
    replicate; `low`, `high`: where every arm's peak rate is searched, None until the range test is over.
    `self_trained`: by a script, whose model, optimizer and batches are its own business; those here are the spec's.
    `confirmed_on`: the split whose metric the confirm runs are judged by."""

    task: str
    task_options: dict[str, Any]
    model: str
    model_options: dict[str, Any]
    optimizer: str
    optimizer_options: dict[str, float | bool] = Field(description="every option, defaults filled in")
    training: TrainingOptions
    batch_size: int
    iterations: int
    epochs: float
    trials: int
    sampler: str
    seeds: int
    low: float | None
    high: float | None
    source: Literal["given", "range-test", "default"] | None = Field(description="what the interval comes from")
    self_trained: bool = False
    confirmed_on: Literal["test", "validation"] = "test"


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
    """An arm at one length of the run.

    against_whole: at a shorter length, its mean less that of the baseline's whole runs, paired by seed, with an
    interval that holds at once with those of all arms and shorter lengths: what fewer iterations cost.
    sooner: that interval lies above minus the margin: nothing that matters is lost by the shorter run.
    """

    arm: str
    mean: float
    interval: Bounds | None
    against_whole: float | None = None
    against_whole_interval: Bounds | None = None
    sooner: bool = False


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
    """A best value within 5 % of an edge of its interval.

    command: the `clr extend` that widens it in this study; None where that takes a new one. extend: part of its spec.
    """

    coordinate: str
    value: float
    low: float
    high: float
    side: Literal["low", "high"]
    extend: dict[str, Any]
    advice: str
    command: str | None = None


class Confounds(Message):
    """What an arm's finalist is besides its shape; rates are learning rates.

    decay: weight decay x the sum of all rates. momentum: SGD's, or Adam's beta1. warmup: updates before the first peak.
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
    """What one phase and arm was given and what came of it. `iterations`: trained; `seconds`: device time.

    asked = trained + pruned + failed, once all have ended. saved: iterations that pruned trials did not train.
    """

    phase: Phase
    arm: str
    asked: int = Field(description="trials of the plan; of the range test with its reruns")
    trained: int = Field(description="trials that ran to their end or diverged")
    failed: int
    iterations_asked: int
    iterations: int
    seconds: float
    pruned: int = Field(default=0, description="trials that were ended early, being worse than others of their arm")
    saved: int = Field(default=0, description="iterations that these did not train")


class Price(Message):
    """What more certainty costs: seeds of these arms that show a true difference of so much with 80 % power.

    seeds: of an arm in all; None where more than 1,000 would be needed. more: of them still to be run, where extending
    the study is what buys it. seconds: device time of what is still to be run; None where nothing was timed.
    spec: where it is cheaper, a study of these arms on seeds of its own. command: the line that buys one or the other.
    """

    difference: float
    arms: tuple[str, ...]
    seeds: int | None
    seconds: float | None
    spec: dict[str, Any] | None
    command: str | None
    sentence: str
    more: int | None = None
