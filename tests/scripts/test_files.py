"""The run's document, and the lines that a script reports."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from clr.errors import InvalidReport, InvalidRun
from clr.scripts.files import Assignment, FinalReport, Reported, final_line, line, parse, read


def an_assignment(**fields: object) -> Assignment:
    known = {
        "phase": "search",
        "iterations": 40,
        "evaluate_every": 10,
        "seed": 1,
        "split_seed": 2,
        "schedule": {"family": "fixed", "lr": 0.1},
        "rates_file": "r",
        "metrics_file": "m",
        "stop_file": "s",
        "checkpoint_dir": "c",
    }
    return Assignment(**{**known, **fields})  # type: ignore[arg-type]


def test_a_document_is_read_as_it_was_written(tmp_path: Path) -> None:
    asked = an_assignment(options={"width": 64}, rungs=[10], updates_per_epoch=7)

    asked.write(tmp_path / "run.json")

    assert read(tmp_path / "run.json") == asked


def test_a_later_worker_may_say_more(tmp_path: Path) -> None:
    an_assignment().write(tmp_path / "run.json")
    document = json.loads((tmp_path / "run.json").read_text())
    (tmp_path / "run.json").write_text(json.dumps({**document, "news": 1}))

    assert read(tmp_path / "run.json") == an_assignment()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "must name the JSON file of a run"),
        ("[]", "must be 1"),
        ('{"version": 2}', "must be 1: use the worker's version of clr, got 2"),
        ('{"version": 1, "seed": 1}', "must be complete"),
    ],
)
def test_a_document_that_is_none_says_why(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "run.json").write_text(text)

    with pytest.raises(InvalidRun, match=said):
        read(tmp_path / "run.json")


def test_a_line_is_parsed_to_what_was_reported() -> None:
    assert parse(line(20, {"accuracy": 0.5}, lr=0.1, updates=19), 1) == Reported(20, {"accuracy": 0.5}, 0.1, 19)
    assert parse(final_line({"accuracy": 0.5}), 1) == FinalReport({"accuracy": 0.5})


@pytest.mark.parametrize("value", ["NaN", "null", "Infinity", "-Infinity", "1e999", "1" + "0" * 400])
def test_a_value_that_is_not_finite_is_a_value(value: str) -> None:
    report = parse(f'{{"iteration": 1, "accuracy": {value}}}', 1)

    assert isinstance(report, Reported)
    assert not math.isfinite(report.metrics["accuracy"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("accuracy 0.9", "Line 7 of the script's metrics is not JSON: 'accuracy 0.9'"),
        ("[" * 100_000, "is not JSON"),
        ("[1]", r"must be a JSON object, got '\[1\]'"),
        ('{"accuracy": 0.9}', '"iteration" must be the number of updates done, at least 1, got None'),
        ('{"iteration": 0, "accuracy": 0.9}', "got 0"),
        ('{"iteration": 1.5, "accuracy": 0.9}', "got 1.5"),
        ('{"iteration": true, "accuracy": 0.9}', "got True"),
        ('{"iteration": 1}', "holds no metric"),
        ('{"iteration": 1, "accuracy": "0.9"}', "accuracy must be a number, got '0.9'"),
        ('{"iteration": 1, "accuracy": [0.9]}', r"accuracy must be a number, got \[0.9\]"),
        ('{"iteration": 1, "accuracy": true}', "accuracy must be a number, got True"),
        ('{"iteration": 1, "accuracy": 1, "lr": "x"}', "lr must be a number, got 'x'"),
        ('{"test": 0.9}', '"test" must be an object of metrics, got 0.9'),
        (json.dumps({"iteration": 1, **{f"m{k}": 1 for k in range(65)}}), "holds 65 metrics; at most 64"),
    ],
)
def test_a_line_that_cannot_be_used_is_named_with_its_number(text: str, said: str) -> None:
    with pytest.raises(InvalidReport, match=said):
        parse(text, 7)
