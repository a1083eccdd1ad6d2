"""What every task of the registry must keep: a new built-in task is tested by being registered."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from clr.errors import TaskError
from clr.protocol import TaskFacts
from clr.tasks import all_facts, make, names
from clr.tasks import base as task_base
from clr.tasks.base import Examples, Task


@pytest.fixture(params=names())
def task(request: pytest.FixtureRequest, class_folders: Path, published_sets: Path) -> Task:
    options = {"image-folder": {"path": str(class_folders)}}
    return make(request.param, options.get(request.param, {}))


def rows(examples: Examples) -> list[bytes]:
    return [row.numpy().tobytes() for row in examples.inputs]


def test_the_facts_are_those_of_the_data(task: Task) -> None:
    facts, splits = task.facts(), task.splits(0)

    assert (facts.train_size, facts.validation_size, facts.test_size) == tuple(
        len(split) for split in (splits.train, splits.validation, splits.test)
    )
    assert splits.train.inputs.shape[1:] == facts.input_shape
    assert splits.train.targets.unique().tolist() == list(range(facts.classes))


def test_inputs_are_float32_and_targets_int64(task: Task) -> None:
    for split in vars(task.splits(0)).values():
        assert split.inputs.dtype == torch.float32
        assert split.targets.dtype == torch.int64


def test_the_facts_survive_the_wire(task: Task) -> None:
    assert TaskFacts.model_validate_json(task.facts().model_dump_json()) == task.facts()


def test_the_facts_name_the_metric_that_decides(task: Task) -> None:
    assert (task.facts().metric, task.facts().direction) == (task.metric, task.direction)


def test_the_default_model_is_one_of_the_models(task: Task) -> None:
    assert task.facts().default_model in task.facts().models


def test_what_is_announced_agrees_with_the_facts(task: Task) -> None:
    announced, facts = type(task).announced(), task.facts()

    assert announced in all_facts()
    if announced.fixed:
        assert announced == facts
    found = {"train_size", "validation_size", "test_size", "input_shape", "classes", "description"}
    assert announced.model_dump(exclude=found) == facts.model_dump(exclude=found)


def test_no_example_is_in_two_splits(task: Task) -> None:
    splits = task.splits(3)
    everything = [*rows(splits.train), *rows(splits.validation), *rows(splits.test)]

    assert len(set(everything)) == len(everything)


def test_the_same_split_seed_cuts_the_same(task: Task) -> None:
    assert rows(task.splits(5).train) == rows(task.splits(5).train)


def test_the_test_split_does_not_depend_on_the_split_seed(task: Task) -> None:
    assert torch.equal(task.splits(0).test.targets, task.splits(1).test.targets)


def test_another_split_seed_validates_on_other_examples(task: Task) -> None:
    first, second = task.splits(0).validation.targets, task.splits(1).validation.targets

    assert not torch.equal(first, second)


def test_every_split_is_shuffled_and_has_every_class(task: Task) -> None:
    for split in vars(task.splits(0)).values():
        assert split.targets.unique().tolist() == list(range(task.facts().classes))
    assert not torch.equal(task.splits(0).train.targets, task.splits(0).train.targets.sort().values)


def test_a_model_is_a_function_of_its_seed(task: Task) -> None:
    first, again, other = (task.model("mlp", {}, seed).state_dict() for seed in (1, 1, 2))

    assert all(torch.equal(first[name], again[name]) for name in first)
    assert any(not torch.equal(first[name], other[name]) for name in first)


def test_making_a_model_leaves_the_global_generators_alone(task: Task) -> None:
    torch_state, python_state = torch.get_rng_state(), random.getstate()

    task.model("mlp", {}, 7)

    assert torch.equal(torch.get_rng_state(), torch_state)
    assert random.getstate() == python_state


def test_a_wrong_model_option_is_refused_by_name(task: Task) -> None:
    with pytest.raises(TaskError, match=r"has no option depth\. Its options: hidden"):
        task.model("mlp", {"depth": 3}, 0)


def test_the_loss_is_the_mean_over_the_batch(task: Task) -> None:
    examples, model = task.splits(0).train, task.model("mlp", {}, 0)
    outputs = model(examples.inputs[:8])
    each = [task.loss(outputs[i : i + 1], examples.targets[i : i + 1]) for i in range(8)]

    assert task.loss(outputs, examples.targets[:8]).item() == pytest.approx(torch.stack(each).mean().item())


def test_an_evaluation_gives_plain_floats_among_them_the_metric(task: Task) -> None:
    metrics = task.evaluate(task.model("mlp", {}, 0), task.splits(0).validation)

    assert {type(value) for value in metrics.values()} == {float}
    assert 0 <= metrics[task.metric] <= 1
    assert metrics["loss"] == pytest.approx(2, abs=1.5)


@pytest.mark.parametrize("training", [True, False])
def test_an_evaluation_puts_the_models_mode_back(task: Task, training: bool) -> None:
    model = task.model("mlp", {}, 0).train(training)

    task.evaluate(model, task.splits(0).validation)

    assert model.training is training


def test_the_evaluations_batch_size_does_not_matter(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    model, examples = task.model("mlp", {}, 0), task.splits(0).train
    whole = task.evaluate(model, examples)

    monkeypatch.setattr(task_base, "EVALUATION_BATCH", 7)

    assert task.evaluate(model, examples) == pytest.approx(whole, rel=1e-6)


def test_an_unknown_task_option_is_refused_by_name(task: Task) -> None:
    with pytest.raises(TaskError, match="has no option colour"):
        make(task.facts().name, {"colour": "red"})
