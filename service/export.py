"""A study's stored data as tables: trials, curves, and the rate of every update of each finalist."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from typing import Any, Literal

import pyarrow as pa
from pyarrow import csv, parquet

from clr import schedules
from clr.resources import Answer, TrialResource

Table = Literal["trials", "curves", "rates"]
Format = Literal["json", "csv", "parquet", "optuna"]
Row = dict[str, Any]
PLAIN = (
    "number", "phase", "arm", "round", "position", "seed", "split_seed", "iterations", "state", "value", "seconds",
    "reason",
)  # fmt: skip
MEDIA_TYPES: dict[Format, str] = {
    "json": "application/json", "csv": "text/csv; charset=utf-8", "parquet": "application/vnd.apache.parquet",
    "optuna": "application/x-ndjson",
}  # fmt: skip


def rows(table: Table, answer: Answer | None, trials: Sequence[TrialResource]) -> list[Row]:
    """The rows of a table.

    trials: a row a slot; parameters and test metrics as columns of their own ("params.peak_lr", "test.accuracy").
    curves: a row an evaluation. rates: a row an update of each arm's finalist.
    """
    if table == "trials":
        return [_trial(trial) for trial in trials]
    return list(_curves(trials)) if table == "curves" else list(_rates(answer))


def _trial(trial: TrialResource) -> Row:
    plain = trial.model_dump(mode="json", include=set(PLAIN))
    parameters = {f"params.{name}": value for name, value in trial.params.items()}
    test = {f"test.{name}": value for name, value in trial.test.items()}
    last = trial.attempts[-1] if trial.attempts else None
    where = {"attempts": len(trial.attempts), "host": last and last.host, "device_kind": last and last.device_kind}
    return {**plain, **parameters, **test, **where, "schedule": json.dumps(trial.schedule)}


def _curves(trials: Sequence[TrialResource]) -> Iterator[Row]:
    for trial in trials:
        key = {"number": trial.number, "phase": trial.phase, "arm": trial.arm, "seed": trial.seed}
        for evaluation in trial.curve or ():
            yield {**key, "iteration": evaluation.iteration, **evaluation.metrics}


def _rates(answer: Answer | None) -> Iterator[Row]:
    for arm in answer.arms if answer else ():
        if arm.schedule is not None and answer is not None and answer.iterations is not None:
            rates = schedules.from_dict(arm.schedule).rates(answer.iterations)
            yield from ({"arm": arm.arm, "iteration": i, "rate": rate} for i, rate in enumerate(rates.tolist()))


def encode(found: Sequence[Row], form: Literal["json", "csv", "parquet"]) -> bytes:
    """The rows as a file; every row has every column, empty where it has no value."""
    columns = list(dict.fromkeys(name for row in found for name in row))
    whole = [{name: row.get(name) for name in columns} for row in found]
    if form == "json":
        return json.dumps(whole, allow_nan=False).encode()
    table, sink = pa.Table.from_pylist(whole), io.BytesIO()
    if form == "csv":
        csv.write_csv(table, sink)
    else:
        parquet.write_table(table, sink)
    return sink.getvalue()
