"""The examples of own training: each trains under its schedule's rates; one without any library gets an answer."""

import contextlib
import importlib
import importlib.util
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from network import outside_address
from processes import wait_for
from serving import CLEAN, serving

from clr import schedules
from clr.client import Client
from clr.protocol import TrialConfig
from clr.results import Evaluated, Finished
from clr.scripts import definition
from clr.scripts.command import CommandTask
from clr.scripts.files import Reported
from clr.task_check import findings

EXAMPLES = Path(__file__).resolve().parents[2] / "examples" / "own_training"
ITERATIONS = 20
CONFIG = TrialConfig(
    phase="confirm",
    task="script",
    model="script",
    optimizer="sgd",
    batch_size=64,
    iterations=ITERATIONS,
    evaluate_every=5,
    schedule=schedules.make("triangular", base_lr=0.01, max_lr=0.1, step_size=ITERATIONS / 2).to_dict(),
    seed=3,
    split_seed=3,
    test=True,
)


def function_task() -> CommandTask:
    sys.path.append(str(EXAMPLES))
    try:
        return importlib.import_module("train_function").softmax.as_command()
    finally:
        sys.path.remove(str(EXAMPLES))


def trained(task: CommandTask, folder: Path) -> tuple[list[Reported], list[object]]:
    heard: list[object] = []
    events = task.events(
        CONFIG, device="cpu", checkpoints=folder, key="own/f000001", interrupt=threading.Event(), heard=heard.append
    )
    happened = list(events)
    return [report for report in heard if isinstance(report, Reported)], happened


@pytest.mark.parametrize("name", ["plain_torch", "lightning_script", "hf_trainer_script", "keras_script", "function"])
def test_an_example_trains_as_many_updates_at_the_schedules_rates(name: str, tmp_path: Path) -> None:
    needed = {"lightning_script": "lightning", "hf_trainer_script": "transformers", "keras_script": "keras"}
    if name in needed and importlib.util.find_spec(needed[name]) is None:
        pytest.skip(f"{needed[name]} is not installed")
    task = function_task() if name == "function" else CommandTask(definition.load(EXAMPLES / f"{name}.yaml"))

    reports, events = trained(task, tmp_path)

    assert [report.iteration for report in reports] == [5, 10, 15, 20]
    run = findings.TriedRun(seed=3, rates=findings.reported(reports), end="done")
    (rates,) = findings.of_rates(run, schedules.from_dict(CONFIG.schedule))
    assert (rates.level, rates.text) == ("ok", "applied: 4 reported rates are the schedule's")
    assert [type(event) for event in events] == [Evaluated] * 4 + [Finished]
    assert events[-1].test["accuracy"] > 0.2  # of ten classes


@contextlib.contextmanager
def running(*command: str, log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("a") as said:
        process = subprocess.Popen(
            [sys.executable, *command], stdout=said, stderr=said, env={**CLEAN, **environment}, start_new_session=True
        )
    try:
        yield process
    finally:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(30)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def test_a_trainer_of_the_standard_library_gets_an_answer_over_a_protected_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, address, log = secrets.token_urlsafe(32), outside_address(), tmp_path / "http.log"
    monkeypatch.setenv("CLR_TOKEN", token)
    monkeypatch.setenv("NO_PROXY", address)
    wanted = {
        "task": "blobs", "arms": ["fixed", "triangular"], "bounds": {"low": 0.01, "high": 0.1}, "trials": 1,
        "confirm_seeds": 2, "budget": {"iterations": 200}, "batch_size": 20,
    }  # fmt: skip
    with serving(tmp_path, "--host", "0.0.0.0", CLR_TOKEN=token) as near, contextlib.ExitStack() as started:
        url = f"http://{address}:{near.url.rpartition(':')[2]}"
        there = {"CLR_SERVICE": url, "CLR_TOKEN": token, "NO_PROXY": address}
        started.enter_context(running("-S", str(EXAMPLES / "http_only.py"), log=log, **there))
        far = started.enter_context(Client(url))
        wait_for(far.workers, "the trainer's registration")

        study = far.submit(wanted)
        study.wait()
        found = study.best()

        assert found.status == "confirmed" and found.best is not None, log.read_text()
        assert all(len(arm.values) == 2 and arm.mean > 0.5 for arm in found.arms)
