"""clr tasks add, remove."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import yaml

from clr.cli import exits

TASK = "name: mine\ncommand: python train.py\nmetric: accuracy\ndirection: maximize\nupdates_per_epoch: 10\n"


def clr(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "CLR_TASKS": str(folder / "added")}
    command = [sys.executable, "-m", "clr.cli", "tasks", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_an_added_task_is_written_with_its_folder_and_its_command(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(TASK)

    done = clr(tmp_path, "add", str(tmp_path / "task.yaml"), "--command", "python other.py")

    written = yaml.safe_load((tmp_path / "added" / "mine.yaml").read_text())
    assert done.returncode == exits.DONE and "mine is a task of the workers" in done.stderr
    assert (written["command"], written["folder"]) == ("python other.py", str(tmp_path))


def test_a_wrong_task_file_is_refused_by_field_and_nothing_is_written(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(TASK.replace("metric: accuracy\n", "").replace("train.py", "{sed}"))

    refused = clr(tmp_path, "add", str(tmp_path / "task.yaml"))

    assert refused.returncode == exits.USAGE
    assert refused.stderr == "clr: /metric: is missing\n"
    assert not (tmp_path / "added").exists()


def test_a_removed_task_is_gone_and_an_unknown_one_is_named(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(TASK)
    clr(tmp_path, "add", str(tmp_path / "task.yaml"))

    assert clr(tmp_path, "remove", "mine").returncode == exits.DONE
    refused = clr(tmp_path, "remove", "mine")

    assert refused.returncode == exits.NOT_FOUND
    assert "No task 'mine' was added" in refused.stderr


def test_json_names_the_task_and_its_file(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text(TASK)
    kept = {"name": "mine", "file": str(tmp_path / "added" / "mine.yaml")}

    assert json.loads(clr(tmp_path, "add", str(tmp_path / "task.yaml"), "--json").stdout) == kept
    assert json.loads(clr(tmp_path, "remove", "mine", "--json").stdout) == kept
