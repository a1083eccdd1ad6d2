from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from processes import wait_for

from worker.neighbours import CpuProbe, CpuTimes, GpuProbe, others_cpus


def test_only_cpu_time_that_is_not_ours_is_others() -> None:
    before = CpuTimes(at=100.0, everyone=1000.0, ours={(7, 1): 50.0})
    now = CpuTimes(at=110.0, everyone=1025.0, ours={(7, 1): 58.0, (8, 2): 2.0})

    assert others_cpus(before, now) == pytest.approx(1.5)


def test_a_process_that_took_over_the_id_of_ours_does_not_count_against_us() -> None:
    before = CpuTimes(at=0.0, everyone=0.0, ours={(7, 1): 500.0})
    now = CpuTimes(at=10.0, everyone=20.0, ours={(7, 99): 3.0})

    assert others_cpus(before, now) == pytest.approx(1.7)


def test_work_of_a_stranger_makes_the_cpu_busy() -> None:
    probe = CpuProbe(threads=1, cpus=1)
    spin = f"{sys.executable} -c 'while True: pass' >/dev/null 2>&1 & echo $!"
    started = subprocess.run(["sh", "-c", spin], capture_output=True, text=True, check=True)  # its shell ends
    try:
        said = wait_for(lambda: probe(at_work=False), "others are seen")
    finally:
        os.kill(int(started.stdout), 9)

    assert "of 1 CPUs, 0.5 are left to them" in said


def test_room_for_others_is_what_our_threads_leave() -> None:
    assert CpuProbe(threads=1, cpus=10_000)(at_work=False) == ""


@pytest.fixture
def smi(tmp_path: Path) -> Path:
    """A program in nvidia-smi's place that answers what the files beside it hold."""
    program = tmp_path / "nvidia-smi"
    program.write_text(f'#!/bin/sh\ncase "$2" in *compute*) cat {tmp_path}/apps;; *) cat {tmp_path}/use;; esac\n')
    program.chmod(0o755)
    (tmp_path / "apps").write_text("")
    (tmp_path / "use").write_text("0\n")
    return program


def test_a_gpu_that_nobody_uses_is_ours(smi: Path) -> None:
    assert GpuProbe("GPU-1", str(smi))(at_work=False) == ""


def test_another_process_on_the_gpu_makes_it_busy(smi: Path) -> None:
    (smi.parent / "apps").write_text(f"{os.getpid()}, python\n1, blender\n")

    assert GpuProbe("GPU-1", str(smi))(at_work=True) == "process 1 (blender) computes on GPU GPU-1"


def test_our_own_processes_on_the_gpu_do_not(smi: Path) -> None:
    (smi.parent / "apps").write_text(f"{os.getpid()}, python\n")

    assert GpuProbe("GPU-1", str(smi))(at_work=True) == ""


def test_use_of_the_gpu_counts_while_no_trial_of_ours_runs(smi: Path) -> None:
    (smi.parent / "use").write_text("55\n")
    probe = GpuProbe("GPU-1", str(smi))

    assert probe(at_work=False) == "GPU GPU-1 is 55 % in use"
    assert probe(at_work=True) == ""


def test_a_gpu_that_nothing_is_said_of_is_left_alone(tmp_path: Path) -> None:
    assert "says nothing" in GpuProbe("GPU-1", str(tmp_path / "absent"))(at_work=False)
