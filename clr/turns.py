"""What the service says of plans before they are studies, of pauses, and of whose turn it is (pydantic values)."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from clr.protocol import Message
from clr.results import Phase

State = Literal["queued", "running", "paused"]


class Work(Message):
    """What one arm trains in one phase (arm "" where it is not known, or no arm's).

    `evaluations`: passes over the validation split, or as long as that; a test split of another size counts by its
    size. `seconds`: device time at a measured pace, null where none is known.
    """

    phase: Phase
    arm: str
    trials: int
    iterations: int
    evaluations: float
    seconds: float | None = None


class PlanResource(Message):
    """POST /v1/plan: what a study would train. Nothing is stored.

    `work` is empty where a worker first has to look at the task's data. `estimated_seconds`: device time on a
    `device_kind`, null until 50 updates and an evaluation of this workload were measured on one that has the task.
    """

    task: str
    model: str | None
    trials: int
    iterations: int
    evaluations: float
    work: tuple[Work, ...]
    estimated_seconds: float | None
    device_kind: str | None
    max_device_hours: float = Field(description="device time that the study may take")
    notes: tuple[str, ...] = ()


class PauseRequest(Message):
    """POST /v1/studies/{id}/pause."""

    reason: str = Field(default="", max_length=2000, description="said wherever the study is shown")


class ResumeRequest(Message):
    """POST /v1/studies/{id}/resume."""

    max_device_hours: float | None = Field(default=None, gt=0, le=1e6, description="that it may take from now on")


class StudyChange(Message):
    """PATCH /v1/studies/{id}."""

    priority: int = Field(ge=-1000, le=1000, description="higher runs first")


class Turn(Message):
    """A live study's place in the queue.

    `waiting`, `running`: trials. `seconds_left`: device time that it still needs; `seconds_ahead`: that the studies
    before it need; null while that is not known. `starts_at`: when a worker takes its next trial (UTC), as far as it
    can be told; null where it can't, or where no live worker has its task.
    """

    position: int
    study: str
    name: str
    task: str
    owner: str
    priority: int
    state: State
    paused: str = ""
    waiting: int
    running: int
    seconds_left: float | None
    seconds_ahead: float | None
    starts_at: datetime | None
    sentence: str


class Queue(Message):
    """GET /v1/queue: live studies in the order in which they get the next free worker; paused ones stand last."""

    turns: tuple[Turn, ...]
    workers: int = Field(description="live workers")
