"""`@clr.task`: a function as a task, called in a process of its own."""

from __future__ import annotations

import sys
import threading
from importlib import import_module
from pathlib import Path

import pytest
from scripting import a_config

import clr
from clr.errors import InvalidSpec, ScriptDied, TaskError, UnknownName
from clr.results import Evaluated, Finished
from clr.scripts import functions
from clr.scripts.functions import TrainFunction
from clr.tasks import registry

MODULE = """
import clr

@clr.task("wave", metric="accuracy", direction="maximize", updates_per_epoch=10, options={"height": 1.0})
def train(run):
    for done in range(1, run.iterations + 1):
        if run.due(done) and run.report(done, accuracy=run.options["height"] * run.rate(done - 1)):
            return

@clr.task("raises", metric="accuracy", direction="maximize", updates_per_epoch=10)
def broken(run):
    raise ArithmeticError("the moon")
"""


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> str:
    """A user's module, as a worker imports it."""
    name = f"user_tasks_{request.node.name.replace('[', '_').replace(']', '')}"
    (tmp_path / f"{name}.py").write_text(MODULE)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    monkeypatch.setattr(functions, "declared", {})
    import_module(name)
    return name


def run(function: TrainFunction, folder: Path, **fields: object) -> list[object]:
    surroundings = {"device": "cpu", "checkpoints": folder / "checkpoints", "key": "s-slot-1/f000001"}
    return list(function.events(a_config(**fields), interrupt=threading.Event(), **surroundings))


def test_a_declared_function_has_the_facts_it_was_declared_with(module: str) -> None:
    facts = functions.declared["wave"].announced()

    assert (facts.name, facts.metric, facts.updates_per_epoch) == ("wave", "accuracy", 10)
    assert facts.options_schema["properties"]["height"] == {"type": "number", "default": 1.0}
    assert facts.code_hash


def test_a_function_is_trained_in_a_process_of_its_own(module: str, tmp_path: Path) -> None:
    found = run(functions.declared["wave"], tmp_path, task_options={"height": 10.0})

    assert [event.evaluation.iteration for event in found if isinstance(event, Evaluated)] == [10, 20, 30, 40]
    assert isinstance(found[-1], Finished)
    assert found[-1].value == pytest.approx(10 * 0.019)


def test_a_function_that_raises_costs_its_own_process(module: str, tmp_path: Path) -> None:
    with pytest.raises(ScriptDied, match="exited with code 1"):
        run(functions.declared["raises"], tmp_path)


def test_a_declared_function_is_still_a_function() -> None:
    seen = []

    @clr.task("own", metric="accuracy", direction="maximize", updates_per_epoch=1)
    def train(run: clr.Run) -> None:
        seen.append(run.iterations)

    train(clr.run(iterations=7))

    assert seen == [7]


def test_a_function_inside_another_cannot_be_a_task() -> None:
    @clr.task("inner", metric="accuracy", direction="maximize", updates_per_epoch=1)
    def train(run: clr.Run) -> None: ...

    with pytest.raises(TaskError, match="must be written at the top of its module"):
        train.announced()


def test_what_a_declaration_has_wrong_is_said_by_field(module: str) -> None:
    function = clr.task("digits", metric="accuracy", direction="maximize")(functions.declared["wave"].function)

    with pytest.raises(InvalidSpec, match="give exactly one of updates_per_epoch and iterations"):
        function.announced()


def test_an_entry_point_may_name_a_function(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_registered", {"wave": f"{module}:train"})

    assert registry.self_trained("wave") is import_module(module).train
    assert "wave" in {facts.name for facts in registry.all_facts()}
    with pytest.raises(TaskError, match="wave trains itself"):
        registry.make("wave")


def test_a_task_class_does_not_train_itself() -> None:
    assert registry.self_trained("digits") is None
    with pytest.raises(UnknownName):
        registry.self_trained("absent")
