"""Accumulation, clipping, label smoothing and bfloat16: what an update computes under each."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
import torch.nn.functional as F
from pydantic import ValidationError
from torch import nn

from clr.errors import TaskError
from clr.protocol import TrainingOptions, TrialConfig
from clr.results import Evaluated, Finished
from clr.spec import parse
from clr.tasks import make
from clr.tasks.digits import Digits
from clr.training.gradients import gradients
from clr.training.loop import train
from clr.training.trial import LiveTrial

CPU = torch.device("cpu")


@pytest.fixture
def batch() -> tuple[torch.Tensor, torch.Tensor]:
    examples = make("digits").splits(0).train
    return examples.inputs[:50], examples.targets[:50]


def computed(batch, **options) -> tuple[torch.Tensor, list[torch.Tensor]]:
    """Loss and gradients of one batch, of the same weights each time."""
    task = make("digits")
    model = task.model("mlp", {}, 4)
    loss = gradients(model, task, TrainingOptions(**options), CPU)(*batch)
    return loss, [parameter.grad for parameter in model.parameters()]


def norm(grads: list[torch.Tensor]) -> float:
    return torch.cat([grad.flatten() for grad in grads]).norm().item()


@pytest.mark.parametrize("parts", [2, 7, 50, 1000])
def test_a_batch_in_parts_gives_the_whole_batchs_loss_and_gradients(batch, parts) -> None:
    (loss, grads), (whole_loss, whole) = computed(batch, accumulate=parts), computed(batch)

    assert loss.item() == pytest.approx(whole_loss.item(), rel=1e-6)
    for part, all_at_once in zip(grads, whole, strict=True):
        torch.testing.assert_close(part, all_at_once, rtol=1e-5, atol=1e-7)


def test_a_part_is_all_that_the_model_sees_at_a_time(batch) -> None:
    task, seen = make("digits"), []
    model = task.model("mlp", {}, 4)
    model.register_forward_hook(lambda module, inputs, outputs: seen.append(len(outputs)))

    gradients(model, task, TrainingOptions(accumulate=3), CPU)(*batch)

    assert seen == [17, 17, 16]


def test_an_iteration_is_one_update_however_many_parts_it_has(config) -> None:
    trial = LiveTrial(config(training=TrainingOptions(accumulate=4)), Digits(), "cpu")
    steps = []
    trial.optimizer.register_step_post_hook(lambda *_: steps.append(1))
    update = trial.updates()

    for iteration in range(5):
        update(iteration)

    assert len(steps) == 5


def test_a_gradient_above_the_norm_is_scaled_to_it(batch) -> None:
    (_, clipped), (_, whole) = computed(batch, clip_norm=0.01), computed(batch)

    assert norm(whole) > 0.02
    assert norm(clipped) == pytest.approx(0.01, rel=1e-3)
    torch.testing.assert_close(clipped[0] / norm(clipped), whole[0] / norm(whole), rtol=1e-3, atol=1e-6)


def test_a_gradient_below_the_norm_is_left_alone(batch) -> None:
    (_, clipped), (_, whole) = computed(batch, clip_norm=1e6), computed(batch)

    assert all(torch.equal(*pair) for pair in zip(clipped, whole, strict=True))


def test_the_sum_of_the_parts_is_clipped_not_each_part(batch) -> None:
    (_, parts), (_, whole) = computed(batch, clip_norm=0.01, accumulate=5), computed(batch, clip_norm=0.01)

    torch.testing.assert_close(parts[0], whole[0], rtol=1e-3, atol=1e-7)


def test_label_smoothing_is_cross_entropy_against_smoothed_targets(batch) -> None:
    inputs, targets = batch
    loss, _ = computed(batch, label_smoothing=0.2)

    smoothed = torch.full((50, 10), 0.02)
    smoothed[range(50), targets] += 0.8
    outputs = make("digits").model("mlp", {}, 4)(inputs)
    assert loss.item() == pytest.approx(F.cross_entropy(outputs, smoothed).item(), rel=1e-6)


@dataclass(frozen=True)
class OwnLoss(Digits):
    """Digits under a loss of its own."""

    def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return F.multi_margin_loss(outputs, targets)


def test_a_task_with_a_loss_of_its_own_refuses_label_smoothing(config) -> None:
    smoothed = config(training=TrainingOptions(label_smoothing=0.1))

    with pytest.raises(TaskError, match="digits has no label smoothing"):
        next(train(smoothed, task=OwnLoss()))
    assert isinstance(list(train(config(), task=OwnLoss()))[-1], Finished)


class Recorder(nn.Module):
    """A linear model that notes the type in which it computes."""

    def __init__(self) -> None:
        super().__init__()
        self.linear, self.dtypes = nn.Linear(64, 10), []

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs = self.linear(inputs.flatten(1))
        self.dtypes.append(outputs.dtype)
        return outputs


def test_bf16_computes_the_model_in_bfloat16_and_everything_else_in_float32(batch) -> None:
    task, model = make("digits"), Recorder()

    loss = gradients(model, task, TrainingOptions(precision="bf16"), CPU)(*batch)
    task.evaluate(model, task.splits(0).validation)

    assert model.dtypes == [torch.bfloat16, torch.float32]
    assert {loss.dtype, model.linear.weight.dtype, model.linear.weight.grad.dtype} == {torch.float32}


def test_a_loss_of_the_tasks_own_gets_float32_under_bf16(batch) -> None:
    dtypes = []

    class Notes(OwnLoss):
        def loss(self, outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
            dtypes.append(outputs.dtype)
            return super().loss(outputs, targets)

    gradients(Recorder(), Notes(), TrainingOptions(precision="bf16"), CPU)(*batch)

    assert dtypes == [torch.float32]


def test_bf16_gradients_are_close_to_those_of_float32_and_not_the_same(batch) -> None:
    (_, rough), (_, exact) = computed(batch, precision="bf16"), computed(batch)

    difference = norm([one - other for one, other in zip(rough, exact, strict=True)])
    assert 1e-5 < difference / norm(exact) < 0.02


def test_options_at_their_defaults_change_no_bit(batch) -> None:
    task = make("digits")
    model = task.model("mlp", {}, 4)
    task.loss(model(batch[0]), batch[1]).backward()

    _, grads = computed(batch)

    assert all(torch.equal(p.grad, grad) for p, grad in zip(model.parameters(), grads, strict=True))


@pytest.mark.parametrize(
    "options", [{"clip_norm": 0.5}, {"accumulate": 3}, {"label_smoothing": 0.1}, {"precision": "bf16"}]
)
def test_each_option_is_a_part_of_the_trial_and_leaves_it_trainable(config, options) -> None:
    plain = list(train(config()))
    *evaluated, finished = train(config(training=TrainingOptions(**options)))

    assert [*evaluated, finished] != plain
    assert all(isinstance(event, Evaluated) for event in evaluated)
    assert finished.value > 0.8


@pytest.mark.parametrize(
    "options",
    [{"clip_norm": 0}, {"accumulate": 0}, {"label_smoothing": 1.0}, {"precision": "fp16"}, {"clip": 1.0}],
)
def test_an_option_out_of_range_is_refused(options) -> None:
    with pytest.raises(ValidationError):
        TrainingOptions(**options)


def test_a_spec_and_a_config_of_before_mean_that_all_is_off(config) -> None:
    before = config().model_dump(exclude={"training"})

    assert TrialConfig.model_validate(before) == config()
    assert parse({"task": "digits", "arms": ["fixed"]}).training == TrainingOptions()
