"""`clr run`: from spec to answer with nothing left."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def processes_in(folder):
    """Processes whose command line names the folder."""
    found = []
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and str(folder).encode() in (entry / "cmdline").read_bytes():
                found.append(int(entry.name))
        except OSError:
            continue
    return [process for process in found if process != os.getpid()]


def environment():
    return {name: value for name, value in os.environ.items() if not name.startswith("CLR_")} | {"OMP_NUM_THREADS": "1"}


def test_a_spec_becomes_an_answer_and_nothing_is_left_running(tiny, tmp_path):
    data = tmp_path / "kept"
    (tmp_path / "clr.toml").write_text(f'token = "{"x" * 40}"\nport = 1\n')  # another service's, none of its business
    command = [sys.executable, "-m", "clr.cli", "run", tiny(), "--workers", "1", "--data", str(data), "--json"]
    done = subprocess.run(
        command, env=environment(), cwd=tmp_path, capture_output=True, text=True, timeout=100, check=False
    )

    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["status"] == "confirmed" and len(answer["arms"]) == 2
    assert "6 of 6 trials over" in done.stderr
    log = (data / "service.log").read_text()
    assert "SIGTERM received" in log and "Traceback" not in log and "Fatal" not in log
    assert processes_in(data) == []


def test_a_study_that_takes_more_than_it_may_is_no_endless_wait(tiny, tmp_path):
    """peers.md 30: agents wait for ever."""
    spec, data = tiny(max_device_hours=1e-6), tmp_path / "kept"
    command = [sys.executable, "-m", "clr.cli", "run", spec, "--workers", "1", "--data", str(data)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=100, check=False)

    assert done.returncode == 1
    assert "is paused: It has taken" in done.stderr and "--max-device-hours" in done.stderr
    assert f"clr serve --workers 1 --data {data}" in done.stderr
    assert processes_in(data) == []


def test_an_invalid_spec_is_refused_with_every_error_before_anything_starts(clr, tiny, tmp_path):
    data = tmp_path / "kept"

    refused = clr("run", tiny(trials=0, arms=["fixed", "circular"], model="no-such"), "--data", str(data))

    assert refused.returncode == 2 and refused.stdout == ""
    assert all(pointer in refused.stderr for pointer in ("/trials", "/arms/1/family", "/model"))
    assert not data.exists()


def test_an_unknown_task_is_refused_before_anything_starts(clr, tiny, tmp_path):
    data = tmp_path / "kept"

    refused = clr("run", tiny(task="no-such-task"), "--data", str(data))

    assert refused.returncode == 2 and refused.stdout == ""
    assert "/task" in refused.stderr and "'no-such-task'" in refused.stderr and "digits" in refused.stderr
    assert not data.exists()


def test_ctrl_c_leaves_nothing_running(tiny, tmp_path):
    data = tmp_path / "kept"
    spec = tiny(budget={"iterations": 1_000_000})
    command = [sys.executable, "-m", "clr.cli", "run", spec, "--workers", "1", "--data", str(data)]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.PIPE, text=True)
    for line in process.stderr:
        if "running" in line:
            break
    assert processes_in(data)
    process.send_signal(signal.SIGINT)

    assert process.wait(60) == 130
    assert processes_in(data) == []


def test_a_killed_run_takes_everything_along(tiny, tmp_path):
    data = tmp_path / "kept"
    command = [sys.executable, "-m", "clr.cli", "run", tiny(), "--workers", "1", "--data", str(data)]
    process = subprocess.Popen(command, env=environment(), stderr=subprocess.DEVNULL)
    wait_for(lambda: len(processes_in(data)) == 3)  # itself, its service, a worker
    process.kill()
    process.wait()

    wait_for(lambda: not processes_in(data))


def wait_for(fact, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)
