"""What a benchmark found: latencies in short, a Markdown table, the machine and versions it ran on, a JSON file."""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

PACKAGES = ("clr-sweep", "torch", "optuna", "sqlalchemy", "fastapi", "uvicorn", "pydantic", "httpx")


@dataclass(frozen=True)
class Latency:
    """Of calls of one kind [ms]."""

    calls: int
    p50: float
    p99: float
    worst: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Latency:
        """
        Args:
            seconds: of each call; at least one.
        """
        ordered = [1000 * each for each in sorted(seconds)]
        return cls(len(ordered), percentile(ordered, 0.5), percentile(ordered, 0.99), ordered[-1])


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest of these ascending values that at least `share` of them do not exceed.

    >>> percentile([1.0, 2.0, 3.0, 4.0], 0.5), percentile([1.0, 2.0, 3.0, 4.0], 0.99)
    (2.0, 4.0)
    """
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def table(rows: Sequence[Mapping[str, object]]) -> str:
    """A Markdown table; the first row's keys are its head.

    >>> print(table([{"clients": 1, "p99 ms": 2.5}]))
    | clients | p99 ms |
    |---|---|
    | 1 | 2.5 |
    """
    head = list(rows[0])
    lines = [head, ["---"] * len(head), *([str(row[name]) for name in head] for row in rows)]
    return "\n".join(
        "| " + " | ".join(line) + " |" if line[0] != "---" else "|" + "|".join(line) + "|" for line in lines
    )


def machine() -> dict[str, Any]:
    """Where and on what a benchmark ran, and how busy that was when it began."""
    versions = {name: _version(name) for name in PACKAGES}
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 2),
        "versions": {name: version for name, version in versions.items() if version},
    }


def surroundings() -> str:
    """`machine()` as one line."""
    found = machine()
    versions = ", ".join(f"{name} {version}" for name, version in found["versions"].items())
    where = f"{found['date']}, {found['cores']} cores ({found['architecture']}), load {found['load']} at the start"
    return f"{where}; Python {found['python']}, {versions}"


def keep(path: Path | None, rows: Sequence[Mapping[str, object]]) -> None:
    """Writes rows, machine and versions as JSON, where a file is asked for."""
    if path is not None:
        path.write_text(json.dumps({"machine": machine(), "rows": list(rows)}, indent=1) + "\n", encoding="utf-8")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
