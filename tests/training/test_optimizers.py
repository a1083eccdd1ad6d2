"""The table of optimizers, and what is built from it."""

from __future__ import annotations

import inspect
import math

import pytest
import torch
from torch import nn

from clr import optimizers as table
from clr.errors import UnknownName
from clr.training import optimizers

IN_TORCH = {
    name.lower()
    for name, kind in vars(torch.optim).items()
    if isinstance(kind, type) and issubclass(kind, torch.optim.Optimizer) and kind is not torch.optim.Optimizer
}

AS_TORCH_SAYS = {
    "betas": lambda given: (given["beta1"], given["beta2"]),
    "eps": lambda given: (given["eps1"], given["eps2"]) if "eps1" in given else given["eps"],
}


def test_every_optimizer_of_torch_is_offered_or_refused_with_a_reason() -> None:
    assert set(table.names()) | set(table.REFUSED) == IN_TORCH
    assert not set(table.names()) & set(table.REFUSED)


@pytest.mark.parametrize("name", table.REFUSED)
def test_a_refused_optimizer_says_why(name: str) -> None:
    (message,) = table.check(name, {})

    assert f"{name} can't be used here: {table.REFUSED[name]}." in message


def test_rprop_is_rightly_refused_it_trains_alike_under_all_schedules() -> None:
    def trained(rates: list[float]) -> torch.Tensor:
        weight = nn.Parameter(torch.tensor([1.0, -2.0]))
        optimizer = torch.optim.Rprop([weight])
        for rate in rates:
            optimizer.param_groups[0]["lr"] = rate
            weight.grad = weight.detach().clone()
            optimizer.step()
        return weight.detach()

    assert torch.equal(trained([0.1, 5.0, 9.0]), trained([0.1, 0.0, 0.1]))


@pytest.mark.parametrize("name", table.names())
def test_the_defaults_are_right_and_build(name: str) -> None:
    defaults = {option: spec.default for option, spec in table.OPTIMIZERS[name].items()}

    assert table.check(name, {}) == table.check(name, defaults) == []
    assert table.complete(name, {}) == defaults
    optimizer = optimizers.make(name, {}, nn.Linear(2, 2))
    kinds = {type(part).__name__.lower() for part in getattr(optimizer, "parts", [optimizer])}
    assert name in kinds


def torch_arguments(name: str) -> dict[str, object]:
    """The defaults in the signature of torch's class."""
    kind = next(kind for key, kind in vars(torch.optim).items() if key.lower() == name and isinstance(kind, type))
    return {key: given.default for key, given in inspect.signature(kind).parameters.items()}


@pytest.mark.parametrize("name", sorted({*table.names()} - {"muon"}))
def test_options_and_defaults_are_torchs_but_for_sgds_momentum(name: str) -> None:
    ours = {option: spec.default for option, spec in table.OPTIMIZERS[name].items()}
    theirs = torch_arguments(name)
    for pair, names in (("betas", ("beta1", "beta2")), ("eps", ("eps1", "eps2"))):
        if isinstance(theirs.get(pair), tuple):
            theirs |= dict(zip(names, (value or 0.0 for value in theirs.pop(pair)), strict=True))
    not_ours = {"params", "lr", "foreach", "fused", "maximize", "capturable", "differentiable"}
    if name == "adamw":
        not_ours.add("decoupled_weight_decay")
    expected = {key: value for key, value in theirs.items() if key not in not_ours} | (
        {"momentum": 0.9} if name == "sgd" else {}
    )
    if name == "adam":
        expected.pop("decoupled_weight_decay")  # adamw is that

    assert ours == expected


def other(spec: table.Option) -> float | bool:
    """A value in an option's range that is not its default."""
    if spec.type is bool:
        return not spec.default
    return next(v for v in (spec.default / 2, 0.25, 2.0) if spec.low <= v <= spec.high and v != spec.default)


@pytest.mark.parametrize("name", sorted({*table.names()} - {"muon"}))
def test_every_option_reaches_torch(name: str) -> None:
    given = {option: other(spec) for option, spec in table.OPTIMIZERS[name].items()}
    given |= {"dampening": 0.0} if name == "sgd" else {}
    assert all(value != table.OPTIMIZERS[name][option].default for option, value in given.items() if value)

    (group,) = optimizers.make(name, given, nn.Linear(2, 2)).param_groups

    singles = {"beta1", "beta2", "eps1", "eps2"}
    assert {option: group[option] for option in given if option not in singles} == {
        option: value for option, value in given.items() if option not in singles
    }
    for pair in ("betas", "eps"):
        if isinstance(group.get(pair), tuple):
            assert group[pair] == AS_TORCH_SAYS[pair](given)


def test_muon_updates_matrices_and_adamw_the_rest_at_the_schedules_rate() -> None:
    model = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 4))
    given = {"momentum": 0.8, "nesterov": False, "ns_steps": 3.0, "match_rms_adamw": False, "beta1": 0.7, "eps": 1e-6}

    muon, adam = optimizers.make("muon", given | {"weight_decay": 0.25}, model).param_groups

    assert muon["params"] == [model[2].weight]
    assert adam["params"] == [model[0].weight, model[0].bias, model[2].bias]
    assert (muon["momentum"], muon["nesterov"], muon["ns_steps"], muon["adjust_lr_fn"]) == (0.8, False, 3, "original")
    assert (adam["betas"], adam["eps"]) == ((0.7, 0.999), 1e-6)
    assert muon["weight_decay"] == adam["weight_decay"] == 0.25
    assert muon["lr_mult"] == adam["lr_mult"] == 1.0


def test_paired_optimizers_compute_what_each_computes_alone() -> None:
    def run(make) -> list[torch.Tensor]:
        torch.manual_seed(0)
        model = nn.Linear(5, 4)
        steppers = make(model)
        inputs = torch.rand(7, 5)
        for rate in (0.1, 0.02, 0.3):
            for stepper in steppers:
                for group in stepper.param_groups:
                    group["lr"] = rate
            model.zero_grad()
            model(inputs).square().sum().backward()
            for stepper in steppers:
                stepper.step()
        return [parameter.detach() for parameter in model.parameters()]

    def alone(model: nn.Linear) -> list[torch.optim.Optimizer]:
        muon = torch.optim.Muon([model.weight], lr=0.0, weight_decay=0.1, adjust_lr_fn="match_rms_adamw")
        return [muon, torch.optim.AdamW([model.bias], lr=0.0, weight_decay=0.1)]

    paired, separate = run(lambda model: [optimizers.make("muon", {}, model)]), run(alone)

    assert all(torch.equal(*pair) for pair in zip(paired, separate, strict=True))


def test_asgd_reads_the_rate_one_update_late() -> None:
    """What the table's docstring warns of."""
    weight = nn.Parameter(torch.zeros(1))
    optimizer, steps = torch.optim.ASGD([weight], lambd=0.0), []
    for rate in (0.5, 0.25, 0.125):
        before = weight.item()
        optimizer.param_groups[0]["lr"] = rate
        weight.grad = torch.ones(1)
        optimizer.step()
        steps.append(before - weight.item())

    assert steps == [0.5, 0.5, 0.25]


def test_optimizers_whose_step_is_as_large_as_the_rate_are_known() -> None:
    for name in table.names():
        sizes = []
        for scale in (1.0, 1000.0):
            layer = nn.Linear(3, 2)
            before = layer.weight.detach().clone()
            optimizer = optimizers.make(name, {"weight_decay": 0.0}, layer)
            for group in optimizer.param_groups:
                group["lr"] = 1e-3
            layer.weight.grad, layer.bias.grad = torch.full((2, 3), scale), torch.full((2,), scale)
            optimizer.step()
            sizes.append((layer.weight - before).norm().item())
        # adadelta and adagrad divide too, but their steps do not stay as large as the rate
        if name not in ("adadelta", "adagrad", "radam"):
            assert (sizes[1] < 2 * sizes[0]) == table.normalises(name), name


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
        ("rmsprop", "alpha", 1),
        ("adafactor", "beta2_decay", 0.5),
    ],
)
def test_a_value_out_of_range_is_named_with_its_range(name: str, option: str, value: object) -> None:
    (message,) = table.check(name, {option: value})

    assert message.startswith(f"{option} of {name} must lie in [")
    assert repr(value) in message


@pytest.mark.parametrize("value", [2.5, 0, 51, True])
def test_a_count_must_be_a_whole_number_in_its_range(value: object) -> None:
    (message,) = table.check("muon", {"ns_steps": value})

    assert message == f"ns_steps of muon must be a whole number in [1, 50], got {value!r}."


def test_nesterov_takes_no_dampening() -> None:
    (message,) = table.check("sgd", {"nesterov": True, "dampening": 0.5})

    assert message == "nesterov of sgd needs dampening 0, got 0.5."


def test_everything_wrong_is_listed_at_once() -> None:
    assert len(table.check("sgd", {"momentum": 2, "nesterov": 1, "lr": 0.1})) == 3


def test_nesterov_needs_momentum() -> None:
    assert table.check("sgd", {"nesterov": True, "momentum": 0}) == ["nesterov of sgd needs momentum above 0, got 0."]


def test_an_unknown_optimizer_is_refused_with_the_known_names() -> None:
    (message,) = table.check("lion", {})

    assert message == f"There is no optimizer 'lion'. Known: {', '.join(table.names())}."
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
