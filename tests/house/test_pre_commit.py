"""The hooks of a commit: local, the same tools as `make lint`, and they stop what they are there to stop."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / ".pre-commit-config.yaml"
REPOS = yaml.safe_load(CONFIG.read_text())["repos"]
HOOKS = {hook["id"]: hook for repo in REPOS for hook in repo["hooks"]}


def pre_commit(*arguments: str, at: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    # Inside another commit git names that commit's index in its environment.
    clean = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        [sys.executable, "-m", "pre_commit", *arguments],
        cwd=at, env=clean | environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_pre_commit_takes_the_configuration(tmp_path: Path) -> None:
    checked = pre_commit("validate-config", str(CONFIG), at=tmp_path)

    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")


def test_a_commit_fetches_nothing() -> None:
    assert [repo["repo"] for repo in REPOS] == ["local"]
    assert {hook["language"] for hook in HOOKS.values()} == {"system"}


def test_the_hooks_are_the_tools_of_make_lint() -> None:
    (recipe,) = re.findall(r"^lint:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    lint = {tuple(line.strip().removeprefix("$(BIN)/").split()) for line in recipe.splitlines()}
    hooks = {
        tuple(word for word in hook["entry"].removeprefix(".venv/bin/").split() if word != "--force-exclude")
        for hook in HOOKS.values()
        if hook["entry"].startswith(".venv/")
    }

    assert {tuple(word for word in command if word != ".") for command in lint} == hooks
    for hook in hooks:
        assert shutil.which(hook[0], path=str(Path(sys.executable).parent)), hook


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A new repository with this one's hooks and rules, and this environment as its .venv."""
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    for name in (CONFIG.name, "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / ".gitignore").write_text(".venv\n")
    (tmp_path / ".venv").symlink_to(sys.prefix)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "stopped_by"),
    [
        ('"""Fine."""\n', set()),
        ('"""Unused import."""\n\nimport os\n', {"ruff check"}),
        ('"""Not in order."""\n\nx = {  "a":1}\n', {"ruff format --check"}),
        ('"""Left behind.\n\n<<<<<<< ours\n"""\n', {"no conflict markers, no trailing white space"}),
    ],
)
def test_a_hook_stops_what_it_is_there_for(checkout: Path, text: str, stopped_by: set[str]) -> None:
    (checkout / "new.py").write_text(text)
    subprocess.run(["git", "add", "--all"], cwd=checkout, check=True)

    run = pre_commit("run", at=checkout, SKIP="mypy,lint-imports", PRE_COMMIT_HOME=str(checkout / ".venv-cache"))

    failed = {name.rstrip(".") for name in re.findall(r"^(.*?)\.+Failed$", run.stdout, re.MULTILINE)}
    assert failed == stopped_by, run.stdout + run.stderr
    assert (run.returncode == 0) is (not stopped_by)
