"""The values that training yields, the service stores and analysis reads (standard library only)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Phase = Literal["describe", "range-test", "search", "confirm"]
Outcome = Literal["done", "diverged", "pruned", "failed", "cancelled"]


@dataclass(frozen=True)
class Evaluation:
    """The model's validation metrics after a number of updates.

    Attributes:
        iteration: updates done when it was measured [iterations], >= 1 (rate of the last one: schedule(iteration - 1)).
        metrics: name -> finite value, e.g. {"accuracy": 0.93, "loss": 0.21}; fractions, not percent.
    """

    iteration: int
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Checkpoint:
    """A resumable state on a folder or URL that workers share.

    Attributes:
        iteration: updates done [iterations].
        path: relative to the checkpoints' root.
        sha256: of the tensors' file, hex.
    """

    iteration: int
    path: str
    sha256: str


@dataclass(frozen=True)
class Evaluated:
    """Event: an evaluation was made."""

    evaluation: Evaluation


@dataclass(frozen=True)
class Saved:
    """Event: a checkpoint is complete on disk."""

    checkpoint: Checkpoint


@dataclass(frozen=True)
class Diverged:
    """Final event: the loss became NaN, infinite or exploded at this update."""

    iteration: int
    reason: str


@dataclass(frozen=True)
class Pruned:
    """Final event: at a rung of its config the validation metric was worse than the rung's threshold.

    Attributes:
        iteration: of the rung, updates done [iterations].
        value: the validation metric there.
    """

    iteration: int
    value: float


@dataclass(frozen=True)
class Interrupted:
    """Final event: the caller asked to stop; the last `Saved` holds the state."""

    iteration: int


@dataclass(frozen=True)
class Finished:
    """Final event: the run has used its budget (or, in a range test, its stop rule fired).

    Attributes:
        iteration: updates done [iterations].
        value: the task's metric on the validation split at the end.
        test: metrics on the test split, where the trial was to read it (confirm), else empty.
    """

    iteration: int
    value: float
    test: Mapping[str, float] = field(default_factory=dict)


Event = Evaluated | Saved | Diverged | Pruned | Interrupted | Finished


@dataclass(frozen=True)
class Trial:
    """One slot of a study as rounds and analysis see it: what was asked, and what came of it.

    Attributes:
        number: the slot's number in the study; the plan fixes it, so it does not depend on timing.
        phase, arm, round, position: where in the plan it stands (arm "" in describe and range test).
        params: the arm's searched coordinates (`clr.search_space`), or the ramp's low and high.
        seed: of initial weights and batch order. split_seed: of the cut into training and validation.
        iterations: planned length [iterations].
        outcome: None while open.
        value: the phase's metric where done: validation in search, test in confirm; None otherwise.
        reason: why it failed or diverged.
        curve: validation metrics, by iteration.
        test: every test metric (confirm).
        seconds: device time of all attempts.
        device_kind: "cpu" or the GPU's product name, of a confirm run's last attempt; "" in other phases.
    """

    number: int
    phase: Phase
    arm: str
    round: int
    position: int
    params: Mapping[str, Any]
    seed: int
    split_seed: int
    iterations: int
    outcome: Outcome | None = None
    value: float | None = None
    reason: str = ""
    curve: tuple[Evaluation, ...] = ()
    test: Mapping[str, float] = field(default_factory=dict)
    seconds: float = 0.0
    device_kind: str = ""

    @property
    def ended(self) -> bool:
        return self.outcome is not None
