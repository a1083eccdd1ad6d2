from __future__ import annotations

from pathlib import Path

import typer
from typer.testing import CliRunner

from worker.commands import as_arguments, worker

APP = typer.Typer()
APP.command()(worker)


def test_options_are_handed_on_as_they_were_given() -> None:
    given = {
        "service": "http://127.0.0.1:8000",
        "token_file": Path("/run/token"),
        "device": "auto",
        "threads": 2,
        "tasks": ["one", "two.py"],
        "max_slots": None,
        "parent": 7,
    }

    assert as_arguments(given) == [
        *("--service", "http://127.0.0.1:8000", "--token-file", "/run/token", "--threads", "2"),
        *("--tasks", "one", "--tasks", "two.py"),
    ]


def test_help_names_every_exit_code() -> None:
    words = CliRunner().invoke(APP, ["--help"]).output

    assert all(f"{code} " in words for code in (0, 1, 2, 3, 4, 5, 6))


def test_a_token_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    ended = CliRunner().invoke(APP, ["--device", "cpu", "--token-file", str(tmp_path / "absent")])

    assert ended.exit_code == 4


def test_a_command_without_its_task_file_is_a_usage_error() -> None:
    refused = CliRunner().invoke(APP, ["--device", "cpu", "--command", "python train.py"])

    assert refused.exit_code == 2
    assert "--command needs one task file" in refused.output


def test_what_is_wrong_with_a_task_file_is_said_before_anything_is_started(tmp_path: Path) -> None:
    (tmp_path / "task.yaml").write_text("name: mine\nmetric: accuracy\ndirection: up\n")

    refused = CliRunner().invoke(APP, ["--device", "cpu", "--tasks", str(tmp_path / "task.yaml")])

    assert refused.exit_code == 2
    assert "/direction" in refused.output
