"""What an import costs, by the list of modules that it loads."""

import json
import subprocess
import sys

import pytest

HEAVY = (
    "torch",
    "torchvision",
    "optuna",
    "scipy",
    "matplotlib",
    "sqlalchemy",
    "fastapi",
    "httpx",
    "pydantic",
    "sklearn",
    "pandas",
)


def loaded_by(statement: str) -> set[str]:
    loaded = "sorted(set(sys.modules) - before)"
    code = f"import sys; before = set(sys.modules); {statement}; import json; print(json.dumps({loaded}))"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return {name.partition(".")[0] for name in json.loads(output.splitlines()[-1])}


@pytest.mark.parametrize(
    "statement", ["import clr", "import clr.errors", "import clr.schedules, clr.results", "from clr import schedules"]
)
def test_schedules_load_numpy_at_most(statement: str) -> None:
    assert not loaded_by(statement) & set(HEAVY)


def test_importing_clr_loads_not_even_numpy() -> None:
    assert "numpy" not in loaded_by("import clr")


def test_the_scheduler_in_torch_loads_no_service_and_no_search() -> None:
    loaded = loaded_by("from clr import ScheduleLR")

    assert "torch" in loaded
    assert not loaded & {"optuna", "fastapi", "httpx", "pydantic", "sqlalchemy", "torchvision"}


def test_torch_never_loads_in_the_service() -> None:
    loaded = loaded_by("import service.app, service.commands, clr.rounds, clr.analysis.answer")

    assert "fastapi" in loaded and "optuna" in loaded
    assert not loaded & {"torch", "torchvision", "sklearn"}


def test_the_workers_supervisor_loads_no_torch() -> None:
    assert not loaded_by("import worker.commands, worker.run, worker.supervisor") & {
        "torch",
        "torchvision",
        "optuna",
        "sqlalchemy",
    }


def test_listing_tasks_loads_no_torch() -> None:
    assert not loaded_by("from clr.tasks import registry; registry.names()") & {"torch", "torchvision", "sklearn"}
