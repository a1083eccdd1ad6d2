"""A study's optimizer in a snippet is the optimizer that its trials are trained with."""

import pytest
import torch

from clr import optimizers, recipe
from clr.evidence import Settings
from clr.protocol import TrainingOptions
from clr.training import optimizers as training

OPTIONS = {
    "adadelta": {"rho": 0.8},
    "adafactor": {"eps1": 1e-30, "beta2_decay": -0.7},
    "adagrad": {"weight_decay": 0.01},
    "adam": {"beta1": 0.8, "amsgrad": True},
    "adamax": {},
    "adamw": {"weight_decay": 0.0},
    "asgd": {"alpha": 0.5},
    "muon": {"momentum": 0.9, "beta2": 0.99, "weight_decay": 0.2},
    "nadam": {"decoupled_weight_decay": True},
    "radam": {"eps": 1e-6},
    "rmsprop": {"momentum": 0.9, "centered": True},
    "sgd": {"nesterov": True, "weight_decay": 5e-4},
}


def settings(optimizer: str, **changes) -> Settings:
    fields = dict(
        task="digits", task_options={}, model="mlp", model_options={}, optimizer=optimizer, batch_size=64,
        optimizer_options=optimizers.complete(optimizer, OPTIONS[optimizer]), training=TrainingOptions(), iterations=30,
        epochs=1.5, trials=12, sampler="tpe", seeds=5, low=0.01, high=1.0, source="given",
    )  # fmt: skip
    return Settings(**{**fields, **changes})


@pytest.mark.parametrize("name", optimizers.names())
@pytest.mark.parametrize("kind", ["torch", "torch-native", "torch-class"])
def test_the_snippet_s_optimizer_has_the_settings_of_the_trials(name: str, kind: str) -> None:
    linear = {"family": "linear", "lr": 0.1, "end_lr": 0.05, "iterations": 30}
    scope: dict = {}

    exec(recipe.snippet(settings(name), linear, study="s1", arm="linear", kind=kind), scope)

    made = training.make(name, OPTIONS[name], scope["model"])
    parts = made.parts if name == "muon" else [made]
    shown = scope["optimizers"] if name == "muon" else [scope["optimizer"]]
    assert [type(one) for one in shown] == [type(part) for part in parts]
    for one, part in zip(shown, parts, strict=True):
        theirs, ours = one.param_groups[0], part.param_groups[0]
        apart = {"params", "lr", "initial_lr", "lr_mult"}
        assert {key: theirs[key] for key in theirs.keys() - apart} == {key: ours[key] for key in ours.keys() - apart}
        assert [id(p) for p in theirs["params"]] == [id(p) for p in ours["params"]]
        assert theirs["lr"] == pytest.approx(0.05)


def test_every_optimizer_names_its_class_of_torch() -> None:
    assert set(optimizers.TORCH_CLASSES) == set(optimizers.OPTIMIZERS)
    assert all(hasattr(torch.optim, name) for name in optimizers.TORCH_CLASSES.values())


def test_the_remarks_on_top_name_what_the_code_cannot_show() -> None:
    asked = settings("sgd", training=TrainingOptions(clip_norm=1.0, precision="bf16"))

    text = recipe.snippet(asked, {"family": "fixed", "lr": 0.1}, study="s1", arm="constant")

    assert text.startswith(
        "# constant of study s1: mlp on digits, batch 64, 30 updates (1.5 epochs).\n"
        "# Trained with sgd (momentum 0.9, nesterov true, weight_decay 0.0005), clip norm 1, precision bf16.\n"
    )
    assert "SGD(model.parameters(), lr=0.1, momentum=0.9, nesterov=True, weight_decay=0.0005)" in text


def test_of_a_script_that_trains_itself_no_optimizer_or_batch_is_claimed() -> None:
    made = settings("sgd", task="mine", model="script", self_trained=True, task_options={"width": 64})
    schedule = {"family": "fixed", "lr": 0.1}

    shown = recipe.snippet(made, schedule, study="s1", arm="fixed")

    assert recipe.trained(made) == "the script of mine (width 64), its own optimizer, 30 iterations (1.5 epochs)"
    assert "the script of mine, 30 updates" in shown
    assert "an optimizer of its own" in shown and "batch 64" not in shown


def test_one_trial_is_one_trial():
    assert recipe.tuned(settings("sgd", trials=1)).startswith("1 trial (")
    assert recipe.tuned(settings("sgd", trials=2)).startswith("2 trials (")
