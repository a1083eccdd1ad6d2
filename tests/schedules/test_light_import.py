"""Schedules are for anyone's script: NumPy and nothing heavier."""

import subprocess
import sys


def packages_after(statement: str) -> set[str]:
    script = f"import sys; {statement}; print(*sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    return {name.split(".")[0] for name in run.stdout.split()} - sys.stdlib_module_names


def test_importing_schedules_loads_numpy_and_nothing_heavier():
    assert packages_after("import clr.schedules") - packages_after("import numpy") == {"clr"}
