"""docs/own-training.md: its scripts run, alone and as tasks."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from importlib import import_module
from pathlib import Path

import pytest
from scripting import PYTHON, a_config

from clr.results import Evaluated, Event, Finished
from clr.scripts import definition, files, functions
from clr.scripts.command import CommandTask
from clr.scripts.definition import PLACES, TaskDefinition
from clr.tasks.self_trained import SelfTrained

TEXT = (Path(__file__).parents[2] / "docs" / "own-training.md").read_text()
SCRIPT, FUNCTION, ALONE = re.findall(r"```python\n(.*?)```", TEXT, flags=re.S)
TASK_FILE = re.findall(r"```yaml\n(.*?)```", TEXT, flags=re.S)[0]


def trained(task: SelfTrained, folder: Path, **fields: object) -> list[Event]:
    surroundings = {"device": "cpu", "checkpoints": folder / "checkpoints", "key": "s-slot-1/f000001"}
    return list(task.events(a_config(**fields), interrupt=threading.Event(), **surroundings))  # type: ignore[arg-type]


def test_the_script_runs_alone(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)

    said = subprocess.run([sys.executable, "train.py"], cwd=tmp_path, check=True, capture_output=True, text=True).stderr

    assert "update 400 of 400: accuracy 0.9" in said
    assert "test: accuracy 0.9" in said


def test_the_script_is_a_task_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(SCRIPT)
    (tmp_path / "task.yaml").write_text(TASK_FILE)

    task = CommandTask(definition.load(tmp_path / "task.yaml", f"{PYTHON} train.py"))
    found = trained(task, tmp_path, phase="confirm", test=True, iterations=400, evaluate_every=20)

    assert len([event for event in found if isinstance(event, Evaluated)]) == 20
    assert isinstance(found[-1], Finished)
    assert found[-1].test["accuracy"] > 0.85


def test_the_function_is_a_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_tasks.py").write_text(FUNCTION)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    import_module("my_tasks")

    assert isinstance(trained(functions.declared["my-function"], tmp_path)[-1], Finished)


def test_the_standard_library_is_enough(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(f"import sys\nsys.modules['clr'] = sys.modules['numpy'] = None\n{ALONE}")
    document = {"name": "mine", "command": f"{PYTHON} -I train.py", "metric": "closeness", "direction": "maximize"}

    task = CommandTask(definition.define({**document, "updates_per_epoch": 10, "folder": str(tmp_path)}))

    assert isinstance(found := trained(task, tmp_path)[-1], Finished)
    assert found.value > -0.5


def test_every_key_and_place_is_described() -> None:
    keys = [name for name in TaskDefinition.model_fields]
    document = re.search(r"```json\n(.*?)```", TEXT, flags=re.S)

    assert document is not None
    assert [key for key in keys if f"`{key}`" not in TEXT] == []
    assert [place for place in PLACES if f"`{{{place}}}`" not in TEXT] == []
    assert {f'"{name}"' for name in files.Assignment.__dataclass_fields__} <= set(re.findall(r'"\w+"', document[1]))


def test_the_page_has_six_numbered_lines() -> None:
    assert [int(n) for n in re.findall(r"# (\d)\b", SCRIPT)] == [1, 2, 3, 4, 5, 6]
