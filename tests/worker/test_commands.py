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
