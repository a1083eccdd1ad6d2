"""A task file: a few lines of YAML that make a command a task."""

from __future__ import annotations

import hashlib
import math
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from clr import documents
from clr.errors import FieldError, InvalidSpec
from clr.protocol import Direction, Message, Name, TaskFacts
from clr.scripts.files import RESERVED, Assignment
from clr.spec import field_errors
from clr.tasks import built_in_facts

MODEL = "script"
"""The model of such a task: the script's own."""

HANG = 600.0
PLACES = (
    "python",
    "epochs",
    "iterations",
    "seed",
    "split_seed",
    "evaluate_every",
    "phase",
    "device",
    "batch_size",
    "model",
)
_PLACE = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
_TYPES: Mapping[type, str] = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array"}
_EPOCHS_OF_A_TOTAL = 20

MetricName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]{0,63}$")]
OptionName = Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_-]{0,63}$")]


class TaskDefinition(Message):
    """What a study must know of a training script, and how it is started.

    name: what specs call it. metric: the reported metric that decides. direction: whether more of it is better.
    command: split as a shell would, but run without one, in `folder`; {epochs}, {iterations}, {seed}, {options.NAME}
        and the other `PLACES` stand for the run's, {python} for the worker's own interpreter; {{ and }} for braces.
    updates_per_epoch, iterations: how long training usually is, exactly one of the two [optimizer updates]; where the
        total is given, a twentieth of it counts as an epoch.
    options: by name, their defaults, or a JSON schema with "default".
    files: that results depend on, relative to `folder`, patterns allowed; their hash is the task's code hash.
    test_size: examples of the test split, of a script that reports test metrics; 0: a confirmed value is the last
        validation metric. train_size, validation_size: of the others; 0 where not known.
    hang: silence after which the script has hung [seconds].
    folder: where the command runs, from the task file's own folder on, which is the default.
    """

    name: Name
    command: str = Field(default="", max_length=10_000)
    metric: MetricName
    direction: Direction
    updates_per_epoch: int | None = Field(default=None, ge=1, le=10**9)
    iterations: int | None = Field(default=None, ge=1, le=10**9)
    options: dict[OptionName, Any] = Field(default_factory=dict, max_length=100)
    files: tuple[str, ...] = ()
    train_size: int = Field(default=0, ge=0)
    validation_size: int = Field(default=0, ge=0)
    test_size: int = Field(default=0, ge=0)
    hang: float = Field(default=HANG, gt=0)
    description: str = Field(default="", max_length=500)
    folder: str = ""

    @field_validator("metric")
    @classmethod
    def _metric_is_free(cls, metric: str) -> str:
        if metric in RESERVED:
            raise ValueError(f"{metric!r} is a key of the report itself: name the metric otherwise")
        return metric

    @model_validator(mode="after")
    def _one_length(self) -> Self:
        if (self.updates_per_epoch is None) == (self.iterations is None):
            raise ValueError("give exactly one of updates_per_epoch and iterations (the usual run's total)")
        return self

    @property
    def epoch(self) -> int:
        """Updates of an epoch; of a twentieth of the usual run where only its total is known."""
        if self.updates_per_epoch is not None:
            return self.updates_per_epoch
        assert self.iterations is not None
        return max(1, round(self.iterations / _EPOCHS_OF_A_TOTAL))

    @property
    def words(self) -> list[str]:
        """The command's words, places unfilled."""
        return shlex.split(self.command)

    def option_schemas(self) -> dict[str, dict[str, Any]]:
        """The JSON schema of each option."""
        return {name: _schema(value) for name, value in self.options.items()}

    def defaults(self) -> dict[str, Any]:
        """Each option's default, where it has one."""
        return {name: schema["default"] for name, schema in self.option_schemas().items() if "default" in schema}

    def filled(self, asked: Assignment) -> list[str]:
        """The command's words for one run."""
        values = {name: getattr(asked, name) for name in PLACES if name not in ("python", "epochs")}
        values["python"] = sys.executable
        values["epochs"] = math.ceil(asked.iterations / self.epoch)
        values |= {f"options.{name}": value for name, value in asked.options.items()}
        return [_PLACE.sub(lambda place: _filling(place, values), word) for word in self.words]

    def facts(self) -> TaskFacts:
        """What a worker announces of it."""
        required = [name for name, schema in self.option_schemas().items() if "default" not in schema]
        schema: dict[str, Any] = {"type": "object", "properties": self.option_schemas(), "additionalProperties": False}
        return TaskFacts(
            name=self.name,
            metric=self.metric,
            direction=self.direction,
            train_size=self.train_size,
            validation_size=self.validation_size,
            test_size=self.test_size,
            input_shape=(),
            classes=0,
            models=(MODEL,),
            default_model=MODEL,
            options_schema=schema | ({"required": required} if required else {}),
            code_hash=self.code_hash(),
            description=self.description,
            updates_per_epoch=self.epoch,
        )

    def code_hash(self) -> str:
        """The first 16 hex digits of the SHA-256 over command and files: two workers with the same code agree."""
        digest = hashlib.sha256(self.command.encode())
        for path in self.hashed():
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
        return digest.hexdigest()[:16]

    def hashed(self) -> list[Path]:
        """The files that the hash is over, in order."""
        found = {path for pattern in self.files for path in Path(self.folder).glob(pattern) if path.is_file()}
        return sorted(found)


def load(path: Path, command: str = "") -> TaskDefinition:
    """The task that a file defines.

    Args:
        path: YAML, or JSON where it is named so.
        command: takes the place of the file's own.

    Raises:
        InvalidSpec: with everything that is wrong with it, by field.
    """
    try:
        found = documents.parse(path.read_text(encoding="utf-8"), json=path.suffix == ".json")
    except documents.UNREADABLE as error:
        raise InvalidSpec([FieldError("", f"can't read the task in {path}: {documents.why(error)}")]) from None
    if not isinstance(found, dict):
        raise InvalidSpec([FieldError("", f"{path} must hold a task's keys (name, command, metric, ...)")])
    if command:
        found = {**found, "command": command}
    return define({**found, "folder": str(path.resolve().parent / str(found.get("folder", "")))})


def define(document: Mapping[str, Any]) -> TaskDefinition:
    """The task of a document whose folder is known.

    Raises:
        InvalidSpec: with everything that is wrong with it, by field.
    """
    try:
        made = TaskDefinition.model_validate(document)
    except ValidationError as error:
        raise InvalidSpec(field_errors(error)) from None
    if wrong := [*_name_faults(made), *_command_faults(made), *_option_faults(made), *_file_faults(made)]:
        raise InvalidSpec(wrong)
    return made


def _name_faults(made: TaskDefinition) -> Iterator[FieldError]:
    if made.name in {facts.name for facts in built_in_facts()}:
        yield FieldError("/name", f"{made.name!r} is a built-in task: name yours otherwise")


def _command_faults(made: TaskDefinition) -> Iterator[FieldError]:
    try:
        words = made.words
    except ValueError as error:
        yield FieldError("/command", f"can't be split into words: {error}")
        return
    if not words:
        yield FieldError("/command", "is missing, e.g. python train.py --seed {seed}")
    known = [*PLACES, *(f"options.{name}" for name in made.options)]
    for name in dict.fromkeys(found[1] for word in words for found in _PLACE.finditer(word) if found[1] is not None):
        if name not in known:
            yield FieldError("/command", f"{{{name}}} stands for nothing; known: {', '.join(known)}; {{{{ is a brace")
    if made.updates_per_epoch is None and "{epochs}" in made.command:
        yield FieldError("/command", "{epochs} needs updates_per_epoch: give it in place of iterations")


def _option_faults(made: TaskDefinition) -> Iterator[FieldError]:
    for name, value in made.options.items():
        default = value.get("default") if isinstance(value, dict) else value
        if isinstance(default, float) and not math.isfinite(default):
            yield FieldError(f"/options/{name}", f"must be finite, got {default}")


def _file_faults(made: TaskDefinition) -> Iterator[FieldError]:
    folder = Path(made.folder)
    if not folder.is_absolute() or not folder.is_dir():
        yield FieldError("/folder", f"must be an existing folder, got {made.folder!r}")
        return
    for pattern in made.files:
        if Path(pattern).is_absolute() or ".." in Path(pattern).parts:
            yield FieldError("/files", f"must lie below the task file's folder, got {pattern!r}")
        elif not any(path.is_file() for path in folder.glob(pattern)):
            yield FieldError("/files", f"no file {pattern!r} in {folder}")


def _schema(value: Any) -> dict[str, Any]:
    """An option's JSON schema: its own, or the type of its default."""
    if isinstance(value, dict):
        return dict(value)
    kind = _TYPES.get(type(value))
    return {"default": value} if kind is None else {"type": kind, "default": value}


def _filling(place: re.Match[str], values: Mapping[str, Any]) -> str:
    if place[1] is None:
        return place[0][0]
    value = values[place[1]]
    return str(value).lower() if isinstance(value, bool) else str(value)
