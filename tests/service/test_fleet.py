"""Workers beside the service."""

import os
import signal
import time

import pytest

from service.fleet import Fleet

NOBODY = "http://127.0.0.1:9"


@pytest.fixture
def fleet():
    """A worker that waits for a service that is not there."""
    fleet = Fleet(1, ["--max-offline", "600"])
    fleet.start(NOBODY)
    yield fleet
    fleet.kill()


def process_of(fleet):
    return fleet._places[0].process


def wait_for(fact, seconds=60.0):
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)


def test_a_killed_worker_s_place_is_filled(fleet):
    first = process_of(fleet)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()

    fleet.tend()

    assert process_of(fleet).pid != first.pid and process_of(fleet).poll() is None


def test_a_worker_that_can_t_start_is_given_up(caplog):
    fleet = Fleet(1, ["--no-such-flag"])
    fleet.start(NOBODY)

    wait_for(lambda: fleet.tend() or fleet.alive == 0)

    assert "ended 3 times at once (exit code 2)" in caplog.text


def test_stopping_leaves_no_process(fleet):
    worker = process_of(fleet)

    fleet.stop()

    assert worker.poll() is not None
    with pytest.raises(ProcessLookupError):
        os.killpg(worker.pid, 0)
