"""Worker processes at a desk that hands out slots and writes down what it hears."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from desk import a_config
from processes import wait_for

SLOW = {"task": "slow", "iterations": 400, "evaluate_every": 10}


def alive(pid: int) -> bool:
    """Whether the process runs, a zombie not counted."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_slots_are_worked_off_in_one_kept_child(desk, start_worker) -> None:
    desk.configs = [a_config(seed=seed) for seed in range(3)]

    worker = start_worker(desk.url, "--max-slots", "3")

    assert worker.ended() == 0
    assert [result["outcome"] for result in desk.results] == ["done"] * 3
    assert desk.reported == [10, 20, 30, 40, 50, 60] * 3
    assert all(result["provenance"]["host"] for result in desk.results)
    assert len({body["worker"] for _, body in desk.heard}) == 1


def test_a_worker_announces_itself_before_it_leases(desk, start_worker) -> None:
    worker = start_worker(desk.url, "--exit-when-idle", "0")

    assert worker.ended() == 0
    assert next(path for path, _ in desk.heard) == "/v1/workers"
    registration = desk.bodies("/v1/workers")[0]
    assert registration["protocol"] == 1
    assert {"digits", "finds"} <= {task["name"] for task in registration["tasks"]}
    assert registration["device"]["memory"] > 0


def test_a_crash_costs_its_own_trial_only(desk, start_worker) -> None:
    desk.configs = [a_config(task=task) for task in ("dies", "exits", "raises", "digits")]

    worker = start_worker(desk.url, "--max-slots", "4")

    assert worker.ended() == 0
    dies, exits, raises, digits = desk.results
    assert [result["outcome"] for result in desk.results] == ["crashed", "crashed", "crashed", "done"]
    assert "SIGKILL" in dies["reason"] and "about to die" in dies["tail"]
    assert exits["reason"] == "exited with code 7" and "about to leave" in exits["tail"]
    assert "wrong phase" in raises["reason"] and "Traceback" in raises["tail"]
    assert dies["iteration"] == 10
    assert digits["value"] > 0.5


def test_a_hung_trial_is_killed_and_the_next_one_runs(desk, start_worker) -> None:
    desk.configs = [a_config(task="hangs"), a_config()]

    worker = start_worker(desk.url, "--max-slots", "2", "--hang-seconds", "1.5")

    assert worker.ended() == 0
    assert desk.results[0]["outcome"] == "crashed"
    assert desk.results[0]["reason"].startswith("hung")
    assert desk.results[1]["outcome"] == "done"


def test_a_task_that_cannot_do_it_fails_with_its_reason(desk, start_worker) -> None:
    desk.configs = [a_config(task="refuses")]

    assert start_worker(desk.url, "--max-slots", "1").ended() == 0

    assert desk.results[0]["outcome"] == "failed"
    assert desk.results[0]["reason"] == "there is no such thing"


def test_a_describe_slot_is_answered_with_facts(desk, start_worker) -> None:
    desk.configs = [a_config(task="finds", phase="describe")]

    assert start_worker(desk.url, "--max-slots", "1").ended() == 0

    assert desk.results[0]["facts"]["train_size"] == 1097


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_checkpoints_and_gives_the_slot_back(
    desk, start_worker, tmp_path: Path, number: signal.Signals
) -> None:
    desk.configs = [a_config(**SLOW)]
    worker = start_worker(desk.url)
    wait_for(lambda: desk.reported, "a report")

    worker.process.send_signal(number)

    assert worker.ended(10) == 0
    (release,) = desk.bodies("/v1/leases/release")
    assert release["leases"] == [{"slot": 1, "fence": 5}]
    saved = [report["checkpoint"] for body in desk.bodies("/v1/reports") for report in body["reports"]][-1]
    assert (tmp_path / "checkpoints" / saved["path"]).exists()
    assert desk.results == []


def test_a_signal_to_an_idle_worker_ends_it(desk, start_worker) -> None:
    worker = start_worker(desk.url)
    wait_for(lambda: desk.bodies("/v1/leases"), "a call for a lease")

    worker.process.send_signal(signal.SIGTERM)

    assert worker.ended(5) == 0


def test_a_second_signal_ends_at_once(desk, start_worker) -> None:
    desk.configs = [a_config(task="deaf")]
    worker = start_worker(desk.url)
    wait_for(lambda: desk.reported, "a report")
    worker.process.send_signal(signal.SIGTERM)
    worker.until_said("SIGTERM received")

    worker.process.send_signal(signal.SIGTERM)

    assert worker.ended(2) == 128 + signal.SIGTERM


def test_a_deaf_child_is_killed_and_the_slot_given_back_within_the_grace(desk, start_worker) -> None:
    desk.configs = [a_config(task="deaf")]
    worker = start_worker(desk.url, "--grace", "2")
    wait_for(lambda: desk.reported, "a report")

    worker.process.send_signal(signal.SIGTERM)

    assert worker.ended(6) == 0
    assert len(desk.bodies("/v1/leases/release")) == 1


@pytest.mark.parametrize("reply", ["lease-lost", "cancelled"])
def test_a_slot_that_is_no_longer_ours_is_stopped_and_the_next_one_runs(desk, start_worker, reply: str) -> None:
    desk.configs = [a_config(**SLOW | {"iterations": 4000}), a_config()]
    worker = start_worker(desk.url, "--max-slots", "2")
    wait_for(lambda: desk.reported, "a report")

    desk.replies = {"/v1/reports": reply, "/v1/leases/renew": reply}

    wait_for(lambda: desk.granted == 2, "the next lease", 5)
    assert worker.ended() == 0
    assert [result["slot"] for result in desk.results] == [2]
    assert f"refused: report of slot 1, fence 5: {reply}" in worker.said


def test_the_lease_is_renewed_while_nothing_is_to_be_told(desk, start_worker) -> None:
    desk.configs = [a_config(**SLOW | {"evaluate_every": 400})]

    assert start_worker(desk.url, "--max-slots", "1").ended() == 0

    assert len(desk.bodies("/v1/leases/renew")) >= 4
    assert desk.bodies("/v1/leases/renew")[0]["leases"] == [{"slot": 1, "fence": 5}]


def test_an_outage_loses_no_evaluation(desk, start_worker) -> None:
    desk.configs = [a_config(**SLOW)]
    worker = start_worker(desk.url, "--max-slots", "1")
    wait_for(lambda: desk.reported, "a report")

    desk.refuse = {path: 503 for path in ("/v1/reports", "/v1/results", "/v1/leases", "/v1/leases/renew")}
    worker.until_said("training goes on")
    time.sleep(1.0)  # the length of the outage
    desk.refuse = {}

    assert worker.ended() == 0
    assert desk.reported == list(range(10, 401, 10))
    assert desk.results[0]["outcome"] == "done"
    assert "answers again" in worker.said


def test_a_worker_that_is_cut_off_for_too_long_checkpoints_and_ends(desk, start_worker, tmp_path: Path) -> None:
    desk.configs = [a_config(**SLOW | {"iterations": 4000})]
    worker = start_worker(desk.url, "--max-offline", "0.5")
    wait_for(lambda: desk.reported, "a report")

    desk.refuse = {path: 503 for path in ("/v1/reports", "/v1/leases/renew")}

    assert worker.ended(10) == 6
    assert list((tmp_path / "checkpoints" / "slot-1" / "f000005").glob("*.safetensors"))


def test_a_worker_waits_for_a_service_that_is_not_there_yet(desk, start_worker) -> None:
    desk.refuse = {"/v1/workers": 503}
    worker = start_worker(desk.url, "--exit-when-idle", "0")
    worker.until_said("waiting for the service")

    desk.refuse = {}

    assert worker.ended() == 0


def test_a_worker_stops_waiting_in_the_end(start_worker) -> None:
    worker = start_worker("http://127.0.0.1:9", "--max-offline", "0.2")

    assert worker.ended() == 6
    assert "http://127.0.0.1:9" in worker.said


@pytest.mark.parametrize(("status", "code"), [(401, 4), (426, 5), (422, 1)])
def test_a_refusal_for_good_is_said_and_ends_the_worker(desk, start_worker, status: int, code: int) -> None:
    desk.refuse = {"/v1/workers": status}

    worker = start_worker(desk.url)

    assert worker.ended() == code
    assert "as asked" in worker.said


def test_a_token_that_is_changed_under_way_ends_the_worker(desk, start_worker) -> None:
    desk.configs = [a_config(**SLOW)]
    worker = start_worker(desk.url)
    wait_for(lambda: desk.reported, "a report")

    desk.refuse = {path: 401 for path in ("/v1/reports", "/v1/leases/renew", "/v1/results")}

    assert worker.ended(10) == 4


def test_a_service_that_forgot_the_worker_is_told_again(desk, start_worker) -> None:
    desk.refuse = {"/v1/leases": 404}
    worker = start_worker(desk.url, "--exit-when-idle", "0.5")
    wait_for(lambda: len(desk.bodies("/v1/workers")) >= 2, "a second registration")

    desk.refuse = {}

    assert worker.ended() == 0


def test_a_task_module_that_cannot_be_imported_is_said(desk, start_worker) -> None:
    worker = start_worker(desk.url, "--tasks", "no_such_module")

    assert worker.ended() == 3
    assert "No module named 'no_such_module'" in worker.said


def test_the_child_ends_with_its_killed_supervisor(desk, start_worker) -> None:
    desk.configs = [a_config(task="deaf")]
    worker = start_worker(desk.url)
    wait_for(lambda: desk.reported, "a report")
    (child,) = worker.children()

    os.kill(worker.pid, signal.SIGKILL)

    wait_for(lambda: not alive(child), "the child is gone", 2)


def test_the_supervisor_loads_no_torch() -> None:
    code = "import sys, worker.commands; print(*sorted({'torch', 'sklearn', 'fsspec', 'numpy'} & set(sys.modules)))"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert loaded.strip() == ""
