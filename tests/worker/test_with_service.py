"""The service and worker processes together: killed, stopped, cut off, and the study comes out the same."""

from __future__ import annotations

import contextlib
import os
import random
import re
import secrets
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from network import outside_address
from processes import Running, wait_for

from clr.client import Client, StudyHandle

LEASE_SECONDS = 4.0
SETTINGS = {"CLR_LEASE_SECONDS": str(LEASE_SECONDS), "CLR_BEAT_SECONDS": "0.3"}
SLOW = {
    "task": {"name": "slow", "options": {"pause": 0.004}},
    "arms": ["fixed"],
    "budget": {"iterations": 300},
    "evaluate_every": 10,
    "bounds": {"low": 0.01, "high": 0.3},
    "trials": 2,
    "confirm_seeds": 2,
    "seed": 5,
}
PLANNED = 4


@dataclass
class Site:
    """A service, started again at will, and its workers."""

    start: Callable[..., Running]
    start_worker: Callable[..., Running]
    data: Path
    host: str = "127.0.0.1"
    token: str = ""
    port: int = 0
    workers: list[Running] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.port = _free_port(self.host)
        self.serve()
        self.client = Client(self.url, self.token or None, retries=20)
        wait_for(self._answers, "the service answers")

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        return {**SETTINGS, **({"CLR_TOKEN": self.token} if self.token else {})}

    def serve(self) -> None:
        where = ("--host", self.host, "--port", str(self.port), "--data", str(self.data))
        self.service = self.start("-m", "clr.cli", "serve", *where, **self.environment)

    def _answers(self) -> bool:
        assert self.service.process.poll() is None, self.service.said
        return self.client.ready().status == "ok"

    def with_workers(self, count: int) -> list[Running]:
        """So many workers that live and wait; those of an earlier test are taken first."""
        self.workers = [worker for worker in self.workers if worker.process.poll() is None]
        for worker in self.workers[count:]:
            worker.process.terminate()
            worker.ended()
        del self.workers[count:]
        arguments = ("--checkpoint-seconds", "0.2", "--hang-seconds", "20")
        while len(self.workers) < count:
            self.workers.append(self.start_worker(self.url, *arguments, **self.environment))
        for worker in self.workers:
            worker.until_said("worker .* on cpu")
        return self.workers

    def submit(self, spec: dict[str, Any]) -> StudyHandle:
        return self.client.submit(spec)


def _free_port(host: str) -> int:
    """A port below those that the kernel gives out itself.

    A worker that looks for a killed service on a port of the kernel's range may be given that very port as its own, is
    then connected to itself, and the service can't have its port back.
    """
    while True:
        port = random.randrange(20_000, 32_000)
        with contextlib.suppress(OSError), socket.create_server((host, port)):
            return port


@pytest.fixture(scope="module")
def site(start_for_all: Any, start_worker_for_all: Any, tmp_path_factory: pytest.TempPathFactory) -> Site:
    return Site(start_for_all, start_worker_for_all, tmp_path_factory.mktemp("data"))


def outcomes(study: StudyHandle) -> dict[int, Any]:
    """All that a study found, by slot."""
    found = [study.trial(trial.number) for trial in study.trials()]
    return {
        trial.number: (trial.params, trial.seed, trial.state, trial.value, trial.test, trial.curve) for trial in found
    }


@pytest.fixture(scope="module")
def untroubled(site: Site) -> StudyHandle:
    """The slow study, run by two workers without trouble."""
    site.with_workers(2)
    study = site.submit(SLOW)
    study.wait(poll=0.1, timeout=120)
    return study


@pytest.fixture(scope="module")
def unbroken(untroubled: StudyHandle) -> dict[int, Any]:
    """What a study must find whatever happens to its workers."""
    return outcomes(untroubled)


def in_the_middle(study: StudyHandle, workers: list[Running]) -> tuple[int, Running]:
    """A trial that has reported some evaluations and is far from its end, and the worker that runs it."""

    def look() -> tuple[int, Running] | None:
        for trial in study.trials(state="running"):
            whole = study.trial(trial.number)
            worker = next(w for w in workers if whole.attempts[-1].worker in w.said)
            if whole.state == "running" and whole.curve and 8 <= len(whole.curve) <= 20:
                return trial.number, worker
        return None

    found: tuple[int, Running] = wait_for(look, "a trial in the middle")
    return found


def attempts(study: StudyHandle, number: int) -> list[str]:
    return [attempt.how for attempt in study.trial(number).attempts]


def ended_as_planned(study: StudyHandle) -> None:
    ended = study.wait(poll=0.1, timeout=120)
    assert ended.state == "done"
    assert (ended.slots.planned, ended.slots.done) == (PLANNED, PLANNED)


def test_two_workers_share_a_study(untroubled: StudyHandle) -> None:
    study = untroubled

    ended_as_planned(study)
    assert len({study.trial(trial.number).attempts[0].worker for trial in study.trials()}) == 2
    assert all(attempts(study, trial.number) == ["done"] for trial in study.trials())
    assert study.best().status == "confirmed"


def test_the_slot_of_a_killed_worker_goes_on_from_its_checkpoint(site: Site, unbroken: dict[int, Any]) -> None:
    workers = site.with_workers(2)
    study = site.submit(SLOW)
    number, victim = in_the_middle(study, workers)

    os.kill(victim.pid, signal.SIGKILL)

    ended_as_planned(study)
    assert outcomes(study) == unbroken
    assert attempts(study, number) == ["expired", "done"]
    assert study.trial(number).provenance["resumed_from"] >= 10


def test_the_late_report_of_a_stopped_worker_is_refused(site: Site, unbroken: dict[int, Any]) -> None:
    workers = site.with_workers(2)
    study = site.submit(SLOW)
    number, sleeper = in_the_middle(study, workers)

    os.kill(sleeper.pid, signal.SIGSTOP)
    wait_for(lambda: len(attempts(study, number)) == 2, "the slot is leased again")
    os.kill(sleeper.pid, signal.SIGCONT)

    sleeper.until_said(r"refused: \w+ of slot \d+, fence 1: lease-lost")
    ended_as_planned(study)
    assert outcomes(study) == unbroken
    assert attempts(study, number) == ["expired", "done"]


def test_sigterm_gives_the_attempt_back(site: Site, unbroken: dict[int, Any]) -> None:
    workers = site.with_workers(2)
    study = site.submit(SLOW)
    number, leaving = in_the_middle(study, workers)

    leaving.process.send_signal(signal.SIGTERM)

    assert leaving.ended() == 0
    ended_as_planned(study)
    assert outcomes(study) == unbroken
    assert attempts(study, number) == ["released", "done"]
    (staying,) = (worker for worker in workers if worker is not leaving)
    assert re.search(rf"trial {number}\): attempt 1, goes on from iteration", staying.said)


def test_a_service_that_was_killed_and_started_again_has_lost_nothing(site: Site, unbroken: dict[int, Any]) -> None:
    workers = site.with_workers(1)
    study = site.submit(SLOW)
    number, _ = in_the_middle(study, workers)

    site.service.process.kill()
    site.service.ended()
    site.serve()

    ended_as_planned(study)
    assert outcomes(study) == unbroken
    assert attempts(study, number) == ["done"]


@pytest.mark.parametrize("killed", [False, True], ids=["", "the service is killed in between"])
def test_a_paused_trial_is_given_back_and_goes_on_when_it_is_resumed(
    site: Site, unbroken: dict[int, Any], killed: bool
) -> None:
    """peers.md 29: stop, resume and restart are ordinary, idempotent calls."""
    (worker,) = site.with_workers(1)
    study = site.submit(SLOW)
    number, _ = in_the_middle(study, [worker])

    study.pause("for maintenance")

    worker.until_said(rf"{study.id}, trial {number}\): released, accepted")
    (trial,) = (study.trial(t.number) for t in study.trials() if t.number == number)
    assert len(trial.curve or ()) <= 25, "within an evaluation interval or a beat, not at the end"
    if killed:
        site.service.process.kill()
        site.service.ended()
        site.serve()
    status = study.status()
    assert (status.state, status.paused, status.slots.running) == ("paused", "for maintenance", 0)
    study.resume()
    study.resume()
    ended_as_planned(study)
    assert outcomes(study) == unbroken
    assert attempts(study, number) == ["released", "done"]
    assert study.trial(number).provenance["resumed_from"] >= 80
    assert study.status().estimated_seconds is not None, "the worker measured a pace"


def test_a_cancelled_trial_stops_and_the_worker_is_free(site: Site) -> None:
    (worker,) = site.with_workers(1)
    study = site.submit(SLOW | {"budget": {"iterations": 100_000}, "name": "long"})
    wait_for(lambda: list(study.trials(state="running")), "a running trial")

    study.cancel()

    worker.until_said(rf"{study.id}, trial \d+\): stopped, cancelled")
    assert study.status().state == "cancelled"
    assert [how for trial in study.trials() for how in attempts(study, trial.number)] == ["cancelled"]
    after = site.submit(SLOW | {"task": "digits", "trials": 1, "confirm_seeds": 1})
    assert after.wait(poll=0.1, timeout=120).state == "done"


def test_a_trial_that_ends_its_process_is_given_up_after_three_and_says_why(site: Site) -> None:
    site.with_workers(1)
    poison = site.submit(SLOW | {"task": "exits", "trials": 1, "confirm_seeds": 1})
    other = site.submit(SLOW | {"task": "digits", "trials": 1, "confirm_seeds": 1})

    assert poison.wait(poll=0.1, timeout=120).state == "failed"

    assert other.wait(poll=0.1, timeout=120).state == "done"
    (trial,) = (poison.trial(trial.number) for trial in poison.trials())
    assert trial.state == "failed"
    assert "exited with code 7" in trial.reason
    assert [attempt.how for attempt in trial.attempts] == ["crashed"] * 3
    assert "about to leave" in trial.attempts[-1].tail


def test_facts_that_only_a_worker_can_find_come_from_a_describe_slot(site: Site) -> None:
    site.with_workers(1)
    study = site.submit(SLOW | {"task": "finds", "trials": 1, "confirm_seeds": 1})

    assert study.wait(poll=0.1, timeout=120).state == "done"

    assert [trial.phase for trial in study.trials()] == ["describe", "search", "confirm"]


def test_beyond_loopback_the_right_token_works_and_a_wrong_one_ends_the_worker(
    start: Any, start_worker: Any, tmp_path: Path
) -> None:
    token = secrets.token_urlsafe(32)
    site = Site(start, start_worker, tmp_path / "data", host=outside_address(), token=token)
    workers = site.with_workers(2)
    stranger = start_worker(site.url, CLR_TOKEN="wrong-" + token)

    study = site.submit(SLOW | {"task": "digits"})

    ended_as_planned(study)
    assert stranger.ended() == 4
    assert "refuses the token" in stranger.said
    for process in (site.service, stranger, *workers):
        assert token not in process.said
