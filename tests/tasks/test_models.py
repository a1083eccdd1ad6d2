"""The models: Caffe's network against hand cases, torchvision's by name."""

from __future__ import annotations

import math

import pytest
import torch
import torchvision
from torch import nn

from clr.errors import TaskError, UnknownName
from clr.tasks.models import factory, registry
from clr.tasks.models.caffe import CaffeCifar10Full, WithinChannelNorm
from clr.tasks.models.parameters import parameter_groups


def caffe() -> nn.Module:
    return factory.make("caffe-cifar10-full", {}, input_shape=(3, 32, 32), classes=10, seed=0)


def size(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def test_caffes_network_has_89578_parameters() -> None:
    assert size(caffe()) == 89_578


def test_caffes_pooling_rounds_up_and_divides_by_the_pixels_inside() -> None:
    image, model = torch.arange(16.0).reshape(1, 1, 4, 4), CaffeCifar10Full()

    assert model.max_pool(image).flatten().tolist() == [10, 11, 14, 15]
    assert model.mean_pool(image).flatten().tolist() == [5, 6.5, 11, 12.5]


def test_caffes_normalisation_sees_one_channel_and_counts_outside_pixels_as_zeros() -> None:
    image = torch.stack([torch.ones(3, 3), torch.full((3, 3), 100.0)])[None]

    ones, hundreds = WithinChannelNorm()(image)[0]

    corner, edge, centre = ((1 + 5e-5 * pixels / 9) ** -0.75 for pixels in (4, 6, 9))
    expected = torch.tensor([[corner, edge, corner], [edge, centre, edge], [corner, edge, corner]])
    torch.testing.assert_close(ones, expected)
    assert hundreds[1, 1].item() == pytest.approx(100 * 1.5**-0.75)


def test_caffes_network_starts_with_caffes_deviations_and_zero_biases() -> None:
    state = caffe().state_dict()

    deviations = {name: state[f"{name}.weight"].std().item() for name in ("conv1", "conv2", "conv3", "ip1")}
    assert deviations == pytest.approx({"conv1": 1e-4, "conv2": 0.01, "conv3": 0.01, "ip1": 0.01}, rel=0.05)
    assert all(not state[name].any() for name in state if name.endswith("bias"))


def test_caffes_multipliers_are_those_of_its_prototxt() -> None:
    model = caffe()
    names = {parameter: name for name, parameter in model.named_parameters()}

    groups = parameter_groups(model, 0.004)

    found = {
        names[parameter]: (group["lr_mult"], group["weight_decay"]) for group in groups for parameter in group["params"]
    }
    assert found == {
        "conv1.weight": (1, 0.004),
        "conv1.bias": (2, 0.004),
        "conv2.weight": (1, 0.004),
        "conv2.bias": (2, 0.004),
        "conv3.weight": (1, 0.004),
        "conv3.bias": (1, 0.004),
        "ip1.weight": (1, 1.0),
        "ip1.bias": (2, 0),
    }


def test_caffes_network_multiplies_its_inputs_by_255() -> None:
    images = torch.rand(2, 3, 32, 32)
    for_bytes = factory.make("caffe-cifar10-full", {"input_scale": 1}, input_shape=(3, 32, 32), classes=10, seed=0)

    torch.testing.assert_close(caffe()(images), for_bytes(images * 255))


def test_caffes_network_refuses_other_image_sizes() -> None:
    with pytest.raises(TaskError, match=r"takes inputs of shape \(3, 32, 32\), got \(3, 28, 28\): set size to 32"):
        factory.make("caffe-cifar10-full", {}, input_shape=(3, 28, 28), classes=10, seed=0)


def test_another_model_is_one_group_that_learns_at_the_schedules_rate() -> None:
    model = factory.make("mlp", {}, input_shape=(1, 8, 8), classes=10, seed=0)

    (group,) = parameter_groups(model, 0.1)

    assert (group["lr_mult"], group["weight_decay"]) == (1.0, 0.1)
    assert len(group["params"]) == 4


@pytest.mark.parametrize(("hidden", "parameters"), [([], 650), ([32], 2410), ([16, 8], 64 * 16 + 16 + 16 * 8 + 8 + 90)])
def test_an_mlp_has_the_hidden_layers_asked_for(hidden: list[int], parameters: int) -> None:
    model = factory.make("mlp", {"hidden": hidden}, input_shape=(1, 8, 8), classes=10, seed=0)

    assert size(model) == parameters
    assert model(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


@pytest.mark.parametrize(
    ("name", "option", "value"),
    [("mlp", "hidden", value) for value in (32, [0], [1.5], ["a"], [True], None)]
    + [("caffe-cifar10-full", "input_scale", value) for value in (0, -1, True, "255", math.nan, math.inf)],
)
def test_an_option_with_a_wrong_value_is_refused_by_name(name: str, option: str, value: object) -> None:
    (message,) = registry.check(name, {option: value})

    assert message.startswith(f"{option} of {name} must be a ")
    with pytest.raises(TaskError) as raised:
        factory.make(name, {option: value}, input_shape=(3, 32, 32), classes=10, seed=0)
    assert str(raised.value) == message


@pytest.mark.parametrize("name", registry.names())
def test_an_unknown_option_is_refused_with_the_known_ones(name: str) -> None:
    (message,) = registry.check(name, {"depth": 3})

    known = ", ".join(registry.options_schema(name)["properties"]) or "none"
    assert message == f"{name} has no option depth. Its options: {known}."


def test_the_listed_torchvision_models_are_classification_models_of_this_torchvision() -> None:
    assert set(registry.TORCHVISION) <= set(torchvision.models.list_models(module=torchvision.models))


@pytest.mark.parametrize("name", ["resnet18", "shufflenet_v2_x0_5", "googlenet"])
def test_a_torchvision_model_answers_with_one_logit_per_class_while_training(name: str) -> None:
    model = factory.make(name, {}, input_shape=(3, 32, 32), classes=7, seed=0).train()

    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 7)


def test_a_torchvision_model_refuses_gray_images() -> None:
    with pytest.raises(TaskError, match=r"resnet18 takes RGB images.* got \(1, 8, 8\)"):
        factory.make("resnet18", {}, input_shape=(1, 8, 8), classes=10, seed=0)


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(UnknownName, match="no model 'resnet19'"):
        factory.make("resnet19", {}, input_shape=(3, 32, 32), classes=10, seed=0)


def test_the_first_loss_of_caffes_network_is_that_of_guessing() -> None:
    outputs = caffe()(torch.rand(20, 3, 32, 32) - 0.5)

    assert nn.functional.cross_entropy(outputs, torch.arange(20) % 10).item() == pytest.approx(math.log(10), abs=0.02)
