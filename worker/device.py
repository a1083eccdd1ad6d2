"""What a worker trains on: the GPUs that it may see, this host, and the versions that results depend on."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from clr.protocol import Device

_COUNT = "import torch; print(torch.cuda.device_count())"
_NVIDIA = Path("/proc/driver/nvidia/version")


def visible_gpus() -> int:
    """How many GPUs torch sees here; asked in a process of its own: this one opens no GPU and loads no torch."""
    if not _NVIDIA.exists():
        return 0
    asked = subprocess.run([sys.executable, "-P", "-c", _COUNT], capture_output=True, text=True, check=False)
    return int(asked.stdout) if asked.returncode == 0 else 0


def devices(choice: str) -> tuple[str, ...]:
    """The devices that "auto", "cpu", "cuda" or "cuda:N" stand for.

    Raises:
        ValueError: it is none of these.
    """
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", choice):
        raise ValueError(f"device must be auto, cpu, cuda or cuda:N, got {choice!r}.")
    if choice == "auto":
        return tuple(f"cuda:{index}" for index in range(visible_gpus())) or ("cpu",)
    return ("cuda:0",) if choice == "cuda" else (choice,)


def environment(device: str, threads: int) -> dict[str, str]:
    """The environment of a child: it sees its own GPU alone, as cuda:0, and uses so many CPU threads.

    Args:
        device: "cpu" or "cuda:N", N counting the GPUs that this process may see.
        threads: of torch's operators on the CPU.
    """
    chosen = os.environ | {"OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    index = device.partition(":")[2]
    if not index:
        return chosen | {"CUDA_VISIBLE_DEVICES": ""}
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    own = dict(enumerate(seen.split(","))).get(int(index), "") if seen else index  # "": none, which torch will say
    return chosen | {"CUDA_VISIBLE_DEVICES": own}


def describe(device: str, threads: int) -> Device:
    """What this process trains on, as the service shows it. Loads torch."""
    import torch

    if device == "cpu":
        return Device(name="cpu", kind="cpu", memory=_memory(), threads=threads)
    properties = torch.cuda.get_device_properties(0)
    return Device(name=device, kind=properties.name, memory=properties.total_memory, threads=threads)


def gpu_uuid(device: str) -> str:
    """The UUID of the GPU that this process trains on, as nvidia-smi writes it; "" on the CPU. Loads torch."""
    import torch

    return "" if device == "cpu" else f"GPU-{torch.cuda.get_device_properties(0).uuid}"


def limit_memory(device: str, limit: int) -> None:
    """Lets this process hold at most `limit` bytes of its GPU, by torch's own allocator. Loads torch."""
    import torch

    if device != "cpu":
        total = torch.cuda.get_device_properties(0).total_memory
        torch.cuda.set_per_process_memory_fraction(min(1.0, limit / total), 0)


def versions() -> dict[str, str]:
    """Python's and the packages' that decide what bits a trial gives."""
    found = {"python": platform.python_version()}
    for name in ("clr-sweep", "numpy", "torch", "torchvision"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _memory() -> int | None:
    """This host's memory [bytes]."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (OSError, ValueError):
        return None
