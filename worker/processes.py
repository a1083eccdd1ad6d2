"""A process and all that it started, as Linux shows them under /proc: their memory, and their share of the CPUs."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def are_visible() -> bool:
    """Whether this system shows its processes this way."""
    return (PROC / "self" / "stat").exists()


@dataclass(frozen=True)
class Process:
    """One process at one moment.

    Attributes:
        parent: id of the process that started it, or that took it over.
        began: when it started, in clock ticks since boot: with its id, unlike any other process.
        cpu_seconds: user and system time that it has used [seconds].
        resident: memory that it holds, shared pages included [bytes].
    """

    pid: int
    parent: int
    began: int
    cpu_seconds: float
    resident: int


def tree(root: int) -> tuple[Process, ...]:
    """The process `root` and its descendants; none where it is gone."""
    everyone = {process.pid: process for process in _all()}
    below: dict[int, list[int]] = {}
    for process in everyone.values():
        below.setdefault(process.parent, []).append(process.pid)
    found, ahead = [], [root] if root in everyone else []
    while ahead:
        pid = ahead.pop()
        found.append(everyone[pid])
        ahead += below.get(pid, [])
    return tuple(found)


def memory(root: int) -> int:
    """What `root` and its descendants hold [bytes], pages that several of them map counted in each."""
    return sum(process.resident for process in tree(root))


def own_memory(root: int) -> int:
    """What `root` and its descendants hold [bytes], a page shared by n processes counted as 1/n in each. Slow."""
    return sum(_proportional(process) for process in tree(root))


def busy_seconds() -> float:
    """CPU time that was used on this machine since boot, over all CPUs [seconds]."""
    user, nice, system, _idle, _waiting, interrupt, soft = (
        int(ticks) for ticks in (PROC / "stat").read_text().splitlines()[0].split()[1:8]
    )
    return (user + nice + system + interrupt + soft) / _TICK


def cpu_seconds(root: int) -> Mapping[tuple[int, int], float]:
    """CPU time of `root` and of each descendant [seconds], by id and start."""
    return {(process.pid, process.began): process.cpu_seconds for process in tree(root)}


def _all() -> Iterator[Process]:
    for folder in PROC.iterdir():
        if folder.name.isdigit():
            with suppress(OSError):  # it has ended meanwhile
                yield _read(folder)


def _read(folder: Path) -> Process:
    # The name, in parentheses, may hold anything; proc_pid_stat(5) counts the fields after it from 3.
    fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
    return Process(
        pid=int(folder.name),
        parent=int(fields[1]),
        began=int(fields[19]),
        cpu_seconds=(int(fields[11]) + int(fields[12])) / _TICK,
        resident=int(fields[21]) * _PAGE,
    )


def _proportional(process: Process) -> int:
    try:
        lines = (PROC / str(process.pid) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return process.resident
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), process.resident)
