"""Users' scripts on real workers of a real service, token-protected: answers, misbehaviour, killed workers."""

from __future__ import annotations

import contextlib
import os
import random
import re
import secrets
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from network import own_address
from processes import Running, wait_for

from clr.client import Client, StudyHandle
from clr.resources import TrialResource

HERE = Path(__file__).parent
DOCS = (HERE.parents[1] / "docs" / "own-training.md").read_text()
SMALL = {
    "arms": ["fixed"],
    "budget": {"iterations": 100},
    "evaluate_every": 10,
    "bounds": {"low": 0.01, "high": 0.3},
    "trials": 1,
    "confirm_seeds": 1,
}
TASK = f"""
name: own
command: {sys.executable} own_scripts.py
metric: accuracy
direction: maximize
iterations: 100
options: {{does: well}}
files: [own_scripts.py]
test_size: 100
hang: 6
folder: {HERE}
"""


@dataclass
class Site:
    """A service beyond loopback where there is such an address, and workers with the scripts as tasks."""

    start: Callable[..., Running]
    start_worker: Callable[..., Running]
    folder: Path
    token: str = field(default_factory=lambda: secrets.token_urlsafe(32))

    def __post_init__(self) -> None:
        (self.folder / "own.yaml").write_text(TASK)
        script = re.findall(r"```python\n(.*?)```", DOCS, flags=re.S)[0]
        (self.folder / "train.py").write_text(script)
        (self.folder / "documented.yaml").write_text(re.findall(r"```yaml\n(.*?)```", DOCS, flags=re.S)[0])
        host = own_address() or "127.0.0.1"
        port = free_port(host)
        where = ("--host", host, "--port", str(port), "--data", str(self.folder / "data"))
        self.service = self.start("-m", "clr.cli", "serve", *where, **self.environment)
        self.url = f"http://{host}:{port}"
        self.client = Client(self.url, self.token, retries=20)
        wait_for(lambda: self.client.ready().status == "ok", "the service answers")

    @property
    def environment(self) -> dict[str, str]:
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        timing = {"CLR_LEASE_SECONDS": "4", "CLR_BEAT_SECONDS": "0.3"}
        return {"CLR_TOKEN": self.token, "CLR_TASKS": str(self.folder / "added"), "PATH": path, **timing}

    def worker(self) -> Running:
        tasks = [f"--tasks={self.folder / name}" for name in ("own.yaml", "documented.yaml")]
        worker = self.start_worker(self.url, *tasks, "--hang-seconds", "60", **self.environment)
        worker.until_said("worker .* on cpu, tasks: .*my-script.*own")
        return worker

    def submit(self, **changes: Any) -> StudyHandle:
        return self.client.submit({**SMALL, **changes})


def free_port(host: str) -> int:
    while True:
        port = random.randrange(20_000, 32_000)  # below those that the kernel gives out itself
        with contextlib.suppress(OSError), socket.create_server((host, port)):
            return port


@pytest.fixture(scope="module")
def site(start_for_all: Any, start_worker_for_all: Any, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(start_for_all, start_worker_for_all, tmp_path_factory.mktemp("site"))


@pytest.fixture(scope="module")
def workers(site: Site) -> Iterator[list[Running]]:
    yield [site.worker(), site.worker()]


@pytest.fixture(scope="module")
def studies(site: Site, workers: list[Running]) -> dict[str, StudyHandle]:
    """One study for each thing that a script may do, all at once."""
    kinds = ("well", "raises", "hangs", "nan", "words", "talks")
    return {does: site.submit(task={"name": "own", "options": {"does": does}}) for does in kinds}


def first(study: StudyHandle) -> TrialResource:
    """The search trial, once it has ended."""
    wait_for(lambda: study.trial(1).state not in ("waiting", "running"), "the trial ends")
    return study.trial(1)


def test_a_script_is_confirmed_on_its_test_metrics(studies: dict[str, StudyHandle]) -> None:
    study = studies["well"]

    assert study.wait(poll=0.1, timeout=120).state == "done"
    assert [(trial.phase, trial.value) for trial in study.trials()] == [("search", 1.0), ("confirm", 0.5)]
    assert [evaluation.iteration for evaluation in study.trial(1).curve or ()] == list(range(10, 101, 10))


@pytest.mark.parametrize(
    ("does", "state", "said"),
    [
        ("nan", "diverged", "the script reported accuracy as nan"),
        ("words", "failed", "Line 1 of the script's metrics: accuracy must be a number, got 'high'"),
    ],
)
def test_what_it_reports_wrong_is_in_the_trial(
    studies: dict[str, StudyHandle], does: str, state: str, said: str
) -> None:
    trial = first(studies[does])

    assert (trial.state, len(trial.attempts)) == (state, 1)
    assert said in trial.reason


@pytest.mark.parametrize(
    ("does", "said", "last"),
    [
        ("raises", "The script exited with code 1 after update 20 of 100", "ArithmeticError: the moon is in the wrong"),
        ("hangs", "The script hung: it reported nothing for 6 s", "about to hang"),
    ],
)
def test_a_script_that_dies_or_hangs_three_times_is_given_up_with_reason_and_last_lines(
    studies: dict[str, StudyHandle], does: str, said: str, last: str
) -> None:
    trial = first(studies[does])

    assert trial.state == "failed"
    assert said in trial.reason
    assert [attempt.how for attempt in trial.attempts] == ["crashed"] * 3
    assert all(last in attempt.tail for attempt in trial.attempts)


def test_one_that_talks_and_forks_costs_nothing(studies: dict[str, StudyHandle]) -> None:
    assert studies["talks"].wait(poll=0.1, timeout=120).state == "done"


def test_the_workers_go_on_with_other_tasks(site: Site, studies: dict[str, StudyHandle], workers: Any) -> None:
    for study in studies.values():
        study.wait(poll=0.1, timeout=120)

    assert site.submit(task="digits").wait(poll=0.1, timeout=120).state == "done"
    assert all(worker.process.poll() is None for worker in workers)


def test_the_script_of_a_killed_worker_dies_and_its_trial_goes_on_where_it_saved(
    site: Site, workers: list[Running]
) -> None:
    study = site.submit(task={"name": "own", "options": {"does": "slow"}})
    wait_for(lambda: (study.trial(1).curve or ())[3:], "some reports")
    holder = study.trial(1).attempts[-1].worker
    victim = next(worker for worker in workers if holder in worker.said)
    scripts = [pid for pid in own_scripts() if pid in descendants(victim.pid)]

    os.kill(victim.pid, signal.SIGKILL)

    wait_for(lambda: not set(scripts) & set(own_scripts()), "its script is gone", 20)
    assert len(scripts) == 1
    assert study.wait(poll=0.1, timeout=120).state == "done"
    trial = study.trial(1)
    assert [attempt.how for attempt in trial.attempts] == ["expired", "done"]
    assert [evaluation.iteration for evaluation in trial.curve or ()] == list(range(10, 101, 10))
    assert (trial.curve or ())[-1].metrics["began"] >= 30
    assert trial.provenance["resumed_from"] is not None


def own_scripts() -> list[int]:
    """Every process that runs the script."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if words[1:2] == [b"own_scripts.py"]:
                found.append(int(folder.name))
    return found


def descendants(process: int) -> set[int]:
    found: set[int] = set()
    for children in Path(f"/proc/{process}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            found |= {child} | descendants(child)
    return found


@pytest.mark.timeout(500)  # nine processes that import torch
def test_the_documented_script_gets_an_answer_from_two_workers(site: Site, workers: list[Running]) -> None:
    workers[:] = [worker for worker in workers if worker.process.poll() is None]
    while len(workers) < 2:
        workers.append(site.worker())
    spec = {"task": "my-script", "arms": ["fixed", "triangular"], "budget": {"epochs": 20}, "bounds": "range-test"}

    study = site.client.submit({**spec, "trials": 1, "confirm_seeds": 2})
    ended = study.wait(poll=0.2, timeout=400)

    assert ended.state == "done"
    best = study.best()
    assert best.status == "confirmed"
    assert {arm.arm for arm in best.arms} == {"fixed", "triangular"}
    assert all(0.8 < arm.mean <= 1 for arm in best.arms if arm.mean is not None)
    ramp = study.range_test()
    assert all(len(curve.iterations) > 50 for curve in ramp.curves)
    assert len({study.trial(trial.number).attempts[0].worker for trial in study.trials()}) == 2
    assert site.token not in "".join(running.said for running in (site.service, *workers))
