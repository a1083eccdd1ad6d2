"""The documentation of tasks and data is true."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from clr import optimizers
from clr.plan import check
from clr.protocol import TrainingOptions, TrialConfig
from clr.results import Finished
from clr.spec import parse
from clr.tasks import built_in_facts, make, registry
from clr.tasks.augment_options import NAMES
from clr.tasks.models import registry as models
from clr.training.loop import train

DOCS = Path(__file__).parents[2] / "docs"
DATA = (DOCS / "data.md").read_text()


@pytest.fixture
def waves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The example's file, imported as a worker does."""
    (code,) = re.findall(r"```python\n(.*?)```", (DOCS / "add-a-task.md").read_text(), flags=re.DOTALL)
    (tmp_path / "waves.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry, "_registered", {})
    __import__("waves")
    yield
    del sys.modules["waves"]


def test_the_examples_task_learns(waves: None) -> None:
    task = make("waves", {"noise": 0.8})
    config = TrialConfig(
        phase="confirm", task="waves", model="mlp", optimizer="sgd", batch_size=50, iterations=160, evaluate_every=80,
        schedule={"family": "cosine", "lr": 0.2, "end_lr": 0.0, "iterations": 160}, seed=1, split_seed=2, test=True,
    )  # fmt: skip

    *_, finished = train(config, task=task)

    assert isinstance(finished, Finished)
    assert finished.test["accuracy"] > 0.8


def test_the_examples_task_keeps_what_the_page_asks(waves: None) -> None:
    task = make("waves")
    splits, again, other = (task.splits(seed) for seed in (1, 1, 2))

    sizes = tuple(len(split) for split in vars(splits).values())
    assert sizes == (task.facts().train_size, task.facts().validation_size, task.facts().test_size)
    assert splits.train.inputs.equal(again.train.inputs) and not splits.train.inputs.equal(other.train.inputs)
    assert splits.test.inputs.equal(other.test.inputs)


def test_the_examples_spec_can_run(waves: None) -> None:
    spec = parse({"task": "waves", "arms": ["fixed", "cosine"]})

    assert check(spec, make("waves").facts(), ["waves"]) == ()


def test_the_table_of_sets_has_the_facts() -> None:
    rows = re.findall(r"^\| `([a-z0-9-]+)` \| [^|]+ \| ([\d,]+) / ([\d,]+) / ([\d,]+) \| (\d+) \| `(\w+)`", DATA, re.M)

    documented = {name: (*(int(n.replace(",", "")) for n in numbers), model) for name, *numbers, model in rows}
    assert documented == {
        facts.name: (facts.train_size, facts.validation_size, facts.test_size, facts.classes, facts.default_model)
        for facts in built_in_facts()
        if facts.fixed
    }


def test_every_augmentation_optimizer_training_option_and_own_model_is_named() -> None:
    named = set(re.findall(r"`([\w.-]+)`", DATA))

    missing = {
        *NAMES, *optimizers.OPTIMIZERS, *optimizers.REFUSED, *TrainingOptions.model_fields, *models.CIFAR_RESNETS
    } - named  # fmt: skip
    assert not missing


@pytest.mark.parametrize("part", re.findall(r"```yaml\n(.*?)```", DATA, flags=re.DOTALL))
def test_the_pages_parts_of_a_spec_are_right(part: str) -> None:
    yaml = pytest.importorskip("yaml")

    spec = parse({"task": "digits", "arms": ["fixed"], **yaml.safe_load(part)})

    facts = next(facts for facts in built_in_facts() if facts.name == spec.task.name)
    assert check(spec, facts, [facts.name]) == ()
