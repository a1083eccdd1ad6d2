"""What service and worker say to each other (pydantic values; version `VERSION`).

Every write names the slot and the fencing token under which it was leased. Calls are batched and idempotent: the same
content under the same token is answered as the first time. A batch answers one outcome per slot, in the order asked.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from clr.results import Checkpoint, Evaluation, Phase

VERSION = 1

SlotReply = Literal["accepted", "lease-lost", "cancelled", "paused", "conflict"]
"""accepted: stored. lease-lost: another holder has the slot, or it has ended. cancelled: the study was cancelled: stop.
paused: stored, but the study was paused: save, then give the slot back. conflict: another value is stored for the same
iteration or result."""

Direction = Literal["maximize", "minimize"]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class Message(BaseModel):
    """Frozen, and strict about unknown fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TaskFacts(Message):
    """What a study must know of a task.

    Sizes are counts of examples. `input_shape` is one example's, without batch. `options_schema` is a JSON schema.
    `fixed` is False where the sizes depend on options (an image folder): a `describe` slot then finds them.
    `updates_per_epoch`: of a script that trains itself, whatever the spec's batch size; its sizes may be 0, not known.
    """

    name: Name
    metric: str
    direction: Direction
    train_size: int = Field(ge=0)
    validation_size: int = Field(ge=0)
    test_size: int = Field(ge=0)
    input_shape: tuple[int, ...]
    classes: int = Field(ge=0)
    models: tuple[str, ...]
    default_model: str
    options_schema: dict[str, Any] = Field(default_factory=dict)
    fixed: bool = True
    code_hash: str = ""
    description: str = ""
    updates_per_epoch: int | None = Field(default=None, ge=1)


class TrainingOptions(Message):
    """How an update is computed, beside batch and optimizer; all off by default.

    clip_norm: gradients whose 2-norm over all parameters is larger are scaled down to it; None leaves them alone.
    accumulate: parts in which a batch is computed, one after the other: less memory, the same one update per batch.
    label_smoothing: share of each target's weight that is spread evenly over the classes.
    precision: "bf16" computes forward and loss of training under bfloat16 autocast; weights, the update and every
    evaluation stay float32.
    """

    clip_norm: float | None = Field(default=None, gt=0)
    accumulate: int = Field(default=1, ge=1, le=65_536)
    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    precision: Literal["fp32", "bf16"] = "fp32"


class Rung(Message):
    """Where a trial is judged: evaluated after `iteration` updates, and pruned if its metric is worse than `threshold`.

    threshold: None where there is nothing to compare with yet; the evaluation is what later trials are compared with.
    """

    iteration: int = Field(ge=1)
    threshold: float | None = None


class TrialConfig(Message):
    """Everything that determines a trial: the same config gives the same bits on the same device, threads and versions.

    `seed` sets initial weights, batch order and dropout; `split_seed` the cut into training and validation.
    `evaluate_every` [iterations]; the last iteration is always evaluated. `test`: read the test split once, at the end.
    `rungs`: where a search trial may be pruned, rising, before the last iteration; each is evaluated, too.
    """

    phase: Phase
    task: Name
    task_options: dict[str, Any] = Field(default_factory=dict)
    model: str
    model_options: dict[str, Any] = Field(default_factory=dict)
    optimizer: str
    optimizer_options: dict[str, float | bool] = Field(default_factory=dict)
    training: TrainingOptions = TrainingOptions()
    batch_size: int = Field(ge=1)
    iterations: int = Field(ge=1)
    evaluate_every: int = Field(ge=1)
    schedule: dict[str, Any] = Field(description="clr.schedules.Schedule.to_dict()")
    seed: int = Field(ge=0)
    split_seed: int = Field(ge=0)
    test: bool = False
    rungs: tuple[Rung, ...] = ()

    @model_validator(mode="after")
    def _rungs_rise(self) -> TrialConfig:
        places = [rung.iteration for rung in self.rungs]
        if any(later <= earlier for earlier, later in pairwise(places)) or (places and places[-1] >= self.iterations):
            raise ValueError(f"rungs must rise and lie before the last iteration, {self.iterations}, got {places}")
        if places and self.phase != "search":
            raise ValueError(f"only search trials are pruned: a {self.phase} trial has no rungs, got {places}")
        return self


class Device(Message):
    """Where a worker trains. `kind`: "cpu" or the GPU's product name; `name`: "cpu", "cuda:0"; memory in bytes."""

    name: str
    kind: str
    memory: int | None = None
    threads: int | None = None


class Registration(Message):
    """POST /v1/workers. `worker` is a fresh UUID per process."""

    worker: str
    protocol: int = VERSION
    host: str
    device: Device
    versions: dict[str, str] = Field(default_factory=dict)
    tasks: tuple[TaskFacts, ...]


class Registered(Message):
    worker: str
    lease_seconds: float
    beat_seconds: float


class LeaseRequest(Message):
    """POST /v1/leases: up to `count` slots, waiting up to `wait` seconds for the first."""

    worker: str
    count: int = Field(default=1, ge=1, le=64)
    wait: float = Field(default=0.0, ge=0.0, le=30.0)


class Lease(Message):
    """The right of one worker to run one slot. `resume`: where an earlier attempt got to."""

    slot: int
    fence: int
    study: str
    number: int
    attempt: int
    config: TrialConfig
    resume: Checkpoint | None = None


class Leases(Message):
    leases: tuple[Lease, ...]
    lease_seconds: float


class Holding(Message):
    """A slot and the fencing token that its holder was given."""

    slot: int = Field(ge=0, lt=2**63)
    fence: int = Field(ge=0, lt=2**63)


class Renewal(Message):
    """POST /v1/leases/renew."""

    worker: str
    leases: tuple[Holding, ...] = Field(max_length=256)


class Release(Message):
    """POST /v1/leases/release: gives the slots and their attempts back."""

    worker: str
    leases: tuple[Holding, ...] = Field(max_length=256)
    reason: str = Field(default="", max_length=2000)


class Pace(Message):
    """How fast an attempt trains, measured in it: seconds of one update and of one evaluation."""

    iteration_seconds: float = Field(ge=0)
    evaluation_seconds: float = Field(ge=0)


class Report(Holding):
    """One slot's new evaluations and, where one was written, its checkpoint; `pace`: once it is measured."""

    evaluations: tuple[Evaluation, ...] = ()
    checkpoint: Checkpoint | None = None
    pace: Pace | None = None


class Reports(Message):
    """POST /v1/reports."""

    worker: str
    reports: tuple[Report, ...] = Field(max_length=256)


class Result(Holding):
    """How an attempt ended.

    done: `value` (validation metric) and, where the config asked, `test`. diverged: `reason`.
    pruned: at a rung of its config; `value` is the metric there.
    failed: the task cannot do this (an error it raised): the slot has failed.
    crashed: the process died or hung: tried again, at most three times.
    facts: what a describe slot found.
    """

    outcome: Literal["done", "diverged", "pruned", "failed", "crashed"]
    iteration: int = Field(default=0, ge=0)
    value: float | None = None
    test: dict[str, float] = Field(default_factory=dict)
    evaluations: tuple[Evaluation, ...] = ()
    facts: TaskFacts | None = None
    reason: str = Field(default="", max_length=2000)
    tail: str = Field(default="", max_length=20_000, description="last lines of the child's output")
    seconds: float = Field(default=0.0, ge=0.0)
    provenance: dict[str, Any] = Field(default_factory=dict)

    @field_validator("provenance")
    @classmethod
    def _finite(cls, value: dict[str, Any]) -> dict[str, Any]:
        json.dumps(value, allow_nan=False)  # no database stores NaN as JSON
        return value


class Results(Message):
    """POST /v1/results."""

    worker: str
    results: tuple[Result, ...] = Field(max_length=256)


class SlotAnswer(Message):
    slot: int
    reply: SlotReply


class Answers(Message):
    """One reply per slot, in the order asked."""

    answers: tuple[SlotAnswer, ...]
