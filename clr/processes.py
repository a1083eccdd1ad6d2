"""A process and all that it started: their memory, and their share of the CPUs."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from contextlib import suppress

import psutil

_BUSY = ("user", "nice", "system", "irq", "softirq")
"""Kinds of CPU time that somebody on this machine uses; "guest" stands in "user", "steal" goes to other machines."""


def tree(root: int) -> tuple[psutil.Process, ...]:
    """The process `root` and its descendants; none where it is gone, itself alone where others can't be looked at."""
    try:
        top = psutil.Process(root)
        return (top, *top.children(recursive=True))
    except psutil.NoSuchProcess:
        return ()
    except psutil.AccessDenied:  # /proc is mounted with hidepid=1
        return (top,)


def memory(root: int) -> int:
    """What `root` and its descendants hold [bytes], pages that several of them map counted in each."""
    return sum(map(resident, tree(root)))


def own_memory(root: int) -> int:
    """What `root` and its descendants hold [bytes], a page shared by n processes counted as 1/n in each. Slow."""
    return sum(map(_proportional, tree(root)))


def busy_seconds() -> float:
    """CPU time that was used on this machine since boot, over all CPUs [seconds]."""
    times = psutil.cpu_times()
    return sum(float(getattr(times, kind, 0.0)) for kind in _BUSY)


def cpu_seconds(root: int) -> Mapping[Hashable, float]:
    """CPU time of `root` and of each descendant [seconds]; a later process of the same id is another key."""
    used: dict[Hashable, float] = {}
    for process in tree(root):
        with suppress(psutil.Error):  # it has ended meanwhile
            times = process.cpu_times()
            used[process] = times.user + times.system
    return used


def resident(process: psutil.Process) -> int:
    """What one process holds [bytes]; 0 where it has ended."""
    try:
        return int(process.memory_info().rss)
    except psutil.Error:
        return 0


def _proportional(process: psutil.Process) -> int:
    try:
        found = process.memory_full_info()
    except psutil.Error:  # it has ended meanwhile, or may be looked into by its own user alone
        return resident(process)
    return int(getattr(found, "pss", found.rss))  # where the system tells no share, all counts
