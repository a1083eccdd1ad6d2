"""`clr doctor`: what it looks at, what it says to do, and its exit code."""

from __future__ import annotations

import json
import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from serving import CLEAN, serving

from clr.client import Client
from clr.diagnosis import remote
from clr.diagnosis.local import Driver, Torch, torch_and_driver
from clr.protocol import VERSION
from clr.resources import About

A100 = Driver("570.1", "12.8", ("NVIDIA A100",))
NOBODY = "http://127.0.0.1:9"


def doctor(*arguments: str, **environment: str) -> tuple[int, str]:
    """The exit code, and what was printed."""
    ended = subprocess.run(
        [sys.executable, "-m", "clr.cli", "doctor", *arguments],
        env={**CLEAN, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.stdout, ended.stderr
    return ended.returncode, ended.stdout


def by_what(printed: str) -> dict[str, dict[str, Any]]:
    """Each finding by what was looked at."""
    return {finding["what"]: finding for finding in json.loads(printed)}


@pytest.fixture(scope="module")
def healthy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(tmp_path_factory.mktemp("data"), workers=1) as client:
        yield client


@dataclass(frozen=True)
class Bare:
    """A service with a token, without a worker; its database lies outside its data folder."""

    client: Client
    data: Path
    token: str


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bare]:
    folder, token = tmp_path_factory.mktemp("bare"), secrets.token_urlsafe(32)
    (data := folder / "data").mkdir()
    database = f"sqlite:///{folder / 'elsewhere.sqlite3'}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLR_TOKEN", token)
        with serving(data, CLR_TOKEN=token, CLR_DATABASE=database) as client:
            yield Bare(client, data, token)


@pytest.fixture(scope="module")
def ailing(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The environment of a machine whose torch can't be imported, and whose data can't be written, by root neither."""
    torch = tmp_path_factory.mktemp("broken") / "torch"
    torch.mkdir()
    (torch / "__init__.py").write_text("raise ImportError('libcudart.so.13: cannot open shared object')\n")
    return {"PYTHONPATH": os.pathsep.join([str(torch.parent), *sys.path]), "CLR_DATA": "/proc/clr"}


@pytest.fixture(scope="module")
def diagnosis(ailing: dict[str, str]) -> dict[str, dict[str, Any]]:
    code, printed = doctor("--service", NOBODY, "--json", **ailing)
    assert code == 1
    return by_what(printed)


def test_a_healthy_service_with_a_worker_is_well(healthy: Client, tmp_path: Path) -> None:
    code, printed = doctor("--service", healthy.url, "--json", CLR_DATA=str(tmp_path))
    found = by_what(printed)

    assert code == 0
    assert [what for what, finding in found.items() if finding["state"] == "problem"] == []
    assert list(found) == ["Python", "torch", "checkpoints", "service", "database", "disk", "clock", "tasks", "workers"]
    assert found["torch"]["state"] == "ok"
    assert found["database"]["said"].startswith("SQLite 3.")
    assert "journal" in found["database"]["said"]
    assert "digits" in found["tasks"]["said"]
    assert found["workers"]["said"].startswith("1 live")
    assert str(tmp_path) in found["checkpoints"]["said"]


def test_without_json_a_person_reads_lines_and_what_to_do(ailing: dict[str, str]) -> None:
    code, printed = doctor("--service", NOBODY, **ailing)

    assert code == 1
    lines = [line.strip() for line in printed.splitlines()]
    (at,) = (k for k, line in enumerate(lines) if "nobody answers at http://127.0.0.1:9" in line)
    assert lines[at].startswith("problem")
    assert lines[at + 1].startswith("-> start `clr serve`")


def test_no_service_is_a_problem_and_the_machine_is_looked_at_all_the_same(diagnosis: dict[str, Any]) -> None:
    assert diagnosis["service"]["state"] == "problem"
    assert diagnosis["Python"]["state"] == "ok"
    assert {"torch", "checkpoints"} <= set(diagnosis)


def test_a_torch_that_cannot_be_imported_is_a_problem_with_its_reason(diagnosis: dict[str, Any]) -> None:
    assert diagnosis["torch"]["state"] == "problem"
    assert "libcudart.so.13: cannot open shared object" in diagnosis["torch"]["said"]


def test_a_folder_that_cannot_be_written_is_a_problem(diagnosis: dict[str, Any]) -> None:
    assert diagnosis["checkpoints"]["state"] == "problem"


def test_no_task_and_no_worker_are_warnings_that_name_the_command(bare: Bare) -> None:
    code, printed = doctor("--service", bare.client.url, "--json", CLR_TOKEN=bare.token)
    found = by_what(printed)

    assert code == 0
    assert {found[what]["state"] for what in ("tasks", "workers")} == {"warning"}
    assert found["workers"]["advice"] == f"start one: clr worker --service {bare.client.url}"


def test_a_wrong_token_is_a_problem_that_names_the_variable(bare: Bare) -> None:
    with Client(bare.client.url, "x" * 32) as stranger:
        (found,) = remote.service_side(stranger)

    assert (found.what, found.state) == ("token", "problem")
    assert "CLR_TOKEN" in found.advice


def test_a_disk_that_the_service_can_not_use_is_a_problem(bare: Bare) -> None:
    away = bare.data.rename(bare.data.with_name("away"))
    try:
        found = {finding.what: finding for finding in remote.service_side(bare.client)}
    finally:
        away.rename(bare.data)

    assert found["disk"].state == "problem"
    assert re.match(rf"\S+ \S+ of .* free in {re.escape(str(bare.data))}: can't write", found["disk"].said)


@pytest.mark.parametrize(
    ("torch", "error", "driver", "state", "said"),
    [
        (None, "", None, "ok", "not installed"),
        (None, "ImportError: x", A100, "problem", "can't be imported"),
        (Torch("2.14", None, ()), "", None, "ok", "trains on the CPU"),
        (Torch("2.14", "12.8", ()), "", None, "ok", "trains on the CPU"),
        (Torch("2.14", None, ()), "", A100, "warning", "is a CPU build, and there is NVIDIA A100"),
        (Torch("2.14", "13.0", ()), "", A100, "problem", "needs CUDA 13.0; driver 570.1 runs CUDA 12.8 at most"),
        (Torch("2.14", "12.9", ()), "", A100, "problem", "sees none of NVIDIA A100"),
        (Torch("2.14", "12.9", ("NVIDIA A100",)), "", A100, "ok", "sees NVIDIA A100"),
    ],
)
def test_torch_is_held_against_the_driver(
    torch: Torch | None, error: str, driver: Driver | None, state: str, said: str
) -> None:
    found = torch_and_driver(torch, error, driver)

    assert (found.state, bool(found.advice)) == (state, state != "ok")
    assert said in found.said


def about(**changes: Any) -> About:
    now = datetime.now(UTC)
    fields = {"version": "0", "protocol": VERSION, "engine": "SQLite 3.53.0", "journal": "WAL", "schema_version": "v2"}
    return About(**fields | {"data": "/d", "disk_free": 1, "disk_total": 2, "now": now, "checks": {}} | changes)


def test_another_protocol_is_a_problem_and_another_version_a_warning() -> None:
    assert remote._version(about(protocol=VERSION + 1), "http://x").state == "problem"
    assert remote._version(about(), "http://x").state == "warning"


def test_a_disk_that_is_nearly_full_is_a_problem() -> None:
    found = remote._disk(about(checks={"disk": "2.0% free in /d; at least 5% is needed"}))

    assert (found.state, bool(found.advice)) == ("problem", True)
    assert "at least 5% is needed" in found.said


def test_a_slow_journal_is_a_warning_and_postgresql_needs_none() -> None:
    assert remote._database(about(journal="DELETE")).state == "warning"
    assert remote._database(about(engine="PostgreSQL 18.1", journal="")).state == "ok"
    assert remote._database(about(checks={"schema": "the schema is v1, this service needs v2"})).state == "problem"


def test_clocks_that_are_far_apart_are_a_warning() -> None:
    assert remote._clock(about(now=datetime.now(UTC) - timedelta(minutes=5))).state == "warning"
    assert remote._clock(about()).state == "ok"
