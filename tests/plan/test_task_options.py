"""Task options are judged before a worker meets them."""

import pytest

from clr.plan import task_options
from clr.protocol import TaskFacts
from clr.tasks import built_in_facts

FACTS = {facts.name: facts for facts in built_in_facts()}


def wrong(options: dict, task: str = "cifar10") -> dict[str, str]:
    return {error.pointer: error.detail for error in task_options.check(options, FACTS[task])}


@pytest.mark.parametrize(
    "augment", [[], ["flip"], ["crop", "flip", {"cutout": 8}], [{"crop": 2}, "normalise"], ("flip", "cutout")]
)
def test_an_augmentation_that_the_worker_takes_is_taken(augment: object) -> None:
    assert wrong({"augment": augment}) == {}


@pytest.mark.parametrize(
    ("augment", "pointer", "word"),
    [
        (["flop"], "/task/options/augment/0", "flop"),
        (["flip", "flip"], "/task/options/augment", "unique"),
        ([{"crop": 0}], "/task/options/augment/0", "minimum"),
        ([{"crop": 1.5}], "/task/options/augment/0", "integer"),
        ([{"crop": 1, "cutout": 2}], "/task/options/augment/0", "crop"),
        ("flip", "/task/options/augment", "array"),
    ],
)
def test_an_augmentation_that_the_worker_refuses_is_refused_at_submit(augment: object, pointer: str, word: str) -> None:
    ((found, detail),) = wrong({"augment": augment}).items()
    assert found.startswith(pointer) and word in detail


def test_an_unknown_and_a_missing_option_are_named() -> None:
    found = wrong({"augmnt": []}, "image-folder")
    assert "it has: " in found["/task/options/augmnt"] and "needs it" in found["/task/options/path"]


def test_a_task_may_announce_a_schema_of_any_kind() -> None:
    nested = {
        "type": "object",
        "properties": {"width": {"enum": [16, 32]}, "layers": {"type": "array", "items": {"type": "integer"}}},
    }
    facts = FACTS["digits"].model_copy(update={"options_schema": nested})
    assert not list(task_options.check({"width": 16, "layers": [1, 2]}, facts))
    found = {error.pointer: error.detail for error in task_options.check({"width": 8, "layers": [1, "2"]}, facts)}
    assert set(found) == {"/task/options/width", "/task/options/layers/1"}


def test_a_schema_that_is_none_is_said_to_be_none() -> None:
    facts: TaskFacts = FACTS["digits"].model_copy(update={"options_schema": {"properties": {"width": {"type": "int"}}}})
    ((error),) = task_options.check({"width": 1}, facts)
    assert "schema that is none" in error.detail
