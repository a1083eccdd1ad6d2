"""The two files between a worker and a training script: the run's JSON document, and the lines that the script reports.

A script in any language can read the one and write the other; docs/own-training.md is this module in words.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from clr.errors import InvalidReport, InvalidRun

VERSION = 1
VARIABLE = "CLR_RUN"
"""The environment variable that names the run's document."""

RESERVED = ("iteration", "lr", "updates", "test")
"""Keys of a reported line that are no metrics."""

MOST_METRICS = 64
LONGEST_LINE = 65_536
_SHOWN = 80


@dataclass(frozen=True)
class Assignment:
    """What a script is asked to train: the document that `CLR_RUN` names.

    Attributes:
        iterations: length of the run [optimizer updates]. evaluate_every: report at its multiples and at the end.
        seed: of initial weights, order and dropout. split_seed: of the cut into training and validation.
        schedule: family and parameters, as of `clr.schedules.Schedule.to_dict`.
        rates_file: the rate of every update: float64, little-endian, one after the other; that of update k (0-based)
            stands at byte 8 k.
        metrics_file: where to append reports. stop_file: once it exists, save and end.
        checkpoint_dir: a folder that later attempts of the same run find again.
        test: whether to measure the test split once, at the end.
        options: the task's, with their defaults. device: "cpu", "cuda:0".
        optimizer, optimizer_options, batch_size, model, model_options: what the study's spec says of them, for a script
            that wants to follow it.
        updates_per_epoch: where the task says so [optimizer updates].
        rungs: updates after which a report is due as well: there the run may be ended early.
    """

    phase: str
    iterations: int
    evaluate_every: int
    seed: int
    split_seed: int
    schedule: Mapping[str, Any]
    rates_file: str
    metrics_file: str
    stop_file: str
    checkpoint_dir: str
    test: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
    device: str = "cpu"
    optimizer: str = ""
    optimizer_options: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int = 0
    model: str = ""
    model_options: Mapping[str, Any] = field(default_factory=dict)
    updates_per_epoch: int | None = None
    rungs: Sequence[int] = field(default_factory=list)

    def write(self, path: Path) -> None:
        path.write_text(json.dumps({"version": VERSION, **asdict(self)}, indent=2), encoding="utf-8")


def read(path: Path) -> Assignment:
    """The document that a worker wrote; keys that this version does not know are left alone.

    Raises:
        InvalidRun: it can't be read, lacks a key, or is of a later version.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InvalidRun(VARIABLE, f"must name the JSON file of a run ({error})", str(path)) from None
    if not isinstance(found, dict) or found.get("version") != VERSION:
        version = found.get("version") if isinstance(found, dict) else found
        raise InvalidRun(f"version in {path}", f"must be {VERSION}: use the worker's version of clr", version)
    known = {one.name for one in fields(Assignment)}
    try:
        return Assignment(**{name: value for name, value in found.items() if name in known})
    except TypeError as error:
        raise InvalidRun(f"the run in {path}", f"must be complete ({error})", sorted(found)) from None


@dataclass(frozen=True)
class Reported:
    """A line with validation metrics after `iteration` updates; a metric may be NaN or infinite.

    Attributes:
        lr: of the last update, as the script applied it; None where it does not say.
        updates: that its scheduler counted; None where it does not say.
    """

    iteration: int
    metrics: Mapping[str, float]
    lr: float | None = None
    updates: int | None = None


@dataclass(frozen=True)
class FinalReport:
    """A line with metrics of the test split; a metric may be NaN or infinite."""

    metrics: Mapping[str, float]


def line(iteration: int, metrics: Mapping[str, Any], lr: float | None = None, updates: int | None = None) -> str:
    """A report as it is written: `{"iteration": 100, "accuracy": 0.93, "lr": 0.01}`.

    >>> line(100, {"accuracy": 0.93}, lr=0.01)
    '{"iteration": 100, "accuracy": 0.93, "lr": 0.01}\\n'
    """
    aside = {name: value for name, value in (("lr", lr), ("updates", updates)) if value is not None}
    return json.dumps({"iteration": iteration, **metrics, **aside}) + "\n"


def final_line(metrics: Mapping[str, Any]) -> str:
    """The test metrics as they are written: `{"test": {"accuracy": 0.92}}`."""
    return json.dumps({"test": dict(metrics)}) + "\n"


def parse(text: str, number: int) -> Reported | FinalReport:
    """One reported line. JSON's null, and the words NaN and Infinity, are values that are not finite.

    Args:
        text: the line. number: which one it is, from 1, for the errors.

    Raises:
        InvalidReport: it is no JSON object, says neither "iteration" nor "test", or a metric is no number.
    """
    at = f"Line {number} of the script's metrics"
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidReport(f"{at} is not JSON: {_short(text)}") from None
    if not isinstance(found, dict):
        raise InvalidReport(f"{at} must be a JSON object, got {_short(text)}")
    if "test" in found:
        if not isinstance(found["test"], dict):
            raise InvalidReport(f'{at}: "test" must be an object of metrics, got {_short(found["test"])}')
        return FinalReport(_metrics(found["test"], f"{at}: test"))
    iteration = found.get("iteration")
    if isinstance(iteration, bool) or not isinstance(iteration, int) or iteration < 1:
        raise InvalidReport(
            f'{at}: "iteration" must be the number of updates done, at least 1, got {_short(iteration)}'
        )
    metrics = _metrics({name: value for name, value in found.items() if name not in RESERVED}, at)
    lr, updates = (_number(found[name], f"{at}: {name}") if name in found else None for name in ("lr", "updates"))
    return Reported(iteration, metrics, lr, int(updates) if updates is not None and math.isfinite(updates) else None)


def _metrics(found: Mapping[str, Any], at: str) -> dict[str, float]:
    if not found:
        raise InvalidReport(f"{at} holds no metric.")
    if len(found) > MOST_METRICS:
        raise InvalidReport(f"{at} holds {len(found)} metrics; at most {MOST_METRICS} are kept.")
    return {name: _number(value, f"{at}: {name}") for name, value in found.items()}


def _number(value: Any, where: str) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidReport(f"{where} must be a number, got {_short(value)}")
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else text[: _SHOWN - 3] + "..."
