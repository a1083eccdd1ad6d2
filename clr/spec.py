"""StudySpec: what a user asks for. Form is checked here, meaning by `clr.plan.check`.

`{"task": "digits", "arms": ["fixed", "cosine", "triangular2"]}` is a whole spec.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from clr.errors import FieldError, InvalidSpec
from clr.protocol import Name, TrainingOptions

Number = Annotated[float, Field(allow_inf_nan=False)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Length = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
Look = Annotated[int, Field(ge=2, le=1000)]
MAX_ITERATIONS = 10_000_000
MAX_TRIALS_PER_ARM = 10_000
MAX_SLOTS = 100_000
MAX_SEEDS = 1_000
MAX_DEPTH = 4


P = TypeVar("P", bound="SpecPart")


class SpecPart(BaseModel):
    """Frozen; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def _named(value: object) -> object:
    """ "digits" stands for {"name": "digits"}."""
    return {"name": value} if isinstance(value, str) else value


class TaskChoice(SpecPart):
    name: Name
    options: dict[str, Any] = Field(default_factory=dict)


class ModelChoice(SpecPart):
    name: Annotated[str, Field(pattern=r"^(timm/)?[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
    options: dict[str, Any] = Field(default_factory=dict)


class OptimizerChoice(SpecPart):
    name: Name
    options: dict[str, float | bool] = Field(default_factory=dict)


class Budget(SpecPart):
    """The length of every run, in exactly one of the two units."""

    iterations: int | None = Field(default=None, ge=1, le=MAX_ITERATIONS, description="optimizer updates")
    epochs: float | None = Field(default=None, gt=0, le=1_000_000, description="passes over the training split")

    @model_validator(mode="after")
    def _one_unit(self) -> Budget:
        if (self.iterations is None) == (self.epochs is None):
            raise ValueError("give exactly one of iterations and epochs")
        return self


class Interval(SpecPart):
    """Where every arm's peak rate is searched (log scale)."""

    low: Rate
    high: Rate

    @model_validator(mode="after")
    def _ordered(self) -> Interval:
        if self.low >= self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        return self


def _bounds(value: object) -> object:
    """One error for a wrong value, not one per branch of the union."""
    if value == "range-test" or isinstance(value, Interval):
        return value
    if not isinstance(value, Mapping):
        raise ValueError(f'must be "range-test" or an interval {{"low": ..., "high": ...}}, got {value!r}')
    return Interval.model_validate(value)


class RangeTestOptions(SpecPart):
    """How the LR range test runs; empty: its own defaults (`clr.plan`).

    iterations: length of the ramp; seeds: runs of it; low, high: first and last rate.
    """

    iterations: int | None = Field(default=None, ge=100, le=MAX_ITERATIONS)
    seeds: int = Field(default=3, ge=3, le=20)
    low: Rate | None = Field(default=None, ge=1e-12, le=1e6)
    high: Rate | None = Field(default=None, ge=1e-12, le=1e6)

    @model_validator(mode="after")
    def _ordered(self) -> RangeTestOptions:
        if self.low is not None and self.high is not None and self.low >= self.high:
            raise ValueError(f"low ({self.low}) must be below high ({self.high})")
        return self


class Range(SpecPart):
    """A searched coordinate: an interval (log or linear), or a list of choices."""

    low: float | None = None
    high: float | None = None
    log: bool = False
    integer: bool = False
    choices: tuple[float, ...] | None = Field(default=None, min_length=1, max_length=1000)

    @model_validator(mode="before")
    @classmethod
    def _list_is_choices(cls, value: object) -> object:
        return {"choices": value} if isinstance(value, list | tuple) else value

    @model_validator(mode="after")
    def _interval_or_choices(self) -> Range:
        if self.choices is not None:
            if self.low is not None or self.high is not None:
                raise ValueError("give either choices or low and high")
        elif self.low is None or self.high is None:
            raise ValueError("give low and high, or a list of choices")
        elif self.low > self.high:
            raise ValueError(f"low ({self.low}) must not be above high ({self.high})")
        elif self.log and self.low <= 0:
            raise ValueError(f"a log range starts above 0, got low {self.low}")
        elif self.integer and (self.low != int(self.low) or self.high != int(self.high) or (self.log and self.low < 1)):
            raise ValueError(f"an integer range has whole ends (from 1 if log), got {self.low} and {self.high}")
        return self


def _value(value: object, depth: int = 0) -> object:
    """A finite number, true, false, a word, or lists and mappings of such (a schedule of schedules)."""
    if isinstance(value, bool | int | str) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if isinstance(value, list | tuple) and depth < MAX_DEPTH:
        return [_value(item, depth + 1) for item in value]
    if isinstance(value, Mapping) and depth < MAX_DEPTH:
        return {str(name): _value(item, depth + 1) for name, item in value.items()}
    raise ValueError(f"must be a finite number, true, false, a word, or a list or mapping of such, got {_short(value)}")


class ArmSpec(SpecPart):
    """One schedule family in the comparison.

    `fixed` takes the family's own parameters (base_lr, step_size, ...) or coordinates (peak_lr, ratio, cycles, ...);
    `search` takes coordinates. What neither names is searched in the family's default range.
    """

    family: Name
    name: Name = ""
    fixed: dict[str, Annotated[Any, BeforeValidator(_value)]] = Field(default_factory=dict)
    search: dict[str, Range] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _name_defaults_to_family(cls, value: object) -> object:
        if isinstance(value, str):
            return {"family": value, "name": value}
        if isinstance(value, Mapping) and not value.get("name") and "family" in value:
            return {**value, "name": value["family"]}
        return value


NamedTask = Annotated[TaskChoice, BeforeValidator(_named)]
NamedModel = Annotated[ModelChoice, BeforeValidator(_named)]
NamedOptimizer = Annotated[OptimizerChoice, BeforeValidator(_named)]


class StudySpec(SpecPart):
    """What a user submits.

    Units: budget in iterations (optimizer updates) or epochs; rates are learning rates; `evaluate_every` in iterations
    (default: a twentieth of the run); `target` and `margin` in the task's metric (fractions, not percent). `margin`
    is by default, of an accuracy, the larger of 0.002 and two test images.

    confirm: all arms, or "finalists": the baseline and the best of the search, at most three.
    looks: planned looks at the confirmed values, in seeds, e.g. [3, 5, 10]: the level is split between them, and the
        first that settles the comparison is the last.
    lengths: confirms the arms at these shares of the run, too, schedules stretched to each.
    replicates: judges each family under this tuning budget, not one configuration of it.
    target_seeds: the target is the median final validation value of so many extra runs of the baseline.
    """

    name: str = Field(default="", max_length=200)
    task: NamedTask
    model: NamedModel | None = None
    optimizer: NamedOptimizer = OptimizerChoice(name="sgd")
    training: TrainingOptions = TrainingOptions()
    batch_size: int = Field(default=64, ge=1, le=65_536)
    budget: Budget = Budget(epochs=20)
    evaluate_every: int | None = Field(default=None, ge=1, le=MAX_ITERATIONS)
    arms: tuple[ArmSpec, ...] = Field(min_length=1, max_length=64)
    bounds: Annotated[Literal["range-test"] | Interval, BeforeValidator(_bounds)] = "range-test"
    range_test: RangeTestOptions = RangeTestOptions()
    trials: int = Field(default=12, ge=1, le=MAX_TRIALS_PER_ARM, description="search trials per arm")
    sampler: Literal["tpe", "random", "qmc", "cma-es", "gp", "grid"] = "tpe"
    round_size: int = Field(default=4, ge=1, le=1000, description="trials per search round after the first")
    confirm: Literal["all", "finalists"] = Field(default="all", description="which arms: all, or at most three")
    confirm_seeds: int = Field(default=5, ge=1, le=MAX_SEEDS, description="default: 5, or the last look")
    looks: tuple[Look, ...] = Field(default=(), max_length=10, description="seeds at which the comparison may stop")
    final_seeds: int = Field(default=0, ge=0, le=1000, description="fresh seeds for the best set, once it is found")
    baseline: str = Field(default="", description='the arm to compare with; default "fixed", else the first')
    margin: float | None = Field(default=None, ge=0, description="largest difference that does not matter")
    lengths: tuple[Length, ...] = Field(default=(), max_length=10, description="shares of the run, the last is 1.0")
    replicates: int = Field(default=1, ge=1, le=100, description="search and confirm so often, each from new seeds")
    target: float | None = Field(default=None, description="validation metric for iterations-to-target")
    target_seeds: int = Field(default=0, ge=0, le=1000, description="baseline seeds that set the target instead")
    pruner: Literal["none", "median", "asha"] = Field(default="none", description="ends weak search trials early")
    priority: int = Field(default=0, ge=-1000, le=1000, description="higher runs first")
    owner: str = Field(default="", max_length=64, description="whose study it is: owners share the workers")
    max_device_hours: float = Field(default=8.0, gt=0, le=1e6, description="device time that the study may take")
    seed: int = Field(default=0, ge=0, lt=2**63)

    @model_validator(mode="before")
    @classmethod
    def _last_look_is_the_last_seed(cls, value: object) -> object:
        if isinstance(value, Mapping) and "confirm_seeds" not in value:
            looks = value.get("looks")
            if isinstance(looks, list | tuple) and looks and isinstance(looks[-1], int) and 2 <= looks[-1] <= 1000:
                return {**value, "confirm_seeds": looks[-1]}
        return value

    @field_validator("looks")
    @classmethod
    def _looks_rise(cls, looks: tuple[int, ...]) -> tuple[int, ...]:
        if any(later <= earlier for earlier, later in pairwise(looks)):
            raise ValueError(f"must rise, each look at more seeds than the one before, got {list(looks)}")
        return looks

    @field_validator("lengths")
    @classmethod
    def _lengths_rise_to_the_whole(cls, lengths: tuple[float, ...]) -> tuple[float, ...]:
        if any(later <= earlier for earlier, later in pairwise(lengths)) or (lengths and lengths[-1] != 1.0):
            raise ValueError(f"must rise to 1.0, the study's own length, got {list(lengths)}")
        return lengths

    @property
    def baseline_arm(self) -> str:
        names = [arm.name for arm in self.arms]
        return self.baseline or ("fixed" if "fixed" in names else names[0])


class Extension(SpecPart):
    """What is added to a study; at least one thing.

    `peak_lr`: where every arm's peak rate is searched from now on: a wider interval, in which the new trials lie.
    `max_device_hours`: that the whole study may take from now on; left out: as before.
    """

    trials: int = Field(default=0, ge=0, le=MAX_TRIALS_PER_ARM, description="search trials more of each arm")
    confirm_seeds: int = Field(default=0, ge=0, le=MAX_SEEDS, description="seeds more of each confirmed arm")
    peak_lr: Interval | None = Field(default=None, description="wider interval of every arm's peak rate")
    max_device_hours: float | None = Field(default=None, gt=0, le=1e6, description="for the whole study; as before")

    @model_validator(mode="after")
    def _something(self) -> Extension:
        if not (self.trials or self.confirm_seeds or self.peak_lr):
            raise ValueError("asks for nothing: give trials, confirm_seeds, or trials and peak_lr")
        return self


def parse_extension(document: object) -> Extension:
    """The extension in a document read from JSON.

    Raises:
        InvalidSpec: with every error of form, by field.
    """
    return _formed(Extension, document)


def parse(document: object) -> StudySpec:
    """The spec in a document read from JSON or YAML.

    Raises:
        InvalidSpec: with every error of form, by field.
    """
    return _formed(StudySpec, document)


def _formed(model: type[P], document: object) -> P:
    try:
        return model.model_validate(document)
    except ValidationError as error:
        raise InvalidSpec(field_errors(error)) from None


def field_errors(error: ValidationError) -> list[FieldError]:
    """Pydantic's errors as JSON pointers and sentences; what a union tried in vain is said once per field."""
    found: dict[str, str] = {}
    items = error.errors(include_url=False, include_context=False)
    for item in items:
        if item["type"] == "too_short" and any(
            other["loc"][: len(item["loc"])] == item["loc"] != other["loc"] for other in items
        ):
            continue  # pydantic counts the valid items of a list only
        location = [str(part) for part in item["loc"]]
        if len(location) > 1 and location[-1] in ("float", "int", "bool", "str"):
            location.pop()  # the branch of a union
        pointer = "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in location)
        detail = _PLAINLY.get(item["type"]) or item["msg"].removeprefix("Value error, ")
        if item["type"] not in ("missing", "extra_forbidden", "value_error"):
            detail += f", got {_short(item['input'])}"
        found[pointer] = f"{found[pointer]}; or: {detail}" if pointer in found else detail
    return [FieldError(pointer, detail) for pointer, detail in found.items()]


_PLAINLY = {"missing": "is missing", "extra_forbidden": "there is no such field"}
"""Pydantic's words, where they are about its models and not about what somebody wrote."""


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
