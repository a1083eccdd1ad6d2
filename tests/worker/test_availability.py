"""A worker on a shared machine: its hours, its neighbours, its share of the memory."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from desk import Desk, a_config
from processes import Running, wait_for
from serving import serving
from typer.testing import CliRunner

from clr.client import Client
from worker.availability import LOOKS_PER_PROBE, Availability, Patience, Permission, Watch
from worker.hours import Hours

NIGHT, DAY = "2026-07-01T23:00:00", "2026-07-02T09:00:00"
LONG = {
    "task": {"name": "slow", "options": {"pause": 0.004}},
    "arms": ["fixed"],
    "budget": {"iterations": 600},
    "evaluate_every": 10,
    "bounds": {"low": 0.01, "high": 0.3},
    "trials": 1,
    "confirm_seeds": 1,
}


def test_one_busy_look_does_not_stop_and_one_idle_look_does_not_start() -> None:
    patience = Patience(to_stop=2, to_start=3)

    answers = [bool(patience.told("busy" if busy else "")) for busy in map(int, "010110100011000")]

    assert answers == [bool(int(busy)) for busy in "000011111001110"]


def test_the_first_look_decides_at_once() -> None:
    assert Patience().told("busy") == "busy"
    assert Patience().told("") == ""


@dataclass
class Seen:
    """What a probe was asked, and answers."""

    answer: str = ""
    asked: list[bool] = field(default_factory=list)

    def __call__(self, *, at_work: bool) -> str:
        self.asked.append(at_work)
        return self.answer


def test_neighbours_are_looked_for_less_often_than_hours() -> None:
    probe = Seen()
    availability = Availability(None, probe)

    for _ in range(2 * LOOKS_PER_PROBE):
        assert availability.refusal(at_work=False) == ""

    assert len(probe.asked) == 2


def test_a_refusal_says_the_hours_or_what_others_do() -> None:
    noon = Availability(Hours.parse("20-08"), now=lambda: datetime(2026, 7, 1, 12))

    assert noon.refusal(at_work=False) == "outside its hours 20-08"
    assert Availability(None, Seen("blender")).refusal(at_work=False) == "the device is busy: blender"


def test_a_watch_tells_changes_alone() -> None:
    probe, told = Seen("blender"), list[Permission]()
    availability = Availability(None, probe, patience=Patience(to_stop=1, to_start=1), pause=0.01)
    watch = Watch(availability, lambda: False, told.append)

    assert told == [Permission("the device is busy: blender")]
    probe.answer = ""
    watch.start()
    wait_for(lambda: len(told) == 2, "the change is told")
    watch.close()

    assert told[-1] == Permission("")


@dataclass
class Night:
    """A service and a worker for whose clock a file stands."""

    client: Client
    worker: Running
    clock: Path

    def turn_to(self, moment: str) -> None:
        new = self.clock.with_suffix(".new")
        new.write_text(moment)
        new.replace(self.clock)


@pytest.fixture
def night(tmp_path: Path, start: Callable[..., Running]) -> Iterator[Night]:
    clock, script = tmp_path / "clock", Path(__file__).with_name("at_hours.py")
    clock.write_text(DAY)
    (tmp_path / "data").mkdir()
    with serving(tmp_path / "data") as client:
        worker = start(str(script), client.url, str(tmp_path / "checkpoints"), "20-08", str(clock))
        yield Night(client, worker, clock)


def test_at_the_end_of_its_hours_a_trial_is_saved_and_given_back_and_goes_on_the_next_night(night: Night) -> None:
    night.worker.until_said("outside its hours 20-08: no further lease")
    study = night.client.submit(LONG)
    assert [trial.state for trial in study.trials()] == ["waiting"]

    night.turn_to(NIGHT)
    wait_for(lambda: study.trial(1).curve or (), "the night's first evaluation")
    night.turn_to(DAY)

    wait_for(lambda: study.trial(1).state == "waiting", "the trial is given back")
    (given_back,) = study.trial(1).attempts
    assert given_back.how == "released"
    assert given_back.tail == "outside its hours 20-08"
    wait_for(lambda: not night.worker.children(), "the device is let go")
    assert night.worker.process.poll() is None

    night.turn_to(NIGHT)
    wait_for(lambda: study.trial(1).state == "done", "the trial is trained to its end")
    assert [attempt.how for attempt in study.trial(1).attempts] == ["released", "done"]
    assert study.trial(1).provenance["resumed_from"] >= 10
    night.worker.process.send_signal(signal.SIGTERM)
    assert night.worker.ended() == 0


def test_outside_its_hours_a_worker_ends_when_it_is_told_to(desk: Desk, start_worker: Any) -> None:
    hour = datetime.now().hour
    worker = start_worker(desk.url, "--hours", f"{(hour + 3) % 24}-{(hour + 4) % 24}")
    desk.configs = [a_config()]
    worker.until_said("outside its hours")

    worker.process.send_signal(signal.SIGTERM)

    assert worker.ended() == 0
    assert not desk.bodies("/v1/leases")
    assert desk.bodies("/v1/workers")


def test_a_trial_that_uses_more_memory_than_its_worker_allows_fails_once_and_says_so(
    desk: Desk, start_worker: Any
) -> None:
    worker = start_worker(desk.url, "--max-memory", "1G", "--max-slots", "2")
    desk.configs = [a_config(task="hoards"), a_config()]

    assert worker.ended() == 0

    hoards, after = desk.results
    assert hoards["outcome"] == "failed"
    assert hoards["reason"].startswith("used more than --max-memory 1G of the worker on")
    assert hoards["seconds"] > 0
    assert after["outcome"] == "done"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--hours", "8pm-8am"), "hours must be like 20-08"),
        (("--max-memory", "lots"), "memory must be like 8G"),
        (("--max-memory", "1M"), "memory must be at least 512M"),
    ],
)
def test_a_limit_that_is_none_is_a_wrong_usage(arguments: tuple[str, str], said: str) -> None:
    import typer

    from worker.commands import worker

    app = typer.Typer()
    app.command()(worker)
    ended = CliRunner().invoke(app, ["--device", "cpu", *arguments], env={"COLUMNS": "200", "TERM": "dumb"})

    assert ended.exit_code == 2
    assert said in ended.output
