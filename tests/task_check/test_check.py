"""`clr tasks check` says in plain words what is wrong with a task: real runs of small scripts, each wrong once."""

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from clr.protocol import TaskFacts
from clr.scripts import definition
from clr.scripts.command import CommandTask
from clr.task_check import check
from clr.tasks import registry
from clr.tasks.base import ClassificationTask, Examples, Splits

SCRIPT = """
import random
import clr
run = clr.run(iterations=10)
chance = random.Random(SEED)
weight, rate = chance.random(), 0.0
for done in range(1, run.iterations + 1):
    rate = RATE
    weight += rate * (1 - weight)
    if run.due(done) and run.report(AT, closeness=VALUE, LR):
        break
if run.test:
    run.report_test(closeness=weight)
"""
RIGHT = {
    "SEED": "run.seed",
    "RATE": "run.rate(done - 1)",
    "AT": "done",
    "VALUE": "weight",
    "LR": "lr=rate",
}


@pytest.fixture
def found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """What the check finds in the script with some of its parts replaced."""
    monkeypatch.setattr(registry, "_registered", {})

    def checked(test_size: int = 100, **replaced: str) -> dict[str, tuple[str, str]]:
        text = SCRIPT
        for part, value in {**RIGHT, **replaced}.items():
            text = text.replace(part, value)
        (tmp_path / "train.py").write_text(text)
        about = {"name": "script", "command": "{python} train.py", "metric": "closeness", "direction": "maximize"}
        task = definition.define({**about, "updates_per_epoch": 5, "test_size": test_size, "folder": str(tmp_path)})
        registry.register("script", CommandTask(task))
        report = check("script", iterations=10)
        assert report.passed == all(finding.level != "problem" for finding in report.findings)
        return {finding.about: (finding.level, finding.text) for finding in report.findings}

    return checked


def test_nothing_is_wrong_with_a_script_that_keeps_the_rules(found) -> None:
    assert {about: level for about, (level, _) in found().items()} == {
        "run": "ok", "learning rate": "ok", "seed": "ok",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("replaced", "about", "level", "words"),
    [
        ({"SEED": "None"}, "seed", "problem", "not seeded: two runs of seed 11 differ"),
        ({"SEED": "7"}, "seed", "problem", "the seed is not used"),
        ({"RATE": "0.5"}, "learning rate", "problem", "not applied: update 2 ran at 0.5, the schedule has"),
        ({"RATE": "run.rate(done)"}, "learning rate", "problem", "has this rate for update 3"),
        ({"LR": "loss=0.0"}, "learning rate", "warning", "does not say which rate it used"),
        ({"VALUE": "float('nan')"}, "run", "problem", "diverged. Seed 11: at update 2"),
        ({"AT": "done + 10"}, "run", "problem", "but the run has 10"),
        ({"VALUE": "weight if done < 5 else 1 / 0"}, "run", "problem", "exited with code 1 after update 4 of 10"),
    ],
)
def test_what_is_wrong_is_said_in_plain_words(found, replaced: dict, about: str, level: str, words: str) -> None:
    said = found(**replaced)
    assert said[about][0] == level and words in said[about][1]


def test_a_report_that_is_missing_where_one_was_due_is_named(found) -> None:
    said = found(**{"run.due(done)": "done in (3, 10)"})
    assert said["reports"][0] == "warning" and "no report at update 2 and others" in said["reports"][1]


def test_a_task_without_a_test_split_is_told_what_that_means(found) -> None:
    assert found(test_size=0)["test"] == ("warning", "no test split: a confirmed value is the last validation metric")


class Overlapping(ClassificationTask):
    """Validation examples are training examples, and the facts count them wrongly."""

    def facts(self) -> TaskFacts:
        sizes = {"train_size": 80, "validation_size": 30, "test_size": 20}
        return TaskFacts(
            name="overlapping", metric="accuracy", direction="maximize", input_shape=(4,), classes=2, models=("mlp",),
            default_model="mlp", **sizes,
        )  # fmt: skip

    def splits(self, split_seed: int, device: str | torch.device = "cpu") -> Splits:
        inputs = torch.randn(100, 4, generator=torch.Generator().manual_seed(0))
        every = Examples(inputs, (inputs[:, 0] > 0).long()).to(device)
        return Splits(*(every.take(torch.arange(*part)) for part in ((0, 80), (60, 80), (80, 100))))


def test_splits_that_overlap_and_wrong_sizes_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {})
    monkeypatch.setitem(sys.modules, "overlapping_task", SimpleNamespace(Overlapping=Overlapping))
    registry.register("overlapping", "overlapping_task:Overlapping")
    report = check("overlapping", iterations=60, batch_size=16)
    said = {finding.about: finding.text for finding in report.findings if finding.level == "problem"}
    assert said["splits"] == "20 examples stand in train and in validation: the splits overlap, and the metric flatters"
    assert said["facts"] == "facts() says 30 validation examples, there are 20"


def test_the_command_measures_a_built_in_task_and_needs_no_service() -> None:
    command = [sys.executable, "-m", "clr.cli", "tasks", "check", "digits", "--iterations", "80", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert {finding["level"] for finding in report["findings"]} == {"ok"}
    measured = report["measured"]
    assert 0 < measured["iteration_seconds"] < 1 and 0 < measured["evaluation_seconds"] < 10
    assert measured["peak_bytes"] > 2**27
    assert "run 3 of 3" in done.stderr


def test_the_command_says_which_option_is_wrong() -> None:
    command = [sys.executable, "-m", "clr.cli", "tasks", "check", "cifar10", "--option", 'augment=["flop"]']
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 2 and "/task/options/augment/0" in done.stderr
