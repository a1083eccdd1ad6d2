"""What a supervisor and its training child say to each other, as JSON over a socket pair (pydantic values).

The child says `Ready` once, then for each `Train` any number of `Alive`, `Evaluated`, `Paced`, `Saved`, then exactly
one of `Finished`, `Diverged`, `Pruned`, `Interrupted`, `Described`, `Failed`; after `Raised` it exits.
"""

from __future__ import annotations

import os
from multiprocessing.connection import Connection
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from clr.protocol import Device, Message, Pace, TaskFacts, TrialConfig
from clr.results import Checkpoint, Evaluation


class Train(Message):
    """Run this trial. `key`: folder of its checkpoints, unlike any other attempt's."""

    kind: Literal["train"] = "train"
    config: TrialConfig
    key: str
    resume: Checkpoint | None = None


class Stop(Message):
    """Write a checkpoint after the iteration under way, then answer `Interrupted`."""

    kind: Literal["stop"] = "stop"


class Discard(Message):
    """Remove a slot's checkpoints: it has its outcome. Not answered."""

    kind: Literal["discard"] = "discard"
    folder: str


class Ready(Message):
    """Imports are done: what this process trains on, and what it can train. `gpu`: the GPU's UUID, "" on the CPU."""

    kind: Literal["ready"] = "ready"
    device: Device
    gpu: str = ""
    versions: dict[str, str]
    tasks: tuple[TaskFacts, ...]


class Alive(Message):
    """An iteration was done since the last word."""

    kind: Literal["alive"] = "alive"


class Evaluated(Message):
    kind: Literal["evaluated"] = "evaluated"
    evaluation: Evaluation


class Paced(Message):
    """How fast this trial trains; said once."""

    kind: Literal["paced"] = "paced"
    pace: Pace


class Saved(Message):
    kind: Literal["saved"] = "saved"
    checkpoint: Checkpoint


class Ending(Message):
    """How a trial ended. `seconds`: wall time in the child; `provenance`: on what it ran."""

    iteration: int = 0
    seconds: float = 0.0
    provenance: dict[str, Any] = Field(default_factory=dict)


class Finished(Ending):
    kind: Literal["finished"] = "finished"
    value: float
    test: dict[str, float]


class Diverged(Ending):
    kind: Literal["diverged"] = "diverged"
    reason: str


class Pruned(Ending):
    """At a rung of its config its metric, `value`, was worse than the threshold."""

    kind: Literal["pruned"] = "pruned"
    value: float


class Interrupted(Ending):
    kind: Literal["interrupted"] = "interrupted"


class Described(Ending):
    kind: Literal["described"] = "described"
    facts: TaskFacts


class Failed(Ending):
    """The task can't do this: trying again would not help."""

    kind: Literal["failed"] = "failed"
    reason: str


class Raised(Ending):
    """Something unexpected was raised; its traceback is on stderr, the child exits."""

    kind: Literal["raised"] = "raised"
    reason: str


Ended = Finished | Diverged | Pruned | Interrupted | Described | Failed | Raised
Said = Ready | Alive | Evaluated | Paced | Saved | Ended
Asked = Train | Stop | Discard

_said: TypeAdapter[Said] = TypeAdapter(Annotated[Said, Field(discriminator="kind")])
_asked: TypeAdapter[Asked] = TypeAdapter(Annotated[Asked, Field(discriminator="kind")])


def send(connection: Connection, message: Said | Asked) -> None:
    """Raises OSError where the other side is gone."""
    connection.send_bytes(message.model_dump_json().encode())


def receive_said(connection: Connection) -> Said:
    """What the child says next; EOFError once it is gone."""
    return _said.validate_json(connection.recv_bytes())


def receive_asked(connection: Connection) -> Asked:
    """What the supervisor asks next; EOFError once it is gone."""
    return _asked.validate_json(connection.recv_bytes())


def opened(descriptor: int) -> Connection:
    """The connection that this process inherited, closed to the programs that it starts."""
    os.set_inheritable(descriptor, False)
    return Connection(descriptor)
