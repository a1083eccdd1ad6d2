"""The Dockerfile copies what is there, installs what is pinned, and starts what is installed."""

import fnmatch
import json
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import entry_points

import pytest
from containers import DOCKERFILE, ROOT, stages

from clr.cli.command import SUMMARIES, sources

TARGETS = ("service", "worker")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_every_source_exists_and_reaches_the_build() -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]
    copied = {source for stage in stages().values() for sources_, _ in stage.copies for source in sources_}

    assert {"clr", "service", "worker", "constraints.txt", "deploy/healthy.py"} <= copied
    for source in copied:
        assert (ROOT / source).exists(), source
        assert any(fnmatch.fnmatch(source.split("/")[0], pattern) for pattern in kept), source


def test_nothing_is_kept_for_the_build_that_is_not_there() -> None:
    kept = [line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")]

    assert [name for name in kept if not (ROOT / name).exists()] == []


def test_a_folder_of_code_is_not_forgotten() -> None:
    packages = {package.rstrip("*") for package in _setuptools()["packages"]["find"]["include"]}

    for target in ("build-service", "build-worker"):
        assert packages <= {source for sources_, _ in stages()[target].copies for source in sources_}


def _setuptools() -> dict[str, dict[str, dict[str, list[str]]]]:
    found: dict[str, dict[str, dict[str, list[str]]]] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"][
        "setuptools"
    ]
    return found


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_starts_an_installed_command_under_a_user_of_its_own(target: str) -> None:
    stage = stages()[target]
    (entry,), (command, *_) = json.loads(stage.last("ENTRYPOINT")), json.loads(stage.last("CMD"))

    assert entry in {script.name for script in entry_points(group="console_scripts")}
    assert shutil.which(entry, path=f"{sys.prefix}/bin")
    assert command in sources() and command in SUMMARIES
    assert stage.last("USER") == "10001:10001"


@pytest.mark.parametrize("target", TARGETS)
def test_an_image_installs_the_extra_that_its_command_needs_from_the_pinned_versions(target: str) -> None:
    lines = stages()[f"build-{target}"].all("RUN")
    (install,) = [line for line in lines if "'.[" in line]
    (extra,) = re.findall(r"'\.\[(\w+)\]'", install)

    assert extra == target and extra in PROJECT["optional-dependencies"]
    assert all("--constraint constraints.txt" in line for line in lines if "pip install" in line)


def test_the_services_image_has_no_torch() -> None:
    assert not any("torch" in line for line in stages()["build-service"].all("RUN"))


@pytest.mark.parametrize(
    ("index", "asked"),
    [
        ("", ["torch", "torchvision"]),
        ("file:///wheels/a b", ["--no-deps", "--index-url", "file:///wheels/a b", "torch", "torchvision"]),
    ],
)
def test_torch_comes_from_the_index_that_is_given(index: str, asked: list[str]) -> None:
    (line,) = [line for line in stages()["build-worker"].all("RUN") if line.endswith("torch torchvision")]
    shell = f'pip() {{ for word in "$@"; do echo "$word"; done; }}\n{line}'

    said = subprocess.run(
        ["sh", "-c", shell], env={"TORCH_INDEX": index}, capture_output=True, text=True, check=True
    ).stdout.splitlines()

    assert said == ["install", "--no-cache-dir", "--constraint", "constraints.txt", *asked]


def test_no_index_is_written_down() -> None:
    assert "://" not in DOCKERFILE.read_text()


def test_python_is_one_that_the_project_supports() -> None:
    (version,) = re.findall(r"ARG PYTHON_VERSION=3\.(\d+)", DOCKERFILE.read_text())
    (least,) = re.findall(r">=3\.(\d+)", PROJECT["requires-python"])

    assert int(version) >= int(least)
