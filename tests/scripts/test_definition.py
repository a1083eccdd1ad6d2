"""Task files: what they say, and what is wrong with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scripting import a_config

from clr import plan
from clr.analysis import decision, words
from clr.errors import InvalidSpec
from clr.scripts import added, definition
from clr.spec import parse

WHOLE = """
name: mine
command: python train.py --epochs {epochs} --width {options.width}
metric: accuracy
direction: maximize
updates_per_epoch: 10
options: {width: 64, rate: 1e-3, deep: false, kind: {type: string, enum: [a, b]}}
files: [train.py, "lib/*.py"]
test_size: 500
description: What I train.
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lib").mkdir()
    for name in ("train.py", "lib/a.py", "lib/b.py"):
        (tmp_path / name).write_text(name)
    (tmp_path / "task.yaml").write_text(WHOLE)
    return tmp_path


def wrong(where: Path, changes: dict[str, Any]) -> dict[str, str]:
    """What is wrong with the file under these changes, by field."""
    known = {"name": "mine", "command": "python train.py", "metric": "accuracy", "direction": "maximize"}
    document = {**known, "updates_per_epoch": 10, **changes}
    (where / "task.json").write_text(json.dumps({key: value for key, value in document.items() if value != "-"}))
    with pytest.raises(InvalidSpec) as caught:
        definition.load(where / "task.json")
    return {error.pointer: error.detail for error in caught.value.errors}


def test_a_task_file_gives_the_facts(folder: Path) -> None:
    facts = definition.load(folder / "task.yaml").facts()

    assert (facts.name, facts.metric, facts.direction, facts.test_size) == ("mine", "accuracy", "maximize", 500)
    assert (facts.updates_per_epoch, facts.models, facts.fixed) == (10, ("script",), True)
    properties = facts.options_schema["properties"]
    assert {name: schema["type"] for name, schema in properties.items()} == {
        "width": "integer",
        "rate": "number",
        "deep": "boolean",
        "kind": "string",
    }
    assert properties["rate"]["default"] == 1e-3
    assert facts.options_schema["required"] == ["kind"]


def test_the_hash_follows_the_files_and_the_command(folder: Path) -> None:
    before = definition.load(folder / "task.yaml").code_hash()
    assert definition.load(folder / "task.yaml").code_hash() == before
    other = definition.load(folder / "task.yaml", "python train.py").code_hash()

    (folder / "lib" / "b.py").write_text("changed")

    assert len({before, other, definition.load(folder / "task.yaml").code_hash()}) == 3


def test_a_total_of_updates_makes_the_default_budget_just_that(folder: Path) -> None:
    facts = definition.define(
        {
            "name": "mine",
            "command": "x",
            "metric": "loss",
            "direction": "minimize",
            "iterations": 400,
            "folder": str(folder),
        }
    ).facts()

    assert plan.make(parse({"task": "mine", "arms": ["fixed"]}), facts).iterations == 400


def test_the_batch_size_of_a_spec_does_not_change_a_script_s_epochs(folder: Path) -> None:
    facts = definition.load(folder / "task.yaml").facts()
    document = {"task": {"name": "mine", "options": {"kind": "a"}}, "arms": ["fixed"], "budget": {"epochs": 3}}
    spec = parse({**document, "batch_size": 4096})

    assert plan.check(spec, facts, ["mine"]) == ()
    assert plan.make(spec, facts).iterations == 30


def test_a_script_without_test_split_is_noted_in_the_plan(folder: Path) -> None:
    facts = definition.load(folder / "task.yaml").facts()
    spec = parse({"task": "mine", "arms": ["fixed"]})

    assert not any("no test split" in note for note in plan.make(spec, facts).notes)
    without = plan.make(spec, facts.model_copy(update={"test_size": 0}))
    assert any("mine has no test split: a confirmed value is the last validation accuracy" in n for n in without.notes)
    assert [words.confirmed_metric(made) for made in (plan.make(spec, facts), without)] == [
        "test accuracy",
        "validation accuracy",
    ]


def test_without_a_test_split_the_margin_counts_validation_examples(folder: Path) -> None:
    facts = definition.load(folder / "task.yaml").facts().model_copy(update={"test_size": 0, "validation_size": 100})
    made = plan.make(parse({"task": "mine", "arms": ["fixed"]}), facts)

    assert (decision.margin(made), decision.resolution(made)) == (0.02, 0.01)


def test_training_options_that_a_script_would_not_see_are_refused(folder: Path) -> None:
    facts = definition.load(folder / "task.yaml").facts()
    task = {"name": "mine", "options": {"kind": "a"}}
    spec = parse({"task": task, "arms": ["fixed"], "training": {"clip_norm": 1.0, "precision": "fp32"}})

    (error,) = plan.check(spec, facts, ["mine"])

    assert error.pointer == "/training/clip_norm"
    assert "mine trains itself" in error.detail


@pytest.mark.parametrize(
    ("changes", "pointer", "said"),
    [
        ({"name": "-"}, "/name", "is missing"),
        ({"name": "a b"}, "/name", "should match pattern"),
        ({"name": "digits"}, "/name", "is a built-in task"),
        ({"colour": 1}, "/colour", "no such field"),
        ({"metric": "lr"}, "/metric", "is a key of the report itself"),
        ({"direction": "up"}, "/direction", "'maximize' or 'minimize'"),
        ({"updates_per_epoch": "-"}, "", "give exactly one of updates_per_epoch and iterations"),
        ({"iterations": 100}, "", "give exactly one of updates_per_epoch and iterations"),
        ({"updates_per_epoch": 0}, "/updates_per_epoch", "greater than or equal to 1"),
        ({"hang": 0}, "/hang", "greater than 0"),
        ({"command": ""}, "/command", "is missing"),
        ({"command": "python 'train.py"}, "/command", "can't be split into words: No closing quotation"),
        ({"command": "x {sed}"}, "/command", "{sed} stands for nothing; known: "),
        ({"command": "x {options.width}"}, "/command", "{options.width} stands for nothing"),
        ({"command": "x {}"}, "/command", "{} stands for nothing"),
        (
            {"command": "x {epochs}", "updates_per_epoch": "-", "iterations": 5},
            "/command",
            "needs updates_per_epoch",
        ),
        ({"options": {"a b": 1}}, "/options/a b/[key]", "should match pattern"),
        ({"files": ["absent.py"]}, "/files", "no file 'absent.py' in"),
        ({"files": ["../x.py"]}, "/files", "must lie below the task file's folder"),
        ({"folder": "here"}, "/folder", "must be an existing folder, got"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_by_field(
    folder: Path, changes: dict[str, Any], pointer: str, said: str
) -> None:
    found = wrong(folder, changes)

    assert said in found[pointer], found


def test_everything_that_is_wrong_is_listed_at_once(folder: Path) -> None:
    assert set(wrong(folder, {"command": "x {sed}", "files": ["absent.py"]})) == {"/command", "/files"}


@pytest.mark.parametrize("text", ["[1]", "a: [", "", "name: x\nname: y"])
def test_a_file_that_is_no_task_is_refused(folder: Path, text: str) -> None:
    (folder / "task.yaml").write_text(text)

    with pytest.raises(InvalidSpec, match="task"):
        definition.load(folder / "task.yaml")


def test_an_added_task_is_found_with_its_own_folder(folder: Path) -> None:
    task = definition.load(folder / "task.yaml", "python other.py")

    added.add(task)

    ((_, found),) = added.tasks()
    assert found == task
    assert found.folder == str(folder)


def test_an_added_task_whose_files_are_gone_says_so(folder: Path) -> None:
    added.add(definition.load(folder / "task.yaml"))
    (folder / "train.py").unlink()

    ((path, found),) = added.tasks()

    assert path.name == "mine.yaml"
    assert isinstance(found, InvalidSpec) and "no file 'train.py'" in str(found)


def test_a_config_s_options_take_the_place_of_defaults(folder: Path) -> None:
    task = definition.load(folder / "task.yaml")

    assert {**task.defaults(), **a_config(task_options={"width": 3}).task_options} == {
        "width": 3,
        "rate": 1e-3,
        "deep": False,
    }
