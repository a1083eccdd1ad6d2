"""What the service answers to users: one model per resource, shared by service and client (pydantic values)."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Generic, Literal, TypeVar

from pydantic import Field

from clr.evidence import (
    Action,
    Bounds,
    Confounds,
    Crossing,
    Difference,
    EdgeFlag,
    LedgerRow,
    LengthArm,
    LengthRanking,
    Price,
    Reported,
    Settings,
    Share,
    TargetRatio,
    ToTarget,
    TuningPoint,
)
from clr.protocol import Device, Direction, Message, TaskFacts
from clr.results import Evaluation, Phase

__all__ = [
    "About",
    "Action",
    "Answer",
    "AnswerStatus",
    "ArmAnswer",
    "AttemptResource",
    "BestSchedule",
    "Bounds",
    "Confounds",
    "Counts",
    "Crossing",
    "Difference",
    "EdgeFlag",
    "ExtensionResource",
    "Health",
    "LedgerRow",
    "LengthArm",
    "LengthRanking",
    "Page",
    "PhaseProgress",
    "PreviewRequest",
    "Price",
    "RampCurve",
    "RangeTestResource",
    "Reported",
    "SchedulePreview",
    "ScheduleResource",
    "Settings",
    "Share",
    "StudyResource",
    "StudyState",
    "StudySummary",
    "TargetRatio",
    "TaskResource",
    "ToTarget",
    "TrialResource",
    "TrialState",
    "TuningPoint",
    "WorkerResource",
]

AnswerStatus = Literal["provisional", "confirmed", "screen-only"]
StudyState = Literal["queued", "running", "paused", "done", "failed", "cancelled"]
TrialState = Literal["waiting", "running", "done", "diverged", "pruned", "failed", "cancelled"]
T = TypeVar("T")


class Page(Message, Generic[T]):
    """One page of a list; `next_cursor` is opaque, null at the end."""

    items: tuple[T, ...]
    next_cursor: str | None = None


class Counts(Message):
    """Slots by state; `planned` is the sum of the others.

    It counts those whose round is not open yet, too: they are in `waiting`, once the study is cancelled in `cancelled`.
    """

    planned: int
    waiting: int
    running: int
    done: int
    diverged: int
    failed: int
    pruned: int = 0
    cancelled: int = 0


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
    owner: str = ""
    created_at: datetime
    ended_at: datetime | None
    slots: Counts


class ExtensionResource(Message):
    """What was added to a study after it was submitted, and when. `trials`, `iterations`: of all arms together, without
    the confirm runs of an arm whose further search finds a better finalist."""

    at: datetime
    search_trials: int = Field(description="of each arm that is searched")
    confirm_seeds: int
    peak_lr: dict[str, float] | None = Field(description="interval of every arm's peak rate from then on")
    trials: int
    iterations: int


class StudyResource(StudySummary):
    """One study, whole. `seconds_left`: estimate from finished trials and live workers, null while unknown."""

    started_at: datetime | None
    spec: dict[str, Any]
    plan: dict[str, Any] | None
    progress: tuple[PhaseProgress, ...]
    seconds_left: float | None
    reason: str = ""
    paused: str = Field(default="", description="why it is paused")
    estimated_seconds: float | None = Field(default=None, description="device time in all, null until measured")
    extensions: tuple[ExtensionResource, ...] = ()


class AttemptResource(Message):
    """One lease of a slot. `how`: running, done, diverged, pruned, failed, crashed, expired, released, cancelled."""

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
    target_ratio: TargetRatio | None = Field(default=None, description="iterations to target against the baseline's")
    edges: tuple[EdgeFlag, ...] = ()
    confounds: Confounds | None = None
    tuning: tuple[TuningPoint, ...] = Field(default=(), description="expected best of 1, 2, 4 ... random trials")


class BestSchedule(Message):
    """The recommended arm, else the one ranked first, ready to paste. `schedule` is clr.schedules' to_dict()."""

    arm: str
    schedule: dict[str, Any]
    snippet: str


class Answer(Message):
    """GET /v1/studies/{id}/best. Metrics and margins are fractions.

    provisional: the study goes on, numbers may change; no verdict. confirmed: every confirm run has ended.
    screen-only: the study is over, and nothing was confirmed: no verdict.
    """

    study: str
    status: AnswerStatus
    metric: str
    direction: Direction
    baseline: str
    sentence: str
    arms: tuple[ArmAnswer, ...]
    best: BestSchedule | None
    target: float | None
    iterations: int | None
    notes: tuple[str, ...]
    settings: Settings | None = Field(default=None, description="null until the task's sizes are known")
    action: Action = Field(default="no verdict: screened only", description="what to do; the sentence begins with it")
    recommended: str | None = Field(default=None, description="the arm that the action names")
    loss: float | None = Field(default=None, description="what that choice may lose against the truly best arm at most")
    margin: float | None = Field(default=None, description="the largest difference that does not matter")
    best_set: tuple[str, ...] = Field(default=(), description="the truly best arm is one of these, at `level`")
    equivalent: tuple[str, ...] = Field(default=(), description="where that is the action: arms within the margin")
    level: float = 0.95
    identical: tuple[tuple[str, ...], ...] = Field(default=(), description="arms with the same value on every seed")
    noisy: str | None = Field(default=None, description="the arm whose spread stands out; intervals are then separate")
    ledger: tuple[LedgerRow, ...] = ()
    unequal: str = Field(default="", description="why the arms did not have the same chances; no verdict then")
    price: Price | None = None
    reported: Reported | None = Field(default=None, description="what to quote of the recommended arm")
    lengths: tuple[LengthRanking, ...] = Field(default=(), description="the arms ranked at each length, shortest first")
    crossings: tuple[Crossing, ...] = ()
    target_reason: str = Field(default="", description="why no arm has iterations to a target; empty where they do")
    replicates: int = 1
    looks: tuple[int, ...] = Field(default=(), description="planned looks at the confirmed values, in seeds")
    extensions: int = Field(default=0, description="extensions that this answer rests on")


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
    points: int = Field(
        default=1000,
        ge=2,
        le=10_000,
        description="rates at most, evenly spread from first to last: a cycle shorter than a few times "
        "iterations / points aliases, and looks slower, or flat",
    )


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


class About(Message):
    """The service itself. `journal`: SQLite's, "" elsewhere; disk: of the folder `data` [bytes]; `now`: its clock."""

    version: str
    protocol: int
    engine: str
    journal: str
    schema_version: str
    data: str
    disk_free: int
    disk_total: int
    now: datetime
    checks: dict[str, str]
