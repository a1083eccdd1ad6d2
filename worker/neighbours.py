"""Who else uses a worker's device. Each probe is asked now and then, and says what it saw.

On the CPU others may use what the worker's own threads leave: CPU time that is not our processes' is counted, since a
load average would go on showing our own trial for minutes after its end. On a GPU another process that computes there
is one too many; while no trial of ours runs, so is any use above `GPU_PERCENT` (in a container the processes of others
can't be seen, their work can).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from clr import processes

GPU_PERCENT = 10
SLACK = 0.5
"""CPUs that the system's own work may take where the worker uses all of them."""
_ASK_SECONDS, _FIRST_SECONDS = 10.0, 1.0


class Probe(Protocol):
    """Says what others do on the device, "" where that leaves it to us. `at_work`: whether a trial of ours runs."""

    def __call__(self, *, at_work: bool) -> str: ...


@dataclass
class CpuProbe:
    """CPU time of others between two questions.

    Args:
        threads: that this worker trains with.
        cpus: of this machine.
    """

    threads: int
    cpus: int = field(default_factory=lambda: os.cpu_count() or 1)
    _last: CpuTimes | None = None

    def __call__(self, *, at_work: bool) -> str:
        if self._last is None:  # there is nothing to compare with yet
            self._last = self._look()
            time.sleep(_FIRST_SECONDS)
        before, now = self._last, self._look()
        self._last = now
        used = others_cpus(before, now)
        room = max(SLACK, self.cpus - self.threads)
        return f"others use {used:.1f} of {self.cpus} CPUs, {room:g} are left to them" if used > room else ""

    def _look(self) -> CpuTimes:
        return CpuTimes(time.monotonic(), processes.busy_seconds(), processes.cpu_seconds(os.getpid()))


@dataclass(frozen=True)
class CpuTimes:
    """CPU time used until `at`: by everyone, and by each process of ours [seconds]."""

    at: float
    everyone: float
    ours: Mapping[Hashable, float]


def others_cpus(before: CpuTimes, now: CpuTimes) -> float:
    """How many CPUs others kept busy between two looks, on average."""
    ours = sum(max(0.0, used - before.ours.get(process, 0.0)) for process, used in now.ours.items())
    return max(0.0, now.everyone - before.everyone - ours) / max(1e-3, now.at - before.at)


@dataclass
class GpuProbe:
    """What nvidia-smi says of one GPU.

    Args:
        gpu: its UUID ("GPU-..."), or its number in the order of the PCI bus.
        command: nvidia-smi.
    """

    gpu: str
    command: str = "nvidia-smi"

    def __call__(self, *, at_work: bool) -> str:
        ours = {str(process.pid) for process in processes.tree(os.getpid())}
        running = self._ask("--query-compute-apps=pid,process_name")
        if running is None:
            return f"{self.command} says nothing of GPU {self.gpu}"
        others = [line for line in running if line.partition(",")[0] not in ours]
        if others:
            return f"process {others[0].replace(', ', ' (')}) computes on GPU {self.gpu}"
        return "" if at_work else self._use()

    def _use(self) -> str:
        use = self._ask("--query-gpu=utilization.gpu") or ["0"]
        percent = int(use[0]) if use[0].isdigit() else 0  # "[N/A]" on some devices
        return f"GPU {self.gpu} is {percent} % in use" if percent > GPU_PERCENT else ""

    def _ask(self, query: str) -> list[str] | None:
        """The lines of an answer; None where there is none."""
        arguments = [self.command, f"--id={self.gpu}", query, "--format=csv,noheader,nounits"]
        try:
            asked = subprocess.run(arguments, capture_output=True, text=True, timeout=_ASK_SECONDS, check=True)
        except (OSError, subprocess.SubprocessError):
            return None
        return [line.strip() for line in asked.stdout.splitlines() if line.strip()]


def probe(device: str, threads: int, gpu: str) -> Probe:
    """The probe for a worker's device.

    Args:
        device: "cpu" or "cuda:N". threads: of torch on the CPU. gpu: UUID of the GPU, as the training child found it.
    """
    return CpuProbe(threads) if device == "cpu" else GpuProbe(gpu)


def missing(device: str) -> str:
    """What a probe of this device would need and this machine has not; "" where nothing is missing."""
    if device != "cpu" and not shutil.which("nvidia-smi"):
        return "needs nvidia-smi, which comes with NVIDIA's driver"
    return ""
