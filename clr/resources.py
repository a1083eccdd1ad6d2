"""What the service answers to users: one model per resource, shared by service and client (pydantic values)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import Field

from clr.protocol import Device, Message, TaskFacts
from clr.results import Evaluation, Phase

StudyState = Literal["queued", "running", "done", "failed", "cancelled"]
TrialState = Literal["waiting", "running", "done", "diverged", "failed", "cancelled"]
Action = Literal[
    "use it",
    "equivalent: take the simplest",
    "undecided: take the highest confirmed mean",
    "keep your baseline",
    "no verdict: screened only",
]
"""What to do: every answer ends in exactly one. Only "equivalent" prefers the arm with fewer parameters."""
T = TypeVar("T")


class Page(Message, Generic[T]):
    """One page of a list; `next_cursor` is opaque, null at the end."""

    items: tuple[T, ...]
    next_cursor: str | None = None


class Counts(Message):
    """Slots by state. `planned` counts those whose round is not open yet, too (they are in `waiting`)."""

    planned: int
    waiting: int
    running: int
    done: int
    diverged: int
    failed: int


class PhaseProgress(Counts):
    """Slots of one phase and arm (arm "" in describe and range test)."""

    phase: Phase
    arm: str


class StudySummary(Message):
    """A study in a list. Times are UTC."""

    id: str
    name: str
    task: str
    state: StudyState
    phase: Phase | None
    priority: int
    created_at: datetime
    ended_at: datetime | None
    slots: Counts


class StudyResource(StudySummary):
    """One study, whole. `seconds_left`: estimate from finished trials and live workers, null while unknown."""

    started_at: datetime | None
    spec: dict[str, Any]
    plan: dict[str, Any] | None
    progress: tuple[PhaseProgress, ...]
    seconds_left: float | None
    reason: str = ""


class AttemptResource(Message):
    """One lease of a slot. `how`: running, done, diverged, failed, crashed, expired, released, cancelled."""

    fence: int
    worker: str
    host: str
    device: str
    device_kind: str
    started_at: datetime
    ended_at: datetime | None
    how: str
    tail: str = ""


class TrialResource(Message):
    """One slot. `value`: validation metric in search, test metric in confirm. `curve`: only where one is asked for."""

    study: str
    number: int
    phase: Phase
    arm: str
    round: int
    position: int
    params: dict[str, Any]
    schedule: dict[str, Any]
    seed: int
    split_seed: int
    iterations: int
    state: TrialState
    value: float | None
    test: dict[str, float]
    reason: str
    seconds: float
    attempts: tuple[AttemptResource, ...] = ()
    provenance: dict[str, Any] = Field(default_factory=dict)
    curve: tuple[Evaluation, ...] | None = None


class RampCurve(Message):
    """One seed's range test: accuracy (and loss) after each evaluated update, with that update's rate."""

    seed: int
    state: TrialState
    iterations: tuple[int, ...]
    rates: tuple[float, ...]
    accuracy: tuple[float, ...]
    loss: tuple[float, ...]


class RangeTestResource(Message):
    """Curves and suggested bounds. `interval_source`: given, range-test, or default (unclear: flagged in `notes`)."""

    study: str
    status: Literal["waiting", "running", "done", "not-asked"]
    low: float | None
    high: float | None
    ramp_iterations: int | None
    curves: tuple[RampCurve, ...]
    reading: dict[str, Any] | None
    interval: dict[str, float] | None
    interval_source: Literal["given", "range-test", "default"] | None
    notes: tuple[str, ...] = ()


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


class ToTarget(Message):
    """Iterations to a validation target, per seed; `median` over the seeds that reached it."""

    target: float
    reached: int
    of: int
    median: float | None
    per_seed: dict[str, int | None]
    reason: str = ""


class Share(Message):
    """k of n runs, with the Clopper-Pearson interval of the share: 0 of 5 still allows 52 %."""

    count: int
    of: int
    interval: Bounds


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


class ArmAnswer(Message):
    """One arm of the answer, rank 1 first. Metrics are fractions.

    search_value: best validation value of the search (optimistic: the best of several).
    values: confirmed test metric by seed; mean, interval, prediction: over the seeds that every confirmed arm has.
    interval: 95 % Student t for the mean. prediction: for one new run.
    """

    rank: int
    arm: str
    family: str
    status: Literal["confirmed", "not confirmed", "failed"]
    params: dict[str, Any]
    schedule: dict[str, Any] | None
    search_value: float | None
    search_trials: int
    search_failed: int
    search_diverged: int
    mean: float | None
    interval: Bounds | None
    prediction: Bounds | None
    values: dict[str, float]
    confirm_failed: int
    confirm_diverged: int
    difference: Difference | None
    to_target: ToTarget | None
    seconds: float
    trials: tuple[int, ...] = Field(default=(), description="numbers of the confirm trials")
    search_trial: int | None = Field(default=None, description="number of the finalist's search trial")
    confirm_validation: float | None = Field(default=None, description="mean last validation value of the confirm runs")
    shrinkage: float | None = Field(
        default=None, description="how much search_value flattered: its lead over confirm_validation"
    )
    diverged: Share | None = Field(default=None, description="of the confirm runs")
    failed: Share | None = Field(default=None, description="of the confirm runs")
    final_values: dict[str, float] = Field(default_factory=dict, description="test metric by final seed")
    edges: tuple[EdgeFlag, ...] = ()
    confounds: Confounds | None = None
    tuning: tuple[TuningPoint, ...] = Field(default=(), description="expected best of 1, 2, 4 ... random trials")


class BestSchedule(Message):
    """The recommended arm, else the one ranked first, ready to paste. `schedule` is clr.schedules' to_dict()."""

    arm: str
    schedule: dict[str, Any]
    snippet: str


class Answer(Message):
    """GET /v1/studies/{id}/best. provisional: "not confirmed", no verdict. Metrics and margins are fractions."""

    study: str
    status: Literal["provisional", "confirmed", "none"]
    metric: str
    direction: Literal["maximize", "minimize"]
    baseline: str
    sentence: str
    arms: tuple[ArmAnswer, ...]
    best: BestSchedule | None
    target: float | None
    iterations: int | None
    notes: tuple[str, ...]
    action: Action = Field(default="no verdict: screened only", description="what to do; the sentence begins with it")
    recommended: str | None = Field(default=None, description="the arm that the action names")
    loss: float | None = Field(default=None, description="what that choice may lose against the truly best arm at most")
    margin: float | None = Field(default=None, description="the largest difference that does not matter")
    best_set: tuple[str, ...] = Field(default=(), description="the truly best arm is one of these, at `level`")
    level: float = 0.95
    identical: tuple[tuple[str, ...], ...] = Field(default=(), description="arms with the same value on every seed")
    noisy: str | None = Field(default=None, description="the arm whose spread stands out; intervals are then separate")
    ledger: tuple[LedgerRow, ...] = ()
    unequal: str = Field(default="", description="why the arms did not have the same chances; no verdict then")
    price: Price | None = None
    reported: Reported | None = Field(default=None, description="what to quote of the recommended arm")
    looks: tuple[int, ...] = Field(default=(), description="planned looks at the confirmed values, in seeds")


class WorkerResource(Message):
    id: str
    host: str
    device: Device
    versions: dict[str, str]
    tasks: tuple[str, ...]
    registered_at: datetime
    last_seen: datetime
    live: bool
    holding: int


class ScheduleResource(Message):
    """A schedule family that a study can take as an arm."""

    family: str
    description: str
    parameters: dict[str, Any] = Field(description="JSON schema of the family's own parameters")
    coordinates: tuple[str, ...] = Field(description="what a search varies by default")


class PreviewRequest(Message):
    """A schedule to be looked at before anything trains."""

    schedule: dict[str, Any] = Field(description="the schedule's document: its family and its parameters")
    iterations: int = Field(ge=1, le=2**53, description="length of the run, in optimizer updates")
    points: int = Field(default=1000, ge=2, le=10_000, description="rates at most, evenly spread from first to last")


class SchedulePreview(Message):
    """The learning rates of a schedule over a run: update `iterations[k]` trains at `rates[k]`."""

    schedule: dict[str, Any] = Field(description="the document, without parameters at their default")
    iterations: tuple[int, ...]
    rates: tuple[float, ...]


class TaskResource(TaskFacts):
    """A task that a worker announced; `live`: how many live workers have it."""

    live: int = 0


class Health(Message):
    status: Literal["ok", "failing"]
    checks: dict[str, str] = Field(default_factory=dict)
