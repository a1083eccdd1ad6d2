"""`clr serve` as a process: it says where it is, and stops without leaving anything."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
from network import outside_address

from clr.client import Client
from service.server import listen

TOKEN = "serve-test-" + "k" * 32


@contextlib.contextmanager
def serve(*flags, **variables):
    """`clr serve` on a free port, its address already read."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLR_")} | variables
    command = [sys.executable, "-m", "clr.cli", "serve", "--port", "0", "--json", *flags]
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        process.url = json.loads(process.stdout.readline())["url"]
        yield process
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


def refused(*flags, **variables):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CLR_")} | variables
    command = [sys.executable, "-m", "clr.cli", "serve", "--port", "0", *flags]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_a_signal_stops_it_even_while_a_worker_waits_for_a_lease(tmp_path, announce_at):
    with serve("--data", str(tmp_path)) as process:
        trainer = announce_at(process.url)
        waiting = subprocess.Popen(
            [sys.executable, "-c", WAIT, process.url, trainer.worker], stdout=subprocess.PIPE, text=True
        )
        assert waiting.stdout.readline() == "asking\n"
        process.send_signal(signal.SIGINT)

        assert process.wait(10) == 0
        waiting.communicate(timeout=10)


WAIT = """
import sys, httpx
print("asking", flush=True)
try: httpx.post(sys.argv[1] + "/v1/leases", json={"worker": sys.argv[2], "wait": 30}, timeout=60, trust_env=False)
except httpx.HTTPError: pass
"""


def test_it_stops_when_the_process_that_holds_its_input_is_gone(tmp_path):
    with serve("--data", str(tmp_path), "--workers", "1", "--embedded") as process:
        process.stdin.close()

        assert process.wait(10) == 0


def test_beyond_loopback_it_starts_only_with_a_token(tmp_path):
    answer = refused("--data", str(tmp_path), "--host", "0.0.0.0")

    assert answer.returncode == 2 and answer.stdout == ""
    assert "secrets.token_urlsafe(32)" in answer.stderr and "CLR_TOKEN" in answer.stderr


def test_a_taken_port_is_one_line_and_exit_code_1(tmp_path):
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        answer = refused("--data", str(tmp_path), "--port", str(port))

    assert answer.returncode == 1 and f"Can't listen on 127.0.0.1:{port}" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_a_study_survives_a_killed_service(tmp_path, announce_at):
    with serve("--data", str(tmp_path)) as process:
        announce_at(process.url)
        study = httpx.post(process.url + "/v1/studies", json={"task": "toy", "arms": ["fixed"]}, trust_env=False)
        process.kill()
    with serve("--data", str(tmp_path)) as process:
        again = httpx.get(f"{process.url}/v1/studies/{study.json()['id']}", trust_env=False)

    assert again.json()["spec"] == study.json()["spec"]


def test_two_workers_train_beyond_loopback_with_the_token_and_end_with_the_service(tmp_path):
    own_address = outside_address()
    spec = {
        "task": "digits", "arms": ["fixed"], "bounds": {"low": 0.05, "high": 0.5}, "trials": 2, "confirm_seeds": 2,
        "budget": {"iterations": 20},
    }  # fmt: skip
    flags = ["--data", str(tmp_path), "--host", own_address, "--workers", "2"]
    with serve(*flags, CLR_TOKEN=TOKEN, CLR_MIN_FREE="0") as process, Client(process.url, TOKEN) as client:
        assert own_address in process.url
        assert httpx.get(process.url + "/v1/studies", trust_env=False).status_code == 401
        wait_for(lambda: sum(worker.live for worker in client.workers()) == 2)
        study = client.submit(spec)
        assert study.wait(poll=0.1, timeout=60).state == "done"

        stranger = subprocess.run(
            [sys.executable, "-m", "worker", "--service", process.url], capture_output=True, text=True, timeout=60,
            env={**os.environ, "CLR_TOKEN": "w" * 40}, check=False,
        )  # fmt: skip
        assert stranger.returncode == 4 and "refuses the token" in stranger.stderr
        children = children_of(process.pid)
        assert len(children) == 2
        process.terminate()
        assert process.wait(45) == 0
        assert not any(alive(child) for child in children)
        assert TOKEN not in process.stderr.read() and "w" * 40 not in stranger.stderr


def children_of(parent):
    return [int(child) for child in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]


def alive(process):
    return Path(f"/proc/{process}").exists()


def wait_for(fact, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)
