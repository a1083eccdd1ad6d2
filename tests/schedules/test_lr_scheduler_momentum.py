"""ScheduleLR's other values: a schedule per parameter group, and momentum that follows one of its own."""

import inspect
import io

import numpy as np
import pytest
import torch
from torch.nn import Parameter
from torch.optim import SGD, Adagrad, Adam, AdamW, Optimizer
from torch.optim.lr_scheduler import CyclicLR, OneCycleLR

from clr.errors import CheckpointError, InvalidSchedule
from clr.lr_scheduler import ScheduleLR
from clr.schedules import Cosine, Fixed, Linear, OneCycle, Piecewise, Schedule, Triangular, Triangular2

torch.set_num_threads(1)

SCHEDULE = Triangular2(base_lr=0.001, max_lr=0.3, step_size=3.5)
HEAD = Cosine(lr=0.5, end_lr=0.0, iterations=20)
MOMENTUM = Linear(lr=0.95, end_lr=0.85, iterations=10)
OPTIMIZERS = {
    name: kind
    for name, kind in vars(torch.optim).items()
    if isinstance(kind, type) and issubclass(kind, Optimizer) and kind is not Optimizer
}
MOMENTUM_KEY = {
    name: key
    for name, kind in OPTIMIZERS.items()
    for key in ("momentum", "betas")
    if key in inspect.signature(kind).parameters
}


def parameters(groups: int) -> list[dict[str, object]]:
    return [{"params": [Parameter(torch.full((2, 3), 1.0 + k))]} for k in range(groups)]


def updates(optimizer: Optimizer, scheduler: object, count: int) -> list[list[dict[str, object]]]:
    """Trains, and returns what each group was set to at each update."""
    used = []
    for _ in range(count):
        optimizer.zero_grad()
        sum((p**2).sum() for group in optimizer.param_groups for p in group["params"]).backward()
        used.append(
            [{key: value for key, value in group.items() if key != "params"} for group in optimizer.param_groups]
        )
        optimizer.step()
        scheduler.step()
    return used


def rates(used: list[list[dict[str, object]]]) -> list[list[object]]:
    return [[group["lr"] for group in groups] for groups in used]


def through_a_file(state: object) -> object:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def test_each_group_follows_its_own_schedule_times_its_multiplier():
    head, body = parameters(2)
    optimizer = SGD([{**head, "lr_mult": 10.0}, body], lr=1.0)

    used = updates(optimizer, ScheduleLR(optimizer, [HEAD, SCHEDULE]), 25)

    assert rates(used) == [[10.0 * HEAD(k), SCHEDULE(k)] for k in range(25)]


@pytest.mark.parametrize("schedules", [[HEAD], [HEAD, SCHEDULE, HEAD]])
def test_as_many_schedules_as_groups_are_wanted(schedules: list[Schedule]):
    with pytest.raises(InvalidSchedule, match=r"must be one, or one per parameter group \(2\)"):
        ScheduleLR(SGD(parameters(2), lr=1.0), schedules)


@pytest.mark.parametrize("wrong", [[], [HEAD, 0.1], (None,)])
def test_a_list_of_anything_else_is_refused(wrong: list[object]):
    with pytest.raises(TypeError, match="or a list of them"):
        ScheduleLR(SGD(parameters(1), lr=1.0), wrong)


@pytest.mark.parametrize("order", [("optimizer", "scheduler"), ("scheduler", "optimizer")])
def test_schedules_and_momentum_go_on_from_a_checkpoint_in_either_order(order: tuple[str, str]):
    def build() -> tuple[Optimizer, ScheduleLR]:
        optimizer = SGD(parameters(2), lr=1.0, momentum=0.9)
        return optimizer, ScheduleLR(optimizer, [HEAD, SCHEDULE], MOMENTUM)

    unbroken, its_scheduler = build()
    expected = updates(unbroken, its_scheduler, 15)
    first, first_scheduler = build()
    updates(first, first_scheduler, 6)
    states = {"optimizer": first.state_dict(), "scheduler": through_a_file(first_scheduler.state_dict())}

    second, second_scheduler = build()
    for name in order:
        {"optimizer": second, "scheduler": second_scheduler}[name].load_state_dict(states[name])

    assert updates(second, second_scheduler, 9) == expected[6:]


def test_a_state_for_another_number_of_groups_is_refused():
    state = ScheduleLR(SGD(parameters(2), lr=1.0), [HEAD, SCHEDULE]).state_dict()

    with pytest.raises(CheckpointError, match="2 schedules, the optimizer 1 parameter groups"):
        ScheduleLR(SGD(parameters(1), lr=1.0), HEAD).load_state_dict(state)


def test_a_state_with_momentum_is_refused_where_the_optimizer_has_none():
    state = ScheduleLR(SGD(parameters(1), lr=1.0, momentum=0.9), SCHEDULE, MOMENTUM).state_dict()
    scheduler = ScheduleLR(Adagrad(parameters(1), lr=1.0), SCHEDULE)

    with pytest.raises(CheckpointError, match="momentum of Adagrad must be None"):
        scheduler.load_state_dict(state)

    assert scheduler.momentum is None


@pytest.mark.parametrize("name", MOMENTUM_KEY)
def test_momentum_follows_its_schedule_where_asked_whatever_the_optimizer(name: str):
    parameter = Parameter(torch.ones(2, 3))
    optimizer = OPTIMIZERS[name]([parameter], lr=1.0)
    others = optimizer.param_groups[0].get("betas", ())[1:]
    scheduler = ScheduleLR(optimizer, SCHEDULE, MOMENTUM)
    used = []
    for _ in range(12):
        parameter.grad = torch.ones(2, 3).to_sparse() if name == "SparseAdam" else torch.ones(2, 3)
        value = optimizer.param_groups[0][MOMENTUM_KEY[name]]
        used.append(value if MOMENTUM_KEY[name] == "momentum" else value[0])
        optimizer.step()
        scheduler.step()

    assert used == [MOMENTUM(k) for k in range(12)]
    assert optimizer.param_groups[0].get("betas", ())[1:] == others


@pytest.mark.parametrize("name", sorted(set(OPTIMIZERS) - {"LBFGS"}))
def test_no_optimizer_loses_its_own_values_where_momentum_is_not_asked_for(name: str):
    optimizer = OPTIMIZERS[name]([Parameter(torch.ones(2, 3))], lr=1.0)
    own = {key: value for key, value in optimizer.param_groups[0].items() if key not in ("params", "lr")}

    scheduler = ScheduleLR(optimizer, SCHEDULE)
    for _ in range(5):
        scheduler.step()

    group = optimizer.param_groups[0]
    assert {key: value for key, value in group.items() if key not in ("params", "lr", "initial_lr")} == own
    assert group["lr"] == SCHEDULE(5)


def test_momentum_is_refused_where_there_is_none_and_where_it_reaches_1():
    with pytest.raises(InvalidSchedule, match="momentum of Adagrad must be None"):
        ScheduleLR(Adagrad(parameters(1), lr=1.0), SCHEDULE, MOMENTUM)
    with pytest.raises(InvalidSchedule, match=r"must stay below 1, and is 1\.0 at iteration 7"):
        ScheduleLR(Adam(parameters(1), lr=1.0), SCHEDULE, Linear(lr=0.3, end_lr=1.0, iterations=7))
    with pytest.raises(TypeError, match="momentum must be one of"):
        ScheduleLR(SGD(parameters(1), lr=1.0), SCHEDULE, 0.9)


def test_a_resumed_optimizer_with_another_momentum_is_set_and_warned_of():
    optimizer = AdamW(parameters(1), lr=SCHEDULE(4), betas=(0.5, 0.999))

    with pytest.warns(UserWarning, match=r"momentum, \[0\.5\], are not those of the schedule after 4 updates"):
        ScheduleLR(optimizer, SCHEDULE, MOMENTUM, 4)

    assert optimizer.param_groups[0]["betas"] == (MOMENTUM(4), 0.999)


def test_a_momentum_tensor_stays_the_same_tensor():
    optimizer = SGD(parameters(1), lr=1.0, momentum=0.9)
    tensor = optimizer.param_groups[0]["momentum"] = torch.tensor(0.9, dtype=torch.float64)

    ScheduleLR(optimizer, SCHEDULE, MOMENTUM).step()

    assert optimizer.param_groups[0]["momentum"] is tensor
    assert float(tensor) == MOMENTUM(1)


def test_momentum_falls_and_rises_as_in_torchs_one_cycle():
    theirs, ours = (AdamW(parameters(1), lr=1.0) for _ in range(2))
    down, up = Cosine(lr=0.95, end_lr=0.85, iterations=29), Cosine(lr=0.85, end_lr=0.95, iterations=70)
    torchs = OneCycleLR(theirs, max_lr=0.1, total_steps=100)
    scheduler = ScheduleLR(ours, OneCycle(max_lr=0.1, iterations=100), Piecewise((down, up), (29,)))

    expected, used = updates(theirs, torchs, 99), updates(ours, scheduler, 99)

    for key in (lambda group: group["lr"], lambda group: group["betas"][0]):
        np.testing.assert_allclose([key(g[0]) for g in used], [key(g[0]) for g in expected], rtol=0, atol=1e-14)


def test_momentum_mirrors_the_rate_as_in_torchs_cyclic_lr():
    theirs, ours = (SGD(parameters(1), lr=1.0, momentum=0.9) for _ in range(2))
    mirrored = Piecewise(
        (Linear(lr=0.9, end_lr=0.8, iterations=10), Triangular(base_lr=0.8, max_lr=0.9, step_size=10)), (10,)
    )

    expected = updates(theirs, CyclicLR(theirs, 0.1, 0.4, 10), 60)
    used = updates(ours, ScheduleLR(ours, Triangular(base_lr=0.1, max_lr=0.4, step_size=10), mirrored), 60)

    for key in ("lr", "momentum"):
        np.testing.assert_allclose([g[0][key] for g in used], [g[0][key] for g in expected], rtol=0, atol=1e-14)


def test_a_fixed_schedule_beside_a_moving_one_freezes_a_group():
    optimizer = SGD(parameters(2), lr=1.0)

    used = updates(optimizer, ScheduleLR(optimizer, (Fixed(0.01), SCHEDULE)), 8)

    assert [row[0] for row in rates(used)] == [0.01] * 8
