"""Where a worker finds a user's own tasks."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from clr.errors import InvalidSpec
from clr.scripts import added, definition, functions, sources
from clr.scripts.command import CommandTask
from clr.tasks import registry

TASK = "name: {name}\ncommand: {command}\nmetric: accuracy\ndirection: maximize\nupdates_per_epoch: 10\n"


@pytest.fixture(autouse=True)
def nothing_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})
    monkeypatch.setattr(functions, "declared", {})
    monkeypatch.setattr(sys, "path", [*sys.path])


def a_file(folder: Path, name: str, command: str = "python train.py") -> Path:
    path = folder / f"{name}.yaml"
    path.write_text(TASK.format(name=name, command=command))
    return path


def command_of(name: str) -> str:
    found = registry.self_trained(name)
    assert isinstance(found, CommandTask)
    return found.task.command


def test_task_files_modules_and_added_tasks_are_all_registered(tmp_path: Path) -> None:
    added.add(definition.load(a_file(tmp_path, "kept")))
    (tmp_path / "sources_module.py").write_text(
        "import clr\n"
        "@clr.task('wave', metric='accuracy', direction='maximize', updates_per_epoch=10)\n"
        "def train(run): ...\n"
    )

    sources.load([str(a_file(tmp_path, "mine")), str(tmp_path / "sources_module.py")])

    assert {"kept", "mine", "wave", "digits"} <= set(registry.names())
    assert {"kept", "mine", "wave"} <= {facts.name for facts in registry.all_facts()}


def test_the_command_line_s_command_takes_the_place_of_the_file_s(tmp_path: Path) -> None:
    sources.load([str(a_file(tmp_path, "mine"))], "python other.py --seed {seed}")

    assert command_of("mine") == "python other.py --seed {seed}"


def test_a_named_file_comes_before_an_added_task_of_its_name(tmp_path: Path) -> None:
    added.add(definition.load(a_file(tmp_path, "mine", "python old.py")))

    sources.load([str(a_file(tmp_path, "mine", "python new.py"))])

    assert command_of("mine") == "python new.py"


def test_a_broken_added_task_is_left_out_and_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    added.add(definition.load(a_file(tmp_path, "mine")))
    (added.folder() / "broken.yaml").write_text("name: broken\n")

    sources.load([])

    assert "mine" in registry.names() and "broken" not in registry.names()
    assert "broken.yaml is left out: /metric: is missing" in capsys.readouterr().err


@pytest.mark.parametrize(("files", "command"), [([], "x"), (["a", "b"], "x")])
def test_a_command_belongs_to_one_task_file(tmp_path: Path, files: list[str], command: str) -> None:
    with pytest.raises(InvalidSpec, match=f"needs one task file, by --tasks task.yaml; got {len(files)}"):
        sources.check([str(a_file(tmp_path, name)) for name in files], command)


def test_a_wrong_task_file_is_refused_before_anything_is_started(tmp_path: Path) -> None:
    path = a_file(tmp_path, "mine", "python train.py {sed}")

    with pytest.raises(InvalidSpec, match="stands for nothing"):
        sources.check([str(path)])
