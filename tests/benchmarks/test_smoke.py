"""The benchmark of reading runs at its smallest size; `make bench` runs them all. Figures are no test's."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def rows(name: str, tmp_path: Path, *flags: str) -> list[dict[str, Any]]:
    """What a benchmark found, which it must have printed as a table, too."""
    kept = tmp_path / "found.json"
    command = [sys.executable, str(BENCHMARKS / f"{name}.py"), *flags, "--json", str(kept)]
    ended = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert ended.returncode == 0, ended.stderr
    found: list[dict[str, Any]] = json.loads(kept.read_text())["rows"]
    assert f"| {' | '.join(found[0])} |\n|---" in ended.stdout
    assert len(re.findall(r"^\|", ended.stdout, re.MULTILINE)) == 2 + len(found)
    return found


def test_reading_asks_both_kinds_of_study_three_questions(tmp_path: Path) -> None:
    sizes = ["--trials", "400", "--large", "40", "--requests", "3"]
    found = rows("reading_at_size", tmp_path, *sizes, "--databases", "sqlite")
    kinds = [(what, of) for what in ("status", "best", "page of trials") for of in ("154 trials", "40 trials")]
    assert [row["asked for"] for row in found] == [f"{what}, of {of}" for what, of in kinds]


def test_make_bench_runs_every_script_that_measures() -> None:
    listed = set(re.findall(r"^BENCHMARKS .?= (.*)$", (BENCHMARKS.parent / "Makefile").read_text(), re.MULTILINE))
    named = {name for line in listed for name in line.split()}
    measuring = {path.stem for path in BENCHMARKS.glob("*.py") if 'argument("--json"' in path.read_text()}
    assert measuring <= named
    assert all((BENCHMARKS / f"{name}.py").exists() for name in named)
