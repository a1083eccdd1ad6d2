from __future__ import annotations

import configparser
import os
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from desk import Desk, a_config
from hypothesis import given
from hypothesis import strategies as st

from worker.unit import Unit, quoted

TOKEN = "a-secret-of-this-test"
Install = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """`clr worker install` of a user whose files are all in a folder of the test's."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CLR_")}

    def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "worker", "install", *arguments],
            env={**clean, "XDG_CONFIG_HOME": str(tmp_path / "config"), "COLUMNS": "200", **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def read(text: str) -> configparser.RawConfigParser:
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read_string(text)
    return unit


def argv(unit: configparser.RawConfigParser) -> list[str]:
    """The arguments that systemd makes of ExecStart."""
    return [part.replace("%%", "%").replace("$$", "$") for part in shlex.split(unit["Service"]["ExecStart"])]


@given(st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1))
def test_an_argument_is_read_back_as_it_was_given(part: str) -> None:
    assert argv(read(Unit([quoted("x")], "/", 30.0).text()))[0] == "x"
    (back,) = (text.replace("%%", "%").replace("$$", "$") for text in shlex.split(quoted(part)))

    assert back == part


def test_the_unit_is_written_where_systemd_looks_and_the_next_steps_are_named(install: Install, tmp_path: Path) -> None:
    done = install("--device", "cpu")

    path = tmp_path / "config" / "systemd" / "user" / "clr-worker.service"
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{path}\n"
    assert path.exists()
    assert "systemctl --user enable --now clr-worker" in done.stderr


def test_print_prints_the_unit_alone_and_writes_nothing(install: Install, tmp_path: Path) -> None:
    done = install("--print", "--name", "night", CLR_TOKEN=TOKEN)

    assert read(done.stdout)["Install"]["WantedBy"] == "default.target"
    assert TOKEN not in done.stdout + done.stderr
    assert not (tmp_path / "config").exists()


def test_the_token_stands_in_a_file_of_its_owner_and_never_in_the_unit(install: Install, tmp_path: Path) -> None:
    install("--name", "night", CLR_TOKEN=TOKEN)

    kept = tmp_path / "config" / "clr" / "night.token"
    unit = (tmp_path / "config" / "systemd" / "user" / "night.service").read_text()
    assert kept.read_text().strip() == TOKEN
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert TOKEN not in unit
    assert argv(read(unit))[-2:] == ["--token-file", str(kept)]


def test_it_gets_more_time_to_stop_than_its_grace_and_is_not_started_again_in_vain(install: Install) -> None:
    service = read(install("--print", "--grace", "120").stdout)["Service"]

    assert int(service["TimeoutStopSec"]) > 120
    assert service["KillSignal"] == "SIGTERM"
    assert service["Restart"] == "on-failure"
    assert service["RestartPreventExitStatus"] == "2 4 5"
    assert service["OOMPolicy"] == "continue"


@pytest.mark.parametrize(
    "wrong",
    [("--hourss", "20-08"), ("--hours", "8pm"), ("--threads", "none"), ("--max-memory", "1"), ("--name", "a/b")],
)
def test_what_the_worker_would_refuse_is_refused_before_anything_is_written(
    install: Install, tmp_path: Path, wrong: tuple[str, str]
) -> None:
    refused = install(*wrong)

    assert refused.returncode == 2
    assert wrong[0] in refused.stderr
    assert not (tmp_path / "config").exists()


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="no systemd here")
def test_systemd_finds_nothing_wrong_with_it(install: Install, tmp_path: Path) -> None:
    install("--hours", "20-08", "--tasks", "my tasks.py", "--max-memory", "8G", "--idle-only")
    unit = tmp_path / "config" / "systemd" / "user" / "clr-worker.service"

    checked = subprocess.run(
        ["systemd-analyze", "verify", "--user", str(unit)],
        env={**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert unit.name not in checked.stderr
    assert checked.returncode == 0, checked.stderr


def test_the_unit_s_command_runs_and_registers(install: Install, desk: Desk, start: Any, tmp_path: Path) -> None:
    printed = install("--print", "--checkpoints", str(tmp_path), "--max-slots", "1", CLR_SERVICE=desk.url)
    unit = read(printed.stdout)
    program, *arguments = argv(unit)
    desk.configs = [a_config()]

    worker = start(*arguments)

    assert program == sys.executable
    assert worker.ended() == 0, worker.said
    assert desk.bodies("/v1/workers")
    assert desk.results[0]["outcome"] == "done"
