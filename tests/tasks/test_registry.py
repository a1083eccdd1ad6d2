"""Names resolve without imports; the three sources of tasks."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clr.errors import TaskError, UnknownName
from clr.tasks import all_facts, built_in_facts, make, names, register, registry

MODULE = """
from dataclasses import dataclass
from clr.tasks.digits import Digits
from clr.tasks.facts import DIGITS

@dataclass(frozen=True)
class Mine(Digits):
    def facts(self):
        return DIGITS.model_copy(update={"name": "mine"})
"""


@pytest.fixture
def user_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    (tmp_path / "users_task.py").write_text(MODULE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry, "_registered", {})
    yield "users_task"
    sys.modules.pop("users_task", None)


def test_listing_names_and_facts_loads_neither_torch_nor_the_tasks() -> None:
    code = """
import sys
from clr.tasks import built_in_facts, names
from clr.tasks.models import registry
import clr.optimizers
names(), built_in_facts(), registry.names(), registry.options_schema("mlp")
print(sorted(m for m in sys.modules if m.split(".")[0] in {"torch", "torchvision", "sklearn", "PIL", "fsspec"}))
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)

    assert result.stdout.strip() == "[]"


def test_an_unknown_task_is_refused_with_the_known_names() -> None:
    with pytest.raises(UnknownName, match=r"no task 'digit'. Known: .*digits, .*image-folder.*clr tasks add"):
        make("digit")


def test_the_built_in_facts_are_under_the_tasks_names() -> None:
    assert {facts.name for facts in built_in_facts()} <= set(names())
    assert [facts.name for facts in all_facts()] == sorted(names())


def test_a_registered_task_is_listed_announced_and_made(user_module: str) -> None:
    register("mine", f"{user_module}:Mine")

    assert "mine" in names()
    assert user_module not in sys.modules
    assert "mine" in {facts.name for facts in all_facts()}
    assert make("mine").facts().name == "mine"


def test_an_entry_point_makes_a_task_known(user_module: str, tmp_path: Path) -> None:
    distribution = tmp_path / "users-1.0.dist-info"
    distribution.mkdir()
    (distribution / "METADATA").write_text("Metadata-Version: 2.1\nName: users\nVersion: 1.0\n")
    (distribution / "entry_points.txt").write_text(f"[clr.tasks]\nfrom-entry-point = {user_module}:Mine\n")

    assert "from-entry-point" in names()
    assert make("from-entry-point").facts().name == "mine"


def test_a_built_in_name_cant_be_taken() -> None:
    with pytest.raises(ValueError, match="built-in task, got 'digits'"):
        register("digits", "elsewhere:Digits")


def test_a_target_without_attribute_is_refused() -> None:
    with pytest.raises(ValueError, match='must be "module:attribute"'):
        register("mine", "users_task")


@pytest.mark.parametrize("target", ["no_such_module:Task", "users_task:Yours"])
def test_a_task_whose_code_is_missing_says_which(user_module: str, target: str) -> None:
    register("mine", target)

    with pytest.raises(TaskError, match=f"Task mine can't be loaded from {target}"):
        make("mine")
