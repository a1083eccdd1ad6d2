"""The models: Caffe's network against hand cases, torchvision's by name."""

from __future__ import annotations

import math
import re
import sys

import pytest
import torch
import torchvision
from torch import nn

from clr.errors import TaskError, UnknownName
from clr.plan import check
from clr.protocol import TaskFacts
from clr.spec import parse
from clr.tasks import built_in_facts
from clr.tasks.models import factory, registry
from clr.tasks.models.caffe import CaffeCifar10Full, WithinChannelNorm
from clr.tasks.models.cifar_resnet import Block
from clr.tasks.models.fitting import check_fit
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


_NAMES = """
    alexnet convnext_tiny densenet121 efficientnet_b0 googlenet inception_v3 maxvit_t mnasnet0_5 mobilenet_v2
    mobilenet_v3_small regnet_x_400mf regnet_y_400mf resnet18 resnext50_32x4d shufflenet_v2_x0_5 squeezenet1_0 swin_t
    vgg11_bn vit_b_16
"""
ONE_OF_EACH_KIND = _NAMES.split()


@pytest.mark.parametrize("name", ONE_OF_EACH_KIND)
def test_each_kind_of_torchvision_model_is_made_and_fits_photographs(name: str) -> None:
    """`make` sends two examples through the model and compares the answer's shape."""
    model = factory.make(name, {}, input_shape=(3, 224, 224), classes=7, seed=0)

    assert model.training
    assert all(parameter.device.type == "cpu" for parameter in model.parameters())


def test_every_kind_of_torchvision_model_is_among_them() -> None:
    def kind(name: str) -> str:
        return re.match(r"(regnet_[xy]|mobilenet_v\d|[a-z]+)", name)[0]

    assert {kind(name) for name in ONE_OF_EACH_KIND} | {"wide"} == {kind(name) for name in registry.TORCHVISION}


@pytest.mark.parametrize("name", ["resnet18", "shufflenet_v2_x0_5", "googlenet"])
def test_a_torchvision_model_answers_with_one_logit_per_class_while_training(name: str) -> None:
    model = factory.make(name, {}, input_shape=(3, 32, 32), classes=7, seed=0).train()

    assert model(torch.rand(2, 3, 32, 32)).shape == (2, 7)


@pytest.mark.parametrize("name", ["alexnet", "inception_v3", "maxvit_t", "vit_b_32"])
def test_a_model_that_is_too_large_for_the_images_is_refused_before_training(name: str) -> None:
    with pytest.raises(TaskError, match=rf"{name}.* \(3, 30, 30\)"):
        factory.make(name, {}, input_shape=(3, 30, 30), classes=10, seed=0)


def test_looking_whether_a_model_fits_changes_nothing_of_it() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Flatten(), nn.Dropout(), nn.LazyLinear(7))
    model(torch.rand(2, 3, 8, 8))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    check_fit("it", model, (3, 8, 8), 7)
    with pytest.raises(TaskError, match="it can't take inputs"):
        check_fit("it", model, (3, 9, 9), 7)
    with pytest.raises(TaskError, match="does not answer with 8 numbers"):
        check_fit("it", model, (3, 8, 8), 8)

    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize("name", ["mlp", "caffe-cifar10-full", "resnet20", "resnet18", "swin_t", "timm/resnet10t"])
def test_a_models_weights_are_a_function_of_the_seed_alone(name: str) -> None:
    if name.startswith("timm/"):
        pytest.importorskip("timm")
    state = torch.get_rng_state()

    first, again, other = (factory.make(name, {}, input_shape=(3, 32, 32), classes=5, seed=s) for s in (1, 1, 2))

    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(*pair) for pair in zip(first.parameters(), again.parameters(), strict=True))
    assert any(not torch.equal(*pair) for pair in zip(first.parameters(), other.parameters(), strict=True))


# He et al. 2015, table 6, gives 0.27, 0.46, 0.66, 0.85 and 1.7 million
@pytest.mark.parametrize(
    ("name", "parameters", "paper"),
    [
        ("resnet20", 269_722, "0.27"),
        ("resnet32", 464_154, "0.46"),
        ("resnet44", 658_586, "0.66"),
        ("resnet56", 853_018, "0.85"),
        ("resnet110", 1_727_962, "1.7"),
    ],
)
def test_a_cifar_resnet_has_the_papers_number_of_parameters(name: str, parameters: int, paper: str) -> None:
    model = factory.make(name, {}, input_shape=(3, 32, 32), classes=10, seed=0)

    assert size(model) == parameters
    assert f"{parameters / 1e6:.{len(paper) - 2}f}" == paper


def test_a_cifar_resnets_stages_have_the_papers_sizes() -> None:
    model = factory.make("resnet20", {}, input_shape=(3, 32, 32), classes=10, seed=0).eval()
    features, shapes = torch.rand(2, 16, 32, 32), []
    for block in model.blocks:
        features = block(features)
        shapes.append(tuple(features.shape[1:]))

    assert shapes == [(16, 32, 32)] * 3 + [(32, 16, 16)] * 3 + [(64, 8, 8)] * 3


def test_a_cifar_resnets_shortcut_takes_every_second_pixel_and_adds_channels_of_zeros() -> None:
    block = Block(2, 4, stride=2)
    for parameter in (block.norm2.weight, block.norm2.bias):
        nn.init.zeros_(parameter)  # the residual is nothing
    image = torch.rand(1, 2, 4, 4)

    result = block(image)

    assert torch.equal(result[0, 1:3], image[0, :, ::2, ::2])
    assert not result[0, 0].any() and not result[0, 3].any()


def test_a_cifar_resnet_takes_gray_images() -> None:
    model = factory.make("resnet20", {}, input_shape=(1, 28, 28), classes=10, seed=0)

    assert model(torch.rand(2, 1, 28, 28)).shape == (2, 10)


def test_a_timm_model_is_made_for_the_images_and_classes() -> None:
    pytest.importorskip("timm")

    model = factory.make("timm/resnet10t", {}, input_shape=(1, 28, 28), classes=5, seed=3)
    again = factory.make("timm/resnet10t", {}, input_shape=(1, 28, 28), classes=5, seed=3)

    assert model.train()(torch.rand(2, 1, 28, 28)).shape == (2, 5)
    assert all(torch.equal(*pair) for pair in zip(model.parameters(), again.parameters(), strict=True))


def test_a_timm_transformer_is_made_for_the_images_size() -> None:
    pytest.importorskip("timm")

    model = factory.make("timm/vit_tiny_patch16_224", {}, input_shape=(3, 64, 48), classes=5, seed=3)

    assert model(torch.rand(2, 3, 64, 48)).shape == (2, 5)


def test_an_unknown_timm_model_is_refused_with_close_names() -> None:
    pytest.importorskip("timm")

    with pytest.raises(TaskError, match=r"has no model 'resnet18x'\. Did you mean timm/resnet18, "):
        factory.make("timm/resnet18x", {}, input_shape=(3, 32, 32), classes=5, seed=3)


def test_without_timm_its_models_are_refused_with_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)

    with pytest.raises(TaskError, match=r"needs timm, which this worker has not: pip install 'clr-sweep\[timm\]'\."):
        factory.make("timm/resnet18", {}, input_shape=(3, 32, 32), classes=5, seed=3)


def test_a_spec_takes_timms_models_where_the_task_does() -> None:
    facts = {facts.name: facts for facts in built_in_facts()}

    def wrong(task: str, model: object) -> list[str]:
        return [
            str(error) for error in check(parse({"task": task, "model": model, "arms": ["fixed"]}), facts[task], [task])
        ]

    assert wrong("cifar10", "timm/resnet18") == wrong("mnist", "timm/convnext_atto") == wrong("svhn", "resnet110") == []
    assert wrong("digits", "timm/resnet18") == ["/model: digits has no model 'timm/resnet18'; it has: mlp"]
    (option,) = wrong("cifar10", {"name": "timm/resnet18", "options": {"depth": 3}})
    assert option == "/model/options: timm/resnet18 has no option depth. Its options: none."


def test_tasks_on_images_offer_timms_models_and_the_others_do_not() -> None:
    offered = {facts.name for facts in built_in_facts() if registry.offers(facts.models, "timm/resnet18")}

    assert offered == {facts.name for facts in built_in_facts()} - {"digits"}


@pytest.mark.parametrize("task", built_in_facts(), ids=lambda facts: facts.name)
def test_every_model_that_a_task_offers_has_a_factory(task: TaskFacts) -> None:
    for name in task.models:
        assert registry.target(name)


def test_a_torchvision_model_refuses_gray_images() -> None:
    with pytest.raises(TaskError, match=r"resnet18 takes RGB images.* got \(1, 8, 8\)"):
        factory.make("resnet18", {}, input_shape=(1, 8, 8), classes=10, seed=0)


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(UnknownName, match="no model 'resnet19'"):
        factory.make("resnet19", {}, input_shape=(3, 32, 32), classes=10, seed=0)


def test_the_first_loss_of_caffes_network_is_that_of_guessing() -> None:
    outputs = caffe()(torch.rand(20, 3, 32, 32) - 0.5)

    assert nn.functional.cross_entropy(outputs, torch.arange(20) % 10).item() == pytest.approx(math.log(10), abs=0.02)
