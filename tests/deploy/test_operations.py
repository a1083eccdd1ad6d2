"""docs/operations.md, README.md's neighbours in deploy/, and docker-compose.yml name what exists."""

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from citations import missing_tests
from containers import ROOT, compose
from processes import Running
from serving import CLEAN, serving

from clr.cli.command import load, sources
from clr.client import Client
from service.settings import Settings

PAGE = (ROOT / "docs" / "operations.md").read_text()
DEPLOY = ROOT / "deploy"
SCRIPT = DEPLOY / "worker.sbatch"
UNIT = DEPLOY / "clr-serve.service"
WORKERS_VARIABLES = {"CLR_SERVICE", "CLR_CHECKPOINTS"}
"""Of clr.client and of the SLURM script; every other one is a setting."""


def command_lines(text: str) -> list[list[str]]:
    """The words after each `clr` in code: spans, blocks, ExecStart=, srun."""
    text = re.sub(r"(?m)(^|\s)#(?!SBATCH).*$", "", text).replace("\\\n", " ")
    found = re.findall(r"(?:^|[`/\s=])clr ((?:[a-z][\w-]*)(?:[ \t]+[^`\n&;|]*)?)", text, re.MULTILINE)
    return [shlex.split(line, posix=True) for line in found]


def said_to_be_run() -> list[list[str]]:
    blocks = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
    spans = re.findall(r"`(clr [^`]+)`", re.sub(r"```.*?```", "", PAGE, flags=re.DOTALL).replace("\n", " "))
    files = [SCRIPT.read_text(), UNIT.read_text()]
    lines = [words for text in [*blocks, *spans, *files] for words in command_lines(text)]
    return lines + [said["command"] for said in compose()["services"].values() if "build" in said]


def options(command: str) -> set[str]:
    parameters = load(command, sources()[command]).params
    return {"--help"} | {option for one in parameters for option in one.opts if option.startswith("-")}


def options_of_subcommand(command: str, word: str) -> set[str]:
    """Of `clr COMMAND WORD`; none where COMMAND has no such part."""
    part = getattr(load(command, sources()[command]), "commands", {}).get(word)
    return {option for one in part.params for option in one.opts} if part else set()


@pytest.mark.parametrize("words", said_to_be_run(), ids=" ".join)
def test_every_command_and_option_exists(words: list[str]) -> None:
    command, *rest = words

    assert command in sources()
    known = options(command) | options_of_subcommand(command, rest[0] if rest else "")
    assert {word.partition("=")[0] for word in rest if word.startswith("-")} <= known


def test_the_page_shows_how_to_serve_and_to_work() -> None:
    named = {words[0] for words in said_to_be_run()}

    assert {"serve", "worker", "status", "export"} <= named
    assert len(said_to_be_run()) >= 10


def test_options_that_stand_alone_are_somebodys() -> None:
    known = {option for command in ("serve", "worker") for option in options(command)} | {"--workers"}

    assert set(re.findall(r"`(--[a-z-]+)(?: [^`]*)?`", PAGE)) <= known


def test_every_variable_is_a_setting() -> None:
    settings = {f"CLR_{name}".upper() for name in Settings.model_fields}

    for text in (PAGE, UNIT.read_text(), SCRIPT.read_text()):
        assert set(re.findall(r"\bCLR_[A-Z_]+[A-Z]\b", text)) <= settings | WORKERS_VARIABLES


def test_every_file_and_every_test_that_is_named_is_there() -> None:
    for link in re.findall(r"\]\((?!http)([^)#]+)\)", PAGE):
        assert (ROOT / "docs" / link).exists(), link
    assert PAGE.count("`tests/") >= 10 and missing_tests(PAGE) == []


# -- deploy/ -------------------------------------------------------------------------------------------------------


def test_systemd_reads_the_unit(tmp_path: Path) -> None:
    if not (verify := shutil.which("systemd-analyze")):
        pytest.skip("no systemd here")
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/clr/bin", f"{sys.prefix}/bin"))

    checked = subprocess.run([verify, "verify", str(unit)], capture_output=True, text=True, check=False)

    assert checked.returncode == 0 and "Unknown key" not in checked.stderr, checked.stderr


def test_systemd_waits_longer_than_a_worker_takes_to_stop() -> None:
    (seconds,) = re.findall(r"TimeoutStopSec=(\d+)", UNIT.read_text())
    (grace,) = [one.default for one in load("worker", sources()["worker"]).params if "--grace" in one.opts]

    assert float(seconds) >= grace + 10


def test_slurms_warning_comes_before_the_grace_is_over() -> None:
    (warning,) = re.findall(r"--signal=B:TERM@(\d+)", SCRIPT.read_text())
    (grace,) = re.findall(r"--grace (\d+)", SCRIPT.read_text())

    assert float(warning) >= float(grace) + 30


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with serving(tmp_path_factory.mktemp("slurm")) as client:
        yield client


def test_the_slurm_script_starts_a_worker_and_hands_the_signal_on(service: Client, tmp_path: Path) -> None:
    (tmp_path / "srun").write_text('#!/bin/sh\nexec "$@"\n')  # of a cluster; it hands signals on as exec does
    (tmp_path / "srun").chmod(0o755)
    path = f"{tmp_path}:{sys.prefix}/bin:{os.environ['PATH']}"
    given = {**CLEAN, "PATH": path, "CLR_SERVICE": service.url, "CLR_CHECKPOINTS": str(tmp_path)}

    job = Running(
        subprocess.Popen(["bash", str(SCRIPT)], env=given, stderr=subprocess.PIPE, text=True, start_new_session=True)
    )
    try:
        job.until_said(r"worker \S+ on cpu")
        job.process.send_signal(signal.SIGTERM)

        assert job.ended(60) == 0, job.said
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(job.pid, signal.SIGKILL)


def test_the_slurm_script_wants_a_checkpoint_folder(tmp_path: Path) -> None:
    said = subprocess.run(["bash", str(SCRIPT)], env=CLEAN, capture_output=True, text=True, timeout=30, check=False)

    assert said.returncode != 0 and "CLR_CHECKPOINTS" in said.stderr


def test_nginx_lets_through_what_workers_send_and_waits_for_them() -> None:
    said = (DEPLOY / "nginx.conf").read_text()

    assert "client_max_body_size 8m;" in said and "proxy_set_header Host $http_host;" in said
    assert "proxy_read_timeout 60s;" in said and said.count("{") == said.count("}")
