"""`clr.run()`: alone, and under a worker."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import clr
from clr.errors import InvalidRun
from clr.schedules import Fixed, Triangular
from clr.scripts.files import Assignment


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Assignment:
    """A worker's run, which `clr.run()` finds."""
    asked = Assignment(
        phase="confirm",
        iterations=40,
        evaluate_every=10,
        seed=1,
        split_seed=2,
        schedule={"family": "triangular", "base_lr": 0.1, "max_lr": 0.5, "step_size": 10},
        rates_file=str(tmp_path / "rates"),
        metrics_file=str(tmp_path / "metrics.jsonl"),
        stop_file=str(tmp_path / "stop"),
        checkpoint_dir=str(tmp_path / "checkpoints"),
        test=True,
        options={"width": 64},
        device="cuda:0",
        updates_per_epoch=15,
        rungs=[25],
    )
    asked.write(tmp_path / "run.json")
    monkeypatch.setenv("CLR_RUN", str(tmp_path / "run.json"))
    return asked


def lines(asked: Assignment) -> list[dict[str, object]]:
    return [json.loads(line) for line in Path(asked.metrics_file).read_text().splitlines()]


def test_alone_a_script_has_its_own_numbers(capsys: pytest.CaptureFixture[str]) -> None:
    run = clr.run(iterations=100, seed=5, schedule=Fixed(lr=0.3), options={"width": 8}, updates_per_epoch=30)

    assert (run.iterations, run.epochs, run.seed, run.phase, run.rate(7)) == (100, 4, 5, "alone", 0.3)
    assert (run.evaluate_every, run.options, run.test, run.stopping) == (5, {"width": 8}, True, False)
    assert [run.report(done, accuracy=0.5) for done in (5, 99, 100)] == [False, False, True]
    assert capsys.readouterr().err.splitlines()[0] == "update 5 of 100: accuracy 0.5"


def test_alone_a_script_starts_afresh_each_time_unless_it_names_a_folder(tmp_path: Path) -> None:
    first, second = clr.run().checkpoint_dir, clr.run().checkpoint_dir

    assert first != second and first.is_dir()
    assert clr.run(checkpoint_dir=tmp_path / "own").checkpoint_dir == tmp_path / "own"


@pytest.mark.parametrize("name", ["iterations", "evaluate_every", "updates_per_epoch"])
@pytest.mark.parametrize("value", [0, -3, 2.5, True, "40"])
def test_a_length_that_is_none_is_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidRun, match=f"{name} must be a whole number of updates, at least 1"):
        clr.run(**{name: value})  # type: ignore[arg-type]


def test_what_nobody_said_is_said_to_be_missing() -> None:
    with pytest.raises(InvalidRun, match="updates_per_epoch must be said"):
        _ = clr.run().epochs
    with pytest.raises(InvalidRun, match="schedule must be given"):
        clr.run().rate(0)


def test_under_a_worker_the_study_decides(worker: Assignment) -> None:
    run = clr.run(iterations=9999, seed=99, schedule=Fixed(lr=9.0), options={"width": 1, "depth": 2})

    assert (run.iterations, run.epochs, run.seed, run.split_seed, run.phase) == (40, 3, 1, 2, "confirm")
    assert run.options == {"width": 64, "depth": 2}
    assert run.schedule == Triangular(base_lr=0.1, max_lr=0.5, step_size=10)
    assert run.device == "cuda:0" and run.test
    assert run.checkpoint_dir == Path(worker.checkpoint_dir) and run.checkpoint_dir.is_dir()


def test_reports_are_due_at_planned_updates_at_rungs_and_at_the_end(worker: Assignment) -> None:
    assert [done for done in range(45) if clr.run().due(done)] == [10, 20, 25, 30, 40]


def test_reports_go_to_the_worker_s_file(worker: Assignment) -> None:
    run = clr.run()

    assert not run.report(10, accuracy=np.float32(0.5), loss=math.nan)
    assert run.report(40, accuracy=1)
    run.report_test(accuracy=0.25)

    assert lines(worker)[1:] == [{"iteration": 40, "accuracy": 1.0}, {"test": {"accuracy": 0.25}}]
    assert math.isnan(lines(worker)[0]["loss"])  # type: ignore[arg-type]


def test_a_report_returns_true_once_the_run_shall_stop(worker: Assignment) -> None:
    run = clr.run()
    assert not run.report(10, accuracy=0.5)

    Path(worker.stop_file).touch()

    assert run.stopping and run.report(20, accuracy=0.5)


@pytest.mark.parametrize(
    ("metrics", "said"),
    [
        ({}, "must hold one at least"),
        ({"accuracy": "0.9"}, "accuracy must be a number, got '0.9'"),
        ({"accuracy": None}, "accuracy must be a number"),
        ({"accuracy": [0.9, 0.8]}, "accuracy must be a number"),
        ({"accuracy": np.ones(2)}, "accuracy must be a number"),
        ({"updates": 9}, "updates is no metric"),
    ],
)
def test_what_is_no_number_is_refused_where_it_is_reported(worker: Assignment, metrics: dict, said: str) -> None:
    with pytest.raises(InvalidRun, match=said):
        clr.run().report(10, **metrics)


@pytest.mark.parametrize("iteration", [0, -1, 1.5, True])
def test_an_iteration_is_the_number_of_updates_done(worker: Assignment, iteration: object) -> None:
    with pytest.raises(InvalidRun, match="iteration must be the number of updates done"):
        clr.run().report(iteration, accuracy=0.5)  # type: ignore[arg-type]


def test_a_script_without_torch_needs_numpy_at_most(worker: Assignment) -> None:
    code = (
        "import sys\n"
        "for name in ('torch', 'pydantic', 'yaml', 'httpx', 'scipy'): sys.modules[name] = None\n"
        "import clr; run = clr.run(); run.report(40, accuracy=run.rate(5))\n"
        "@clr.task('t', metric='accuracy', direction='maximize', updates_per_epoch=1)\n"
        "def train(run): ...\n"
        "train(run)\n"
    )

    subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)

    assert lines(worker) == [{"iteration": 40, "accuracy": pytest.approx(0.3)}]
