from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest
from processes import wait_for

from clr import processes

HOLDS = "import sys; held = bytearray(b'x') * (200 * 2**20); print('held', flush=True); sys.stdin.read()"
STARTS = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {HOLDS!r}])"


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[str]]:
    """A process whose child holds 200 MiB."""
    with subprocess.Popen(
        [sys.executable, "-c", STARTS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as it:
        assert it.stdout is not None
        assert it.stdout.readline() == "held\n"
        yield it


def test_what_a_child_of_a_process_holds_counts(parent: subprocess.Popen[str]) -> None:
    assert len(processes.tree(parent.pid)) == 2
    assert 200 * 2**20 <= processes.own_memory(parent.pid) <= processes.memory(parent.pid) < 400 * 2**20


def test_a_process_that_is_gone_holds_nothing(parent: subprocess.Popen[str]) -> None:
    parent.communicate()

    assert processes.tree(parent.pid) == ()
    assert processes.own_memory(parent.pid) == 0


def test_cpu_time_that_we_use_is_found_with_us() -> None:
    me = psutil.Process()
    before = processes.cpu_seconds(os.getpid())[me], processes.busy_seconds()

    wait_for(lambda: processes.cpu_seconds(os.getpid())[me] >= before[0] + 0.1, "a tenth of a second of work")

    assert processes.busy_seconds() >= before[1] + 0.05
