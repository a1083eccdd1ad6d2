"""Worker processes at a desk that hands out slots and writes down what it hears."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from desk import a_config
from processes import wait_for

SLOW = {"task": "slow", "iterations": 400, "evaluate_every": 10}


def alive(pid: int) -> bool:
    """Whether the process runs, a zombie not counted."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_a_signal_checkpoints_and_gives_the_slot_back(desk, start_worker, tmp_path: Path) -> None:
    desk.configs = [a_config(**SLOW)]
    worker = start_worker(desk.url)
    wait_for(lambda: desk.reported, "a report")

    worker.process.send_signal(signal.SIGTERM)

    assert worker.ended() == 0
    (release,) = desk.bodies("/v1/leases/release")
    assert release["leases"] == [{"slot": 1, "fence": 5}]
    saved = [report["checkpoint"] for body in desk.bodies("/v1/reports") for report in body["reports"]][-1]
    assert (tmp_path / "checkpoints" / saved["path"]).exists()
    assert desk.results == []


def test_a_pruned_trial_is_told_with_its_reason_and_keeps_no_checkpoint(desk, start_worker, tmp_path: Path) -> None:
    rungs = [{"iteration": 25, "threshold": 0.0}, {"iteration": 45, "threshold": 1.0}]
    desk.configs = [a_config(**SLOW, rungs=rungs), a_config()]
    worker = start_worker(desk.url, "--checkpoint-seconds", "0")

    wait_for(lambda: len(desk.results) == 2, "both trials are over")

    pruned = desk.results[0]
    assert (pruned["outcome"], pruned["iteration"]) == ("pruned", 45)
    assert pruned["reason"] == f"at iteration 45 its validation metric was {pruned['value']:.4g}, worse than 1"
    assert desk.reported[:6] == [10, 20, 25, 30, 40, 45]
    assert not list((tmp_path / "checkpoints").rglob("s1-slot-1/**/*.safetensors"))
    worker.process.send_signal(signal.SIGTERM)
    worker.ended()


def test_a_second_signal_ends_at_once(desk, start_worker) -> None:
    desk.configs = [a_config(task="deaf")]
    worker = start_worker(desk.url)
    wait_for(lambda: desk.reported, "a report")
    worker.process.send_signal(signal.SIGTERM)
    worker.until_said("SIGTERM received")

    worker.process.send_signal(signal.SIGTERM)

    assert worker.ended() == 128 + signal.SIGTERM


def test_a_deaf_child_is_killed_and_the_slot_given_back_within_the_grace(desk, start_worker) -> None:
    desk.configs = [a_config(task="deaf")]
    worker = start_worker(desk.url, "--grace", "2")
    wait_for(lambda: desk.reported, "a report")

    worker.process.send_signal(signal.SIGTERM)

    assert worker.ended() == 0
    assert len(desk.bodies("/v1/leases/release")) == 1


def test_a_worker_that_is_cut_off_for_too_long_checkpoints_and_ends(desk, start_worker, tmp_path: Path) -> None:
    desk.configs = [a_config(**SLOW | {"iterations": 4000})]
    worker = start_worker(desk.url, "--max-offline", "0.5")
    wait_for(lambda: desk.reported, "a report")

    desk.refuse = {path: 503 for path in ("/v1/reports", "/v1/leases/renew")}

    assert worker.ended() == 6
    assert list((tmp_path / "checkpoints" / "s1-slot-1" / "f000005").glob("*.safetensors"))


def test_a_worker_stops_waiting_in_the_end(start_worker) -> None:
    worker = start_worker("http://127.0.0.1:9", "--max-offline", "0.2")

    assert worker.ended() == 6
    assert "http://127.0.0.1:9" in worker.said


def test_a_token_that_is_changed_under_way_ends_the_worker(desk, start_worker) -> None:
    desk.configs = [a_config(**SLOW)]
    worker = start_worker(desk.url)
    wait_for(lambda: desk.reported, "a report")

    desk.refuse = {path: 401 for path in ("/v1/reports", "/v1/leases/renew", "/v1/results")}

    assert worker.ended() == 4


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

    wait_for(lambda: not alive(child), "the child is gone")


def test_the_supervisor_loads_no_torch() -> None:
    code = "import sys, worker.commands; print(*sorted({'torch', 'sklearn', 'fsspec', 'numpy'} & set(sys.modules)))"

    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout

    assert loaded.strip() == ""


def test_a_worker_waits_for_the_service_and_ends_idle_at_an_interrupt(desk, start_worker) -> None:
    desk.refuse = {"/v1/workers": 503}
    worker = start_worker(desk.url)
    worker.until_said("waiting for the service")

    desk.refuse = {}
    wait_for(lambda: desk.bodies("/v1/leases"), "a call for a lease")
    worker.process.send_signal(signal.SIGINT)

    assert worker.ended() == 0


def test_a_wrong_token_is_said_before_anything_is_loaded(desk, start_worker) -> None:
    desk.refuse = {"/readyz": 401}

    worker = start_worker(desk.url, CLR_TOKEN="canary-0123456789-0123456789-0123456789")

    assert worker.ended() == 4
    assert "token" in worker.said
    assert "canary" not in worker.said
    assert desk.heard == []


def test_a_service_of_another_version_is_said(desk, start_worker) -> None:
    desk.refuse = {"/v1/workers": 426}

    worker = start_worker(desk.url)

    assert worker.ended() == 5
    assert "as asked" in worker.said


def test_a_fleet_ends_with_its_signal(desk, start, tmp_path: Path) -> None:
    arguments = ["--service", desk.url, "--checkpoints", str(tmp_path)]
    fleet = start("-c", f"import sys; from worker import fleet; sys.exit(fleet.run(['cpu', 'cpu'], {arguments!r}))")
    wait_for(lambda: len({body["worker"] for body in desk.bodies("/v1/leases")}) == 2, "two workers")

    fleet.process.send_signal(signal.SIGTERM)

    assert fleet.ended() == 0
    assert fleet.said.count("SIGTERM received") == 2


def test_an_unknown_device_is_wrong_usage(start) -> None:
    worker = start("-m", "worker", "--device", "tpu")

    assert worker.ended() == 2
    assert "cuda:N" in worker.said
