"""The table of optimizers, and what is built from it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from clr import optimizers as table
from clr.errors import UnknownName
from clr.training import optimizers


def test_the_names_are_those_of_the_table() -> None:
    assert table.names() == ("adam", "adamw", "sgd")


@pytest.mark.parametrize("name", table.names())
def test_the_defaults_are_right_and_build(name: str) -> None:
    defaults = {option: spec.default for option, spec in table.OPTIMIZERS[name].items()}

    assert table.check(name, {}) == table.check(name, defaults) == []
    assert table.complete(name, {}) == defaults
    assert type(optimizers.make(name, {}, nn.Linear(2, 2))).__name__.lower() == name


@pytest.mark.parametrize("name", table.names())
def test_every_option_reaches_torch(name: str) -> None:
    values = {"momentum": 0.5, "nesterov": True, "weight_decay": 0.25, "beta1": 0.7, "beta2": 0.8, "eps": 1e-4}
    given = {option: values[option] for option in table.OPTIMIZERS[name]}

    (group,) = optimizers.make(name, given, nn.Linear(2, 2)).param_groups

    betas = dict(zip(("beta1", "beta2"), group.get("betas", ()), strict=False))
    assert {option: (group | betas)[option] for option in given} == given


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [
        ("sgd", "momentum", 1.5),
        ("sgd", "momentum", -0.1),
        ("sgd", "momentum", math.nan),
        ("sgd", "momentum", "0.9"),
        ("sgd", "momentum", True),
        ("adam", "eps", 0),
        ("adamw", "weight_decay", math.inf),
    ],
)
def test_a_value_out_of_range_is_named_with_its_range(name: str, option: str, value: object) -> None:
    (message,) = table.check(name, {option: value})

    assert message.startswith(f"{option} of {name} must lie in [")
    assert repr(value) in message


def test_everything_wrong_is_listed_at_once() -> None:
    assert len(table.check("sgd", {"momentum": 2, "nesterov": 1, "lr": 0.1})) == 3


def test_nesterov_needs_momentum() -> None:
    assert table.check("sgd", {"nesterov": True, "momentum": 0}) == ["nesterov of sgd needs momentum above 0, got 0."]


def test_an_unknown_optimizer_is_refused_with_the_known_names() -> None:
    assert table.check("lion", {}) == ["There is no optimizer 'lion'. Known: adam, adamw, sgd."]
    with pytest.raises(UnknownName):
        optimizers.make("lion", {}, nn.Linear(2, 2))


def test_building_with_a_wrong_option_raises_what_check_says() -> None:
    with pytest.raises(ValueError, match="momentum of sgd must lie in"):
        optimizers.make("sgd", {"momentum": 3.0}, nn.Linear(2, 2))


def test_the_rate_is_zero_until_the_schedule_sets_it() -> None:
    model = nn.Linear(2, 2)
    before = model.weight.detach().clone()
    model(torch.ones(1, 2)).sum().backward()

    optimizers.make("sgd", {}, model).step()

    assert torch.equal(model.weight, before)
