"""This machine: Python, torch and the GPU's driver, room for checkpoints. Torch is asked in a process of its own."""

from __future__ import annotations

import json
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path

from clr.data_folder import default_checkpoints
from clr.diagnosis.finding import Finding, ok, problem, size, warning

PACKAGES = ("numpy", "pydantic", "optuna", "scipy", "sqlalchemy", "fastapi", "torch", "torchvision")
LITTLE_ROOM = 2**30
_ASK_TORCH = (
    "import json, torch; print(json.dumps({'version': torch.__version__, 'cuda': torch.version.cuda, "
    "'gpus': [torch.cuda.get_device_name(k) for k in range(torch.cuda.device_count())]}))"
)
_SECONDS = 120.0


@dataclass(frozen=True)
class Torch:
    """What torch says of itself. `cuda`: the version that it was built for, None in a CPU build."""

    version: str
    cuda: str | None
    gpus: tuple[str, ...]


@dataclass(frozen=True)
class Driver:
    """What nvidia-smi says: the driver, the newest CUDA that it runs ("" where it does not say), and its GPUs."""

    version: str
    cuda: str
    gpus: tuple[str, ...]


def machine() -> Iterator[Finding]:
    """Everything that can be found out here."""
    yield _python()
    yield torch_and_driver(*_torch(), _driver())
    yield _checkpoints(Path(default_checkpoints()))


def _python() -> Finding:
    found = []
    for name in PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    return ok("Python", f"{platform.python_version()}, clr-sweep {version('clr-sweep')}, {', '.join(found)}")


def torch_and_driver(torch: Torch | None, error: str, driver: Driver | None) -> Finding:
    """Whether torch can use the GPUs that the driver has.

    Args:
        torch: None where it is not installed or can't be imported; `error` then says why, "" for the first.
        driver: None where there is no NVIDIA driver.
    """
    if torch is None:
        if error:
            return problem("torch", f"can't be imported: {error}", "install torch and torchvision as a matching pair")
        return ok("torch", "not installed: only machines that train need it (pip install 'clr-sweep[worker]')")
    if driver is None:
        return ok("torch", f"{torch.version}; no NVIDIA GPU here: trains on the CPU")
    if torch.cuda is None:
        return warning(
            "torch",
            f"{torch.version} is a CPU build, and there is {driver.gpus[0]} (driver {driver.version})",
            "install a CUDA build of torch and torchvision to train on it",
        )
    if driver.cuda and _major(driver.cuda) < _major(torch.cuda):
        return problem(
            "torch",
            f"{torch.version} needs CUDA {torch.cuda}; driver {driver.version} runs CUDA {driver.cuda} at most",
            f"update the driver, or install a torch built for CUDA {_major(driver.cuda)}",
        )
    if not torch.gpus:
        return problem(
            "torch",
            f"{torch.version} (CUDA {torch.cuda}) sees none of {', '.join(driver.gpus)} (driver {driver.version})",
            "look at CUDA_VISIBLE_DEVICES, and whether this user may use /dev/nvidia*",
        )
    gpus = ", ".join(torch.gpus)
    return ok("torch", f"{torch.version} (CUDA {torch.cuda}) sees {gpus}; driver {driver.version}, CUDA {driver.cuda}")


def _major(cuda: str) -> int:
    return int(cuda.split(".")[0])


def _torch() -> tuple[Torch | None, str]:
    """Torch, or why it can't be asked; neither where it is not installed."""
    if find_spec("torch") is None:
        return None, ""
    try:
        asked = subprocess.run(
            [sys.executable, "-P", "-c", _ASK_TORCH], capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return None, f"no answer within {_SECONDS:.0f} s"
    if asked.returncode:
        return None, (asked.stderr.strip().splitlines() or [f"exit code {asked.returncode}"])[-1]
    said = json.loads(asked.stdout.strip().splitlines()[-1])
    return Torch(said["version"], said["cuda"], tuple(said["gpus"])), ""


def _driver() -> Driver | None:
    rows = _nvidia_smi("--query-gpu=name,driver_version", "--format=csv,noheader").splitlines()
    found = [row.rpartition(", ") for row in rows if ", " in row]
    if not found:
        return None
    newest = re.search(r"CUDA Version:\s*([\d.]+)", _nvidia_smi())
    return Driver(found[0][2], newest[1] if newest else "", tuple(name for name, _, _ in found))


def _nvidia_smi(*arguments: str) -> str:
    """What it prints; "" where there is none, or no driver."""
    try:
        asked = subprocess.run(["nvidia-smi", *arguments], capture_output=True, text=True, timeout=_SECONDS, check=True)
    except (OSError, subprocess.SubprocessError):
        return ""
    return asked.stdout


def _checkpoints(folder: Path) -> Finding:
    """Whether a worker that is not told another place can write its checkpoints."""
    there = next(one for one in (folder, *folder.parents) if one.exists())
    try:
        with tempfile.TemporaryFile(dir=there):  # what a permission says is not what a disk does
            free = shutil.disk_usage(there).free
    except OSError as error:
        said = f"can't write in {there}: {error.strerror or error}"
        return problem("checkpoints", said, "give workers another folder with --checkpoints")
    if free < LITTLE_ROOM:
        return warning("checkpoints", f"{size(free)} free in {folder}", "make room, or use --checkpoints")
    return ok("checkpoints", f"{folder}, {size(free)} free (shared by all workers of a service, or --checkpoints)")
