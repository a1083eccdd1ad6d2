"""Trials per minute of the demo study: this service, Optuna with a plain torch loop, Ray Tune. Start included.

Usage: python benchmarks/demo_against_peers.py [--repetitions 1] [--whole] [--ray PYTHON] [--json FILE]
    [--only NAME ...] [--families 7] [--trials 12] [--seeds 10]

Everybody trains the same 157 runs (three range-test ramps; seven schedules, 12 search trials and 10 confirm runs each;
benchmarks/plain_training.py) with two processes of one thread, from the start of the command to its end:

- `clr run` of the demo's study: service, SQLite and two workers with the plain loop, range test, analysis, answer;
- Optuna, two processes on one SQLite storage, tensors in memory, every evaluation stored as the service stores it; also
  with final values alone, and with torch's DataLoader;
- Ray Tune with OptunaSearch on two CPUs, with Ray's default of a process per trial, and with processes kept.

Repetitions go round (all of one, then all again). Ray is no dependency of this product: where another environment has
it (python -m venv RAY; RAY/bin/pip install "ray[tune]" optuna torch scikit-learn), --ray RAY/bin/python. Unless
--whole, Ray runs one of the seven schedules (25 runs), since all take it minutes; its start then weighs more.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import measured
from plain_training import Size

from service.demo import SPEC, WORKERS

HERE = Path(__file__).parent
GOALS = {"Optuna, SQLite": 1.5, "Ray Tune": 5.0}
"""How many times their trials per minute ours should be."""
OURS = "clr run"
RAY_FAMILIES = 1


@dataclass(frozen=True)
class Contender:
    """A command; `size`: what it trains; FOLDER in it becomes a new folder."""

    name: str
    command: tuple[str, ...]
    size: Size


def contenders(size: Size, ray: str, ray_size: Size) -> list[Contender]:
    optuna = (sys.executable, str(HERE / "optuna_rival.py"), "FOLDER", *size.flags())
    found = [
        Contender(OURS, _ours(), size),
        Contender("Optuna, SQLite", optuna, size),
        Contender("Optuna, SQLite, final values alone", (*optuna, "--curves", "dropped"), size),
        Contender("Optuna, SQLite, DataLoader", (*optuna, "--loader", "dataloader"), size),
    ]
    if not ray:
        return found
    command = (ray, str(HERE / "ray_rival.py"), "FOLDER", *ray_size.flags(), "--actors")
    return [
        *found,
        Contender("Ray Tune", (*command, "fresh"), ray_size),
        Contender("Ray Tune, processes kept", (*command, "reused"), ray_size),
    ]


def _ours() -> tuple[str, ...]:
    flags = ("--workers", str(WORKERS), "--data", "FOLDER", "--device", "cpu", "--json")
    return (sys.executable, "-m", "clr.cli", "run", "FOLDER/demo.json", *flags)


def spec(size: Size) -> dict[str, Any]:
    """The demo's, or as much of it; without the shorter runs, which no other has."""
    return {**SPEC, "arms": list(size.names), "trials": size.trials, "confirm_seeds": size.seeds, "lengths": []}


def seconds(contender: Contender) -> float:
    """From the start of the command to its end."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CLR_")}
    with tempfile.TemporaryDirectory(prefix="clr-bench-", ignore_cleanup_errors=True) as folder:
        (Path(folder) / "demo.json").write_text(json.dumps(spec(contender.size)))
        command = [part.replace("FOLDER", folder) for part in contender.command]
        began = time.perf_counter()
        threads = {"OMP_NUM_THREADS": "1"}
        ended = subprocess.run(command, check=False, env={**clean, **threads}, capture_output=True, text=True)
        took = time.perf_counter() - began
    if ended.returncode:
        raise SystemExit(f"{contender.name} failed:\n{ended.stderr[-2000:]}")
    _check(contender, ended.stdout)
    return took


def _check(contender: Contender, said: str) -> None:
    """Everybody trained as many runs as it is measured by."""
    if contender.name == OURS:
        trained = sum(row["trained"] for row in json.loads(said)["ledger"])
    else:
        trained = json.loads(said.splitlines()[-1])["trials"]
    if trained != contender.size.runs:
        raise SystemExit(f"{contender.name} trained {trained} runs instead of {contender.size.runs}.")


def rows(found: Mapping[str, tuple[Contender, Sequence[float]]]) -> list[dict[str, Any]]:
    rates = {name: 60 * c.size.runs / statistics.median(times) for name, (c, times) in found.items()}
    return [
        {
            "": name,
            "runs": contender.size.runs,
            "seconds": ", ".join(f"{took:.1f}" for took in times),
            "trials/min": f"{rates[name]:.0f}",
            "ours / theirs": "" if name == OURS else f"{rates[OURS] / rates[name]:.2f}",
            "goal": GOALS.get(name, ""),
        }
        for name, (contender, times) in found.items()
    ]


def ray_here(asked: str) -> str:
    """The Python that has Ray; "" where none has, which is said."""
    python = asked or sys.executable
    probe = [python, "-c", "import ray.tune, torch, optuna, sklearn"]
    if subprocess.run(probe, check=False, capture_output=True).returncode == 0:
        return python
    how = 'pip install "ray[tune]" in an environment of its own, then --ray PYTHON'
    print(f"Ray Tune is left out: {python} has no ray ({how})")
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=1)
    parser.add_argument("--whole", action="store_true", help="Ray, too, runs all seven schedules")
    parser.add_argument("--ray", default=os.environ.get("RAY_PYTHON", ""), help="default: the variable RAY_PYTHON")
    parser.add_argument("--only", nargs="+", help="contenders whose name holds one of these, and ours")
    parser.add_argument("--json", type=Path)
    Size.arguments(parser)
    asked = parser.parse_args()
    print(measured.surroundings(), flush=True)
    size = Size.of(asked)
    ray_size = size if asked.whole else replace(size, families=min(size.families, RAY_FAMILIES))
    chosen = [
        each
        for each in contenders(size, ray_here(asked.ray), ray_size)
        if not asked.only or each.name == OURS or any(part in each.name for part in asked.only)
    ]
    times: dict[str, list[float]] = {each.name: [] for each in chosen}
    for _ in range(asked.repetitions):
        for each in chosen:
            times[each.name].append(seconds(each))
            print(f"{each.name}: {times[each.name][-1]:.1f} s", flush=True)
    found = rows({each.name: (each, times[each.name]) for each in chosen})
    print("\n" + measured.table(found))
    measured.keep(asked.json, found)


if __name__ == "__main__":
    main()
