"""The test leaves no trace: the complaints about other finders, each as a fact."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import CyclicLR, LambdaLR, LRScheduler, OneCycleLR

import clr
from clr import schedules


def bits(value: Any) -> Any:
    """A value whose equality is equality of bits, NaN and -0.0 included."""
    if isinstance(value, Tensor):
        return value.dtype, tuple(value.shape), value.detach().cpu().contiguous().view(-1).numpy().tobytes()
    if isinstance(value, np.ndarray):
        return value.tobytes()
    if isinstance(value, dict):
        return {name: bits(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [bits(part) for part in value]
    return value


def everything(problem: Any) -> Any:
    """Model, optimizer and random state."""
    model, optimizer = problem.model, problem.optimizer
    return bits(
        {
            "tensors": dict(model.state_dict()),
            "modes": {name: module.training for name, module in model.named_modules()},
            "required": {name: parameter.requires_grad for name, parameter in model.named_parameters()},
            "gradients": {name: parameter.grad for name, parameter in model.named_parameters()},
            "optimizer": optimizer.state_dict(),
            "random": [random.getstate(), np.random.get_state(), torch.get_rng_state()],
        }
    )


def train(problem: Any, updates: int = 3) -> None:
    """Some updates, the last gradient left in place."""
    for inputs, targets in problem.pairs[:updates]:
        problem.optimizer.zero_grad()
        problem.loss(problem.model(inputs), targets).backward()
        problem.optimizer.step()


def identities(problem: Any) -> list[Any]:
    """Which objects hold it, and the optimizer's attributes."""
    optimizer = problem.optimizer
    parameters = [part for p in problem.model.parameters() for part in (p, p.grad)]
    states = [value for state in optimizer.state.values() for value in state.values() if isinstance(value, Tensor)]
    held = [id(value) for value in (*parameters, *problem.model.buffers(), *states, *optimizer.param_groups)]
    return [*held, {name: id(value) for name, value in vars(optimizer).items()}]


@pytest.fixture
def trained(problem: Any) -> Any:
    """In mid-training: momentum, gradients, a frozen layer, a part in evaluation mode, a rate of its own."""
    train(problem)
    problem.model[0].weight.requires_grad_(False)
    problem.model[1].eval()
    problem.optimizer.param_groups[0]["lr"] = 0.0123
    return problem


def test_weights_buffers_modes_gradients_optimizer_and_random_state_are_what_they_were(trained: Any) -> None:
    before, same = everything(trained), identities(trained)

    trained.range_test(seeds=2, reset=True)

    assert everything(trained) == before
    assert identities(trained) == same


def test_they_are_what_they_were_when_the_loss_raises_in_mid_ramp(trained: Any) -> None:
    before = everything(trained)
    calls = iter(range(10_000))

    def failing(outputs: Tensor, targets: Tensor) -> Tensor:
        if next(calls) == 60:
            raise ZeroDivisionError
        return nn.functional.cross_entropy(outputs, targets)

    trained.loss = failing
    with pytest.raises(ZeroDivisionError):
        trained.range_test()

    assert everything(trained) == before


def test_they_are_what_they_were_when_it_is_interrupted(trained: Any) -> None:
    before = everything(trained)

    def interrupt(progress: clr.lr_range_test.Progress) -> None:
        if progress.seed == 1 and progress.iteration > 100:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained.range_test(progress=interrupt)

    assert everything(trained) == before


def test_training_after_a_test_goes_on_as_if_there_had_been_none(problem: Any) -> None:
    alone = copy.deepcopy(problem)
    for each in (problem, alone):
        torch.manual_seed(5)
        train(each)
        if each is problem:
            each.range_test(seeds=1)
        train(each, updates=8)

    assert everything(problem) == everything(alone)


@pytest.mark.parametrize(
    "make",
    [
        lambda o: torch.optim.Adam(o, lr=1e-3),
        lambda o: torch.optim.Adam(o, lr=torch.tensor(1e-3), capturable=False),
        lambda o: torch.optim.Adagrad(o, lr=1e-2),
        lambda o: torch.optim.RMSprop(o, lr=1e-3, centered=True),
        lambda o: torch.optim.NAdam(o, lr=1e-3),
        lambda o: torch.optim.AdamW(o, lr=1e-3, amsgrad=True, foreach=True),
    ],
    ids=["Adam", "Adam, tensor rate", "Adagrad", "RMSprop", "NAdam", "AdamW foreach"],
)
def test_any_optimizer_keeps_its_state(problem: Any, make: Callable[[Any], Any]) -> None:
    problem.optimizer = make(problem.model.parameters())
    train(problem)
    before, same = everything(problem), identities(problem)

    problem.range_test(seeds=1, rerun=False)

    assert everything(problem) == before
    assert identities(problem) == same


@pytest.mark.parametrize(
    "make",
    [
        lambda o: clr.ScheduleLR(o, schedules.Triangular(base_lr=0.01, max_lr=0.1, step_size=4)),
        lambda o: CyclicLR(o, base_lr=0.01, max_lr=0.1, step_size_up=4),
        lambda o: OneCycleLR(o, max_lr=0.1, total_steps=20),
        lambda o: LambdaLR(o, lambda i: 0.9**i),
    ],
    ids=["ScheduleLR", "CyclicLR", "OneCycleLR", "LambdaLR"],
)
def test_a_schedule_on_the_optimizer_goes_on_where_it_was(problem: Any, make: Callable[[Any], LRScheduler]) -> None:
    def rates(tested: bool) -> list[Any]:
        each = copy.deepcopy(problem)
        schedule, found = make(each.optimizer), []
        for inputs, targets in each.pairs:
            if tested and len(found) == 2:
                each.range_test(seeds=1, rerun=False)
            each.loss(each.model(inputs), targets).backward()
            each.optimizer.step()
            schedule.step()
            found.append([(group["lr"], group["momentum"]) for group in each.optimizer.param_groups])
        return found

    assert rates(tested=True) == rates(tested=False)


def test_a_schedule_does_not_count_the_tests_updates_as_its_own(problem: Any) -> None:
    schedule = clr.ScheduleLR(problem.optimizer, schedules.Triangular(base_lr=0.01, max_lr=0.1, step_size=4))
    train(problem, updates=1)
    schedule.step()
    problem.range_test(seeds=1, rerun=False)

    schedule.step()  # no update of the user's since

    assert schedule.iteration == 1


def test_torch_still_warns_of_a_schedule_that_is_stepped_before_the_optimizer(problem: Any) -> None:
    schedule = LambdaLR(problem.optimizer, lambda i: 0.9**i)
    problem.range_test(seeds=1, rerun=False)

    with pytest.warns(UserWarning, match=r"`lr_scheduler.step\(\)` before `optimizer.step\(\)`"):
        schedule.step()


def test_hooks_before_a_step_run_and_hooks_after_it_rest(problem: Any) -> None:
    seen = {"before": 0, "after": 0}
    problem.optimizer.register_step_pre_hook(lambda *_: seen.update(before=seen["before"] + 1))
    problem.optimizer.register_step_post_hook(lambda *_: seen.update(after=seen["after"] + 1))

    problem.range_test(seeds=1, rerun=False)
    assert seen["before"] > 100 and seen["after"] == 0
    problem.optimizer.step()
    assert seen["after"] == 1


def test_a_loss_with_weights_of_its_own_keeps_them(problem: Any) -> None:
    class Scaled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = nn.Parameter(torch.ones(()))

        def forward(self, outputs: Tensor, targets: Tensor) -> Tensor:
            return nn.functional.cross_entropy(outputs * self.scale, targets)

    problem.loss = Scaled()
    problem.optimizer = torch.optim.SGD([*problem.model.parameters(), *problem.loss.parameters()], lr=0.1)

    problem.range_test(seeds=1, rerun=False)

    assert problem.loss.scale.item() == 1.0 and problem.loss.scale.grad is None


def test_what_a_layer_counts_or_keeps_beside_its_weights_is_put_back(problem: Any) -> None:
    class Counting(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.calls, self.mean = 0, torch.zeros(2)

        def forward(self, inputs: Tensor) -> Tensor:
            self.calls += 1
            self.mean.mul_(0.9).add_(inputs.mean(dim=0))
            self.last = inputs
            return inputs

    counting = Counting()
    problem.model = nn.Sequential(counting, *problem.model)

    problem.range_test(seeds=1, rerun=False)

    assert counting.calls == 0 and counting.mean.tolist() == [0.0, 0.0] and not hasattr(counting, "last")


def test_a_loaders_own_generator_is_put_back(problem: Any) -> None:
    inputs, targets = (torch.cat(parts) for parts in zip(*problem.pairs, strict=True))
    generator = torch.Generator().manual_seed(3)
    loader = torch.utils.data.DataLoader(
        torch.utils.data.TensorDataset(inputs, targets), batch_size=50, shuffle=True, generator=generator
    )
    before = generator.get_state()

    problem.range_test(batches=loader, seeds=1, rerun=False)

    assert torch.equal(generator.get_state(), before)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_a_gpus_model_and_generator_are_what_they_were(problem: Any) -> None:
    problem.model.cuda()
    torch.cuda.manual_seed(11)
    before, state = everything(problem), torch.cuda.get_rng_state_all()

    problem.range_test(seeds=1, rerun=False)

    assert everything(problem) == before
    assert bits(torch.cuda.get_rng_state_all()) == bits(state)
