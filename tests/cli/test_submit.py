"""clr submit shows the plan and asks about long studies; clr queue, pause, resume, priority say what they did."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
import uuid
from collections.abc import Iterator

import pytest
from serving import CLEAN, serving

from clr.cli import exits, turns
from clr.client import Client
from clr.protocol import Device, LeaseRequest, Pace, Registration, Report, Reports, TaskFacts
from clr.scripts.definition import MODEL
from clr.turns import PlanResource

FACTS = TaskFacts(
    name="toy", metric="accuracy", direction="maximize", train_size=1000, validation_size=200, test_size=200,
    input_shape=(8,), classes=10, models=("mlp",), default_model="mlp",
)  # fmt: skip
SPEC = {
    "name": "mine", "task": "toy", "arms": ["fixed", "cosine"], "bounds": {"low": 0.01, "high": 1.0}, "trials": 2,
    "confirm_seeds": 2, "budget": {"iterations": 100}, "evaluate_every": 100,
}  # fmt: skip


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A service whose only worker has said that an update of the toy task takes two seconds."""
    with serving(tmp_path_factory.mktemp("data")) as client:
        worker = str(uuid.uuid4())
        device = Device(name="cpu", kind="cpu")
        client.register(Registration(worker=worker, host="here", device=device, tasks=(FACTS,)))
        study = client.submit(SPEC)
        (lease,) = client.lease(LeaseRequest(worker=worker)).leases
        pace = Pace(iteration_seconds=2.0, evaluation_seconds=0.0)
        client.report(Reports(worker=worker, reports=(Report(slot=lease.slot, fence=lease.fence, pace=pace),)))
        study.cancel()
        yield client.url


@pytest.fixture
def spec(tmp_path):
    def write(**changes: object) -> str:
        (tmp_path / "spec.json").write_text(json.dumps({**SPEC, **changes}))
        return str(tmp_path / "spec.json")

    return write


def stored(url: str) -> list[str]:
    with Client(url) as client:
        return [study.id for study in client.studies()]


def test_the_plan_is_shown_before_a_study_is_submitted(clr, spec):
    done = clr("submit", spec())

    assert done.returncode == 0 and len(done.stdout.split()) == 1
    lines = [" ".join(line.split()) for line in done.stderr.splitlines()]
    assert "phase arm trials iterations device time" in lines and "search cosine 2 200 7 min" in lines
    assert "Plan: 8 trials, 800 iterations of mlp on toy; about 27 min of device time, measured on cpu." in " ".join(
        lines
    )


def test_what_was_never_measured_is_unknown_and_asks_nobody(clr, spec):
    done = clr("submit", spec(batch_size=17, budget={"iterations": 1_000_000}, max_device_hours=200))

    assert done.returncode == 0
    assert "unknown until measured: 50 iterations and one evaluation first" in " ".join(done.stderr.split())


def test_above_one_device_hour_nobody_there_to_ask_wants_yes_and_exits_with_3(clr, spec, url):
    before = stored(url)

    refused = clr("submit", spec(budget={"iterations": 1000}))

    assert refused.returncode == exits.WANTS_YES == 3 and refused.stdout == ""
    assert "clr: It takes about 4.4 device hours, and nobody can be asked here: give --yes." in refused.stderr
    assert stored(url) == before
    assert clr("submit", spec(budget={"iterations": 1000}), "--yes").returncode == 0
    assert len(stored(url)) == len(before) + 1


def test_json_is_one_document_on_stdout(clr, spec):
    done = clr("submit", spec(budget={"iterations": 1000}), "--yes", "--json")

    assert json.loads(done.stdout)["estimated_seconds"] == pytest.approx(16_000)


def test_above_the_study_s_own_limit_the_service_refuses_without_a_question(clr, spec):
    refused = clr("submit", spec(budget={"iterations": 10_000}))

    assert refused.returncode == exits.USAGE
    assert "/max_device_hours: the study takes about 44.4 device hours (160,000 s)" in refused.stderr


@pytest.mark.parametrize(("typed", "code", "words"), [("n", 1, "Nothing was submitted"), ("y", 0, "Watch it with")])
def test_on_a_terminal_it_asks(spec, url, typed, code, words):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "clr.cli", "submit", spec(budget={"iterations": 1000})],
        stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, env={**CLEAN, "CLR_SERVICE": url}, text=True,
    )  # fmt: skip
    os.close(theirs)
    said = ""
    while "Submit it?" not in said:
        said += os.read(ours, 4096).decode()
    os.write(ours, f"{typed}\n".encode())
    while words not in said:
        said += os.read(ours, 4096).decode()

    assert process.wait(30) == code and bool(process.stdout.read()) == (code == 0)
    os.close(ours)


def test_a_study_is_paused_resumed_and_given_a_priority(clr, spec):
    study = clr("submit", spec(name="paused-one")).stdout.strip()

    assert "paused-one: paused: the disk is full" in clr("pause", study, "--reason", "the disk is full").stdout
    assert "paused-one: paused: the disk is full, 0 of 8 trials over" in clr("status", study).stdout
    assert "It is paused: the disk is full" in clr("queue", study).stdout
    assert "paused-one: queued" in clr("resume", study).stdout
    assert json.loads(clr("priority", study, "9", "--json").stdout)["priority"] == 9
    assert clr("priority", study, "1001").returncode == exits.USAGE
    clr("cancel", study)
    assert clr("pause", study).returncode == exits.FAILED and clr("pause", "s-nobody").returncode == exits.NOT_FOUND


def test_the_queue_is_listed_in_order_and_says_when_mine_starts(clr, spec, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    first, mine = (clr("submit", spec(name=name, owner=name)).stdout.strip() for name in ("first-one", "mine-too"))
    clr("priority", first, "5")
    clr("priority", mine, "4")

    listed = clr("queue").stdout

    assert listed.index(first) < listed.index(mine) and all(
        word in listed for word in ("next", "queued", "first", "mine")
    )
    assert "Place 2. Before it stands 1 study, which needs about 0.444 device hours more" in clr("queue", mine).stdout
    turns = json.loads(clr("queue", "--json").stdout)["turns"]
    assert [turn["study"] for turn in turns[:2]] == [first, mine]


def test_the_plan_of_a_task_that_trains_itself_speaks_of_its_script():
    found = PlanResource(
        task="mine", model=MODEL, trials=8, iterations=800, evaluations=160, work=(), estimated_seconds=None,
        device_kind=None, max_device_hours=8,
    )  # fmt: skip

    assert turns.total(found).startswith("Plan: 8 trials, 800 iterations of the script of mine; ")
