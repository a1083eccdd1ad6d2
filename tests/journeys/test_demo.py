"""`clr demo`, as `make demo` runs it: a real service, two real workers, and an answer that holds up."""

import importlib.util
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import numpy as np
import optuna
import psutil
import pytest
import torch
from processes import wait_for
from serving import CLEAN

from clr import schedules
from clr.analysis import intervals
from clr.resources import Answer

ROOT = Path(__file__).parents[2]
FIGURES = ("schedules", "range-test", "curves", "confirmed", "differences", "peak-rates", "lengths", "tuning")
FRESH_SEEDS = (11, 12, 13, 14, 15)


def retrain():  # type: ignore[no-untyped-def]
    """`retrain` of examples/retrain_best.py."""
    spec = importlib.util.spec_from_file_location("retrain_best", ROOT / "examples" / "retrain_best.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.retrain


class Demo:
    def __init__(self, folder: Path) -> None:
        started = time.monotonic()
        command = [sys.executable, "-m", "clr.cli", "demo", "--json", "--data", str(folder)]
        done = subprocess.run(command, check=False, capture_output=True, text=True, env=CLEAN, timeout=280)
        self.seconds = time.monotonic() - started
        assert done.returncode == 0, done.stderr[-3000:]
        self.talk = done.stderr
        self.answer = Answer.model_validate(json.loads(done.stdout))
        (self.folder,) = folder.iterdir()
        assert self.answer.best is not None
        self.schedule = schedules.from_dict(self.answer.best.schedule)
        (self.printed,) = (arm for arm in self.answer.arms if arm.arm == self.answer.best.arm)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    return Demo(tmp_path_factory.mktemp("demo"))


@pytest.fixture(autouse=True)
def one_thread():  # type: ignore[no-untyped-def]
    """As the demo's workers have."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_it_compares_seven_arms_on_ten_paired_seeds(demo: Demo) -> None:
    assert demo.answer.status == "confirmed"
    assert {arm.family for arm in demo.answer.arms} == {
        "fixed", "step", "exponential", "cosine", "triangular", "triangular2", "exp_range",
    }  # fmt: skip
    assert all(len(arm.values) == 10 and arm.search_trials == 12 and arm.interval for arm in demo.answer.arms)
    assert "can't be told from fixed" in demo.talk


def test_it_draws_one_picture(demo: Demo) -> None:
    picture = (demo.folder / "demo.png").read_bytes()

    assert picture.startswith(b"\x89PNG") and len(picture) > 50_000


def test_it_writes_the_report(demo: Demo) -> None:
    report = (demo.folder / "report.html").read_text()

    assert demo.answer.sentence.split(":")[0] in report and report.count("<svg") == 8
    assert report.count('id="figure-') == 8 and all(f'id="figure-{name}"' in report for name in FIGURES)


def test_its_best_schedule_retrained_by_a_plain_script_gives_each_reported_value(demo: Demo) -> None:
    best, schedule, run = demo.printed, demo.schedule, retrain()
    assert demo.answer.iterations is not None

    values = {seed: run(schedule, int(seed), demo.answer.iterations) for seed in best.values}

    assert values == best.values


def test_on_fresh_seeds_its_mean_lies_in_the_99_percent_prediction_interval(demo: Demo) -> None:
    best, schedule, run = demo.printed, demo.schedule, retrain()
    assert demo.answer.iterations is not None
    predicted = intervals.prediction_of_mean(list(best.values.values()), runs=len(FRESH_SEEDS), level=0.99)

    mean = float(np.mean([run(schedule, seed, demo.answer.iterations) for seed in FRESH_SEEDS]))

    assert predicted is not None and predicted.contains(mean), (predicted, mean)


def test_optuna_reads_the_arm_that_the_answer_ranks_first(demo: Demo) -> None:
    study = optuna.load_study(study_name=demo.answer.study, storage=f"sqlite:///{demo.folder / 'clr.sqlite3'}")

    assert study.best_trial.params["family"] == demo.answer.arms[0].family
    assert study.best_value == pytest.approx(demo.answer.arms[0].mean)
    assert len(study.trials) == 7


def test_optuna_dashboard_shows_the_study(demo: Demo, tmp_path: Path) -> None:
    copy = shutil.copy(demo.folder / "clr.sqlite3", tmp_path)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "optuna_dashboard._cli", f"sqlite:///{copy}", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        shown = wait_for(lambda: dashboard(port, "/api/studies"), "the dashboard answers")
        names = {study["study_name"] for study in shown["study_summaries"]}
        assert {demo.answer.study, f"{demo.answer.study}/search/fixed", f"{demo.answer.study}/confirm/fixed"} <= names
    finally:
        process.kill()
        process.wait()


def dashboard(port: int, path: str):  # type: ignore[no-untyped-def]
    try:
        return httpx.get(f"http://127.0.0.1:{port}{path}", trust_env=False).raise_for_status().json()
    except httpx.HTTPError:
        return None


def test_ctrl_c_leaves_nothing_running(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "clr.cli", "demo", "--data", str(tmp_path)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=CLEAN, start_new_session=True)
    assert process.stderr is not None
    while "trials over" not in process.stderr.readline():
        assert process.poll() is None
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 5, "a service, two workers and their training children"

    os.kill(process.pid, signal.SIGINT)

    assert process.wait(60) == 130
    wait_for(lambda: not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in family), "all ended")
