"""What was found out in several studies, and what sets the arms of one study apart (pydantic values)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from clr.evidence import Action, Bounds, Settings
from clr.protocol import Direction, Message
from clr.resources import AnswerStatus, Page

UNPAIRED = (
    "Each item is the confirmed best of its own study. Studies do not share seeds, so their means are not paired: "
    "within one setting they are roughly comparable, by their intervals; between settings they are not. A study with "
    "both arms compares them."
)


class Finding(Message):
    """The confirmed best of one study. Metrics are fractions.

    setting: the same for studies that train alike: task, model and optimizer with their options, batch and iterations.
    mean, interval: of the test metric, over `seeds`; `fresh`: of seeds that the choice never saw, so without flattery.
    """

    study: str
    name: str
    ended_at: datetime
    setting: str
    settings: Settings
    metric: str
    direction: Direction
    action: Action
    baseline: str
    arm: str
    family: str
    schedule: dict[str, Any]
    mean: float
    interval: Bounds | None
    seeds: int
    fresh: bool
    sentence: str


class Findings(Page[Finding]):
    """One page: by task, model, optimizer, iterations and setting; in a setting the best mean first."""

    note: str = UNPAIRED


class PairedDifference(Message):
    """An arm minus the baseline, paired by seed. `verdict`: by the interval and the study's margin."""

    arm: str
    mean: float
    interval: Bounds | None
    identical: bool
    verdict: Literal["identical", "equivalent", "better", "worse", "undecided"]
    by_seed: dict[str, float]
    pooled: Bounds | None = Field(description="seed-blocked Dunnett: one spread for all arms")
    separate: Bounds | None = Field(description="Bonferroni paired t: this pair's own spread")
    correlation: float | None = Field(description="of the two arms over seeds, that pairing achieved")


class ArmComparison(Message):
    """GET /v1/studies/{id}/comparison. The intervals of the differences of all confirmed arms to this baseline hold at
    once at `level`, whichever of them were asked for. `reason`: why nothing is compared."""

    study: str
    status: AnswerStatus
    metric: str
    direction: Direction
    baseline: str
    level: float
    margin: float
    seeds: tuple[str, ...] = Field(default=(), description="that every confirmed arm has finished")
    values: dict[str, dict[str, float]] = Field(default_factory=dict, description="test metric by arm and seed")
    differences: tuple[PairedDifference, ...] = ()
    noisy: str | None = Field(default=None, description="the arm whose spread stands out; intervals are then separate")
    reason: str = ""
