"""ScheduleLR: the rate of each update, whatever the optimizer, and whatever interrupts the run."""

import copy
import gc
import io
import warnings
from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch.nn import Parameter
from torch.optim import SGD, Adam, AdamW, Optimizer

from clr.errors import CheckpointError, InvalidSchedule
from clr.lr_scheduler import ScheduleLR
from clr.schedules import Cosine, Exponential, Fixed, Linear, Triangular2

torch.set_num_threads(1)

SCHEDULE = Triangular2(base_lr=0.001, max_lr=0.3, step_size=3.5)


def weights(rows: int = 4, seed: int = 0) -> Parameter:
    return Parameter(torch.randn(rows, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64))


def an_optimizer(kind: type[Optimizer] = SGD, **options: object) -> Optimizer:
    return kind([weights()], lr=1.0, **options)


def loss_of(optimizer: Optimizer) -> Tensor:
    return sum((p**2).sum() for group in optimizer.param_groups for p in group["params"])


def train(optimizer: Optimizer, scheduler: ScheduleLR, updates: int) -> list[list[float]]:
    """Trains, and returns the groups' rates at each update."""
    used = []
    for _ in range(updates):
        optimizer.zero_grad()
        loss_of(optimizer).backward()
        used.append([float(group["lr"]) for group in optimizer.param_groups])
        optimizer.step()
        scheduler.step()
    return used


def through_a_file(state: object) -> object:
    """As a checkpoint does it, without allowing anything but weights and plain values."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def test_batch_k_trains_at_the_rate_of_k():
    optimizer = an_optimizer()

    used = train(optimizer, ScheduleLR(optimizer, SCHEDULE), 3000)

    assert [rate for (rate,) in used] == SCHEDULE.rates(3000).tolist()


def test_group_ratios_survive():
    optimizer = SGD([{"params": [weights(seed=1)], "lr_mult": 10.0}, {"params": [weights(seed=2)]}], lr=0.5)

    used = train(optimizer, ScheduleLR(optimizer, SCHEDULE), 20)

    assert used == [[10.0 * rate, rate] for rate in SCHEDULE.rates(20).tolist()]


@pytest.mark.parametrize("wrong", [-1.0, float("nan"), float("inf"), "2", True, None])
def test_a_multiplier_that_is_no_rate_factor_is_refused(wrong):
    optimizer = SGD([{"params": [weights()], "lr_mult": wrong}], lr=0.5)

    with pytest.raises(InvalidSchedule, match=r"lr_mult of param_groups\[0\] must be a finite number"):
        ScheduleLR(optimizer, SCHEDULE)


def test_momentum_and_betas_stay_the_users_own():
    sgd, adam = an_optimizer(momentum=0.7, nesterov=True), an_optimizer(Adam, betas=(0.6, 0.7))

    for optimizer in (sgd, adam):
        train(optimizer, ScheduleLR(optimizer, SCHEDULE), 10)

    assert sgd.param_groups[0]["momentum"] == 0.7
    assert adam.param_groups[0]["betas"] == (0.6, 0.7)


OPTIMIZERS = {
    name: kind
    for name, kind in vars(torch.optim).items()
    if isinstance(kind, type) and issubclass(kind, Optimizer) and kind is not Optimizer
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_of_torch_trains_at_the_schedules_rates(name):
    parameter = weights()
    optimizer = OPTIMIZERS[name]([parameter], lr=1.0)
    scheduler = ScheduleLR(optimizer, SCHEDULE)
    used: list[float] = []
    optimizer.register_step_pre_hook(lambda o, args, kwargs: used.append(o.param_groups[0]["lr"]))

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = loss_of(optimizer)
        loss.backward()
        if name == "SparseAdam":
            parameter.grad = parameter.grad.to_sparse()
        return loss

    before = parameter.detach().clone()
    for _ in range(10):
        closure()
        optimizer.step(closure) if name == "LBFGS" else optimizer.step()
        scheduler.step()

    assert used == SCHEDULE.rates(10).tolist()
    assert not torch.equal(before, parameter)


def build_and_resume(states: list[tuple[str, dict]], kind: type[Optimizer], **options: object):
    """A new optimizer and scheduler, restored in the order of `states`."""
    optimizer = kind([{"params": [weights(seed=1)], "lr_mult": 10.0}, {"params": [weights(seed=2)]}], lr=1.0, **options)
    scheduler = ScheduleLR(optimizer, SCHEDULE)
    for name, state in states:
        {"optimizer": optimizer, "scheduler": scheduler}[name].load_state_dict(state)
    return optimizer, scheduler


@pytest.mark.parametrize("order", [("optimizer", "scheduler"), ("scheduler", "optimizer")])
@pytest.mark.parametrize(("kind", "options"), [(SGD, {"momentum": 0.9}), (AdamW, {})])
@pytest.mark.parametrize("tensor_rate", [False, True])
def test_a_resumed_run_equals_the_unbroken_one_in_either_order_of_restoring(order, kind, options, tensor_rate):
    def build(states=()):
        optimizer, scheduler = build_and_resume(states, kind, **options)
        if tensor_rate and not states:
            for group in optimizer.param_groups:
                group["lr"] = torch.tensor(group["lr"], dtype=torch.float64)
        return optimizer, scheduler

    unbroken, its_scheduler = build()
    expected = train(unbroken, its_scheduler, 30)
    first, first_scheduler = build()
    used = train(first, first_scheduler, 11)
    states = {
        "optimizer": through_a_file(first.state_dict()),
        "scheduler": through_a_file(first_scheduler.state_dict()),
    }

    second, second_scheduler = build([(name, states[name]) for name in order])
    for mine, theirs in zip(second.param_groups, first.param_groups, strict=True):
        mine["params"][0].data.copy_(theirs["params"][0].data)
    used += train(second, second_scheduler, 19)

    assert used == expected
    for mine, theirs in zip(second.param_groups, unbroken.param_groups, strict=True):
        assert torch.equal(mine["params"][0], theirs["params"][0])


def test_restoring_the_scheduler_alone_sets_the_rate_of_the_next_update():  # pytorch issue 65342
    optimizer = an_optimizer()
    scheduler = ScheduleLR(optimizer, SCHEDULE)
    train(optimizer, scheduler, 5)

    fresh = an_optimizer()
    ScheduleLR(fresh, SCHEDULE).load_state_dict(scheduler.state_dict())

    assert fresh.param_groups[0]["lr"] == SCHEDULE(5)


def test_the_state_is_the_count_and_the_schedule():
    optimizer = an_optimizer()
    scheduler = ScheduleLR(optimizer, SCHEDULE)
    train(optimizer, scheduler, 5)

    assert through_a_file(scheduler.state_dict()) == {"iteration": 5, "schedule": SCHEDULE.to_dict()}


def test_a_restored_state_with_another_schedule_keeps_its_own_and_says_so():
    old, new = Cosine(lr=0.1, end_lr=0.0, iterations=100), Cosine(lr=0.1, end_lr=0.0, iterations=400)
    state = ScheduleLR(an_optimizer(), old, iteration=0).state_dict()
    scheduler = ScheduleLR(an_optimizer(), new)

    with pytest.warns(UserWarning, match=r"restored schedule Cosine\(.*iterations=100\) replaces Cosine"):
        scheduler.load_state_dict(state)

    assert scheduler.schedule == old


DOCUMENT = SCHEDULE.to_dict()


@pytest.mark.parametrize(
    ("state", "said"),
    [
        (None, "got None"),
        ({}, "got nothing"),
        ({"last_epoch": 5, "base_lrs": [0.1]}, "got last_epoch, base_lrs"),
        ({"iteration": 5, "schedule": {"family": "triangle"}}, "no schedule family 'triangle'"),
        ({"iteration": 5, "schedule": {**DOCUMENT, "max_lr": -1.0}}, "max_lr of triangular2 must be"),
        ({"iteration": 5, "schedule": {**DOCUMENT, "peak": 1.0}}, "peak of triangular2 is not a parameter"),
        ({"iteration": 3, "schedule": None}, "must be a dictionary .*, got None"),
        ({"iteration": 3, "schedule": "triangular2"}, "must be a dictionary .*, got 'triangular2'"),
        ({"iteration": 3, "schedule": [3]}, "must be a dictionary .*, got 3"),
        ({"iteration": 3, "schedule": []}, "has 0 schedules"),
        ({"iteration": -1, "schedule": DOCUMENT}, "iteration of triangular2 must be from 0"),
        ({"iteration": 3.5, "schedule": DOCUMENT}, r"an integer array, got 3\.5"),
        ({"iteration": torch.tensor(3), "schedule": DOCUMENT}, "an integer array, got tensor"),
        ({"iteration": None, "schedule": DOCUMENT}, "an integer array, got None"),
        ({"iteration": 3, "schedule": DOCUMENT, "momentum": None}, "must be a dictionary .*, got None"),
    ],
)
def test_a_state_of_something_else_is_refused_and_changes_nothing(state, said):
    optimizer = an_optimizer()
    scheduler = ScheduleLR(optimizer, SCHEDULE)
    train(optimizer, scheduler, 2)

    with pytest.raises(CheckpointError, match=said):
        scheduler.load_state_dict(state)

    assert (scheduler.iteration, scheduler.schedule) == (2, SCHEDULE)
    assert optimizer.param_groups[0]["lr"] == SCHEDULE(2)


def test_building_at_an_iteration_on_a_restored_optimizer_leaves_its_rates_and_is_silent():
    first = an_optimizer()
    train(first, ScheduleLR(first, SCHEDULE), 7)
    resumed = an_optimizer()
    resumed.load_state_dict(first.state_dict())

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler = ScheduleLR(resumed, SCHEDULE, iteration=7)

    assert resumed.param_groups[0]["lr"] == SCHEDULE(7)
    assert train(resumed, scheduler, 3) == [[SCHEDULE(7)], [SCHEDULE(8)], [SCHEDULE(9)]]


def test_building_at_an_iteration_on_a_fresh_optimizer_sets_the_rate_and_warns():
    optimizer = an_optimizer()

    with pytest.warns(UserWarning, match="after 7 updates"):
        ScheduleLR(optimizer, SCHEDULE, iteration=7)

    assert optimizer.param_groups[0]["lr"] == SCHEDULE(7)


def test_a_rate_tensor_stays_the_same_tensor():
    optimizer = Adam([weights()], lr=torch.tensor(1.0), capturable=False)
    tensor = optimizer.param_groups[0]["lr"]
    scheduler = ScheduleLR(optimizer, SCHEDULE)

    used = train(optimizer, scheduler, 5)

    assert optimizer.param_groups[0]["lr"] is tensor
    assert used == [[rate] for rate in torch.tensor(SCHEDULE.rates(5), dtype=torch.float32).tolist()]
    assert scheduler.get_last_lr()[0] is not tensor


def test_one_rate_tensor_given_for_all_groups_is_not_shared_by_them():
    optimizer = Adam(
        [{"params": [weights(seed=1)], "lr_mult": 2.0}, {"params": [weights(seed=2)]}], lr=torch.tensor(1.0)
    )

    used = train(optimizer, ScheduleLR(optimizer, Fixed(0.25)), 2)

    assert used == [[0.5, 0.25], [0.5, 0.25]]


def test_past_the_end_the_last_rate_holds():
    optimizer = an_optimizer()

    used = train(optimizer, ScheduleLR(optimizer, Linear(lr=0.1, end_lr=0.01, iterations=10)), 40)

    assert used[10:] == [[0.01]] * 30


@pytest.mark.parametrize("clear_gradients_first", [False, True])
@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("overflows", [(3, 4, 9), (0, 1, 7), (0, 1, 2)])
def test_an_update_that_grad_scaler_skipped_is_not_counted(clear_gradients_first, fused, overflows):
    optimizer = AdamW([Parameter(weights().detach().float())], lr=1.0, fused=fused)
    scheduler, scaler = ScheduleLR(optimizer, SCHEDULE), torch.amp.GradScaler("cpu", init_scale=4.0)
    used = []
    for batch in range(12):
        overflow = batch in overflows
        scaler.scale(loss_of(optimizer) * (float("inf") if overflow else 1.0)).backward()
        if not overflow:
            used.append(optimizer.param_groups[0]["lr"])
        scaler.step(optimizer)
        scaler.update()
        if clear_gradients_first:
            optimizer.zero_grad()
        scheduler.step()
        optimizer.zero_grad()

    assert used == SCHEDULE.rates(9).tolist()
    assert scheduler.iteration == 9


def test_skipped_first_updates_are_not_counted():
    optimizer = an_optimizer()
    scheduler, scaler = ScheduleLR(optimizer, SCHEDULE), torch.amp.GradScaler("cpu", init_scale=4.0)
    for overflow in (True, True, False):
        optimizer.zero_grad()
        scaler.scale(loss_of(optimizer) * (float("inf") if overflow else 1.0)).backward()
        scaler.step(optimizer)
        scaler.update()
        scheduler.step()

    assert scheduler.iteration == 1


def test_calls_between_updates_under_gradient_accumulation_are_not_counted():
    optimizer = an_optimizer()
    scheduler = ScheduleLR(optimizer, SCHEDULE)
    for micro_batch in range(12):
        loss_of(optimizer).backward()
        if micro_batch % 4 == 3:
            optimizer.step()
            optimizer.zero_grad()
        scheduler.step()

    assert scheduler.iteration == 3


def test_a_loop_without_training_traces_the_rates():
    optimizer = an_optimizer()
    scheduler = ScheduleLR(optimizer, SCHEDULE)
    traced = []
    for _ in range(10):
        traced += scheduler.get_last_lr()
        scheduler.step()

    assert traced == SCHEDULE.rates(10).tolist()


def test_updates_out_of_torchs_sight_are_counted_when_asked_and_warned_of_otherwise():
    def steps(**options: bool) -> ScheduleLR:
        optimizer = an_optimizer()
        scheduler = ScheduleLR(optimizer, SCHEDULE, **options)
        loss_of(optimizer).backward()
        for _ in range(100):
            scheduler.step()
        return scheduler

    assert steps(follow_updates=False).iteration == 100
    with pytest.warns(UserWarning, match="pass follow_updates=False"):
        assert steps().iteration == 0


def test_after_an_update_is_captured_in_a_graph_every_call_counts(monkeypatch):  # its replays run no hook
    optimizer = Adam([weights()], lr=torch.tensor(1.0))
    rate = optimizer.param_groups[0]["lr"]
    scheduler = ScheduleLR(optimizer, SCHEDULE)
    used = train(optimizer, scheduler, 2)

    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: True)
    optimizer.step()
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    assert scheduler.iteration == 2  # what is captured is not run
    for _ in range(5):  # replays of the graph
        used.append([float(rate)])
        scheduler.step()

    assert scheduler.iteration == 7
    assert optimizer.param_groups[0]["lr"] is rate
    assert used == [[value] for value in torch.tensor(SCHEDULE.rates(7), dtype=torch.float32).tolist()]


def test_where_cuda_is_in_use_an_update_that_is_not_captured_counts_once(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_initialized", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    optimizer = an_optimizer()
    scheduler = ScheduleLR(optimizer, SCHEDULE)
    train(optimizer, scheduler, 2)

    scheduler.step()

    assert scheduler.iteration == 2


def test_step_takes_torchs_epoch_as_the_count():
    optimizer = an_optimizer()
    scheduler = ScheduleLR(optimizer, SCHEDULE)

    scheduler.step(5000)
    scheduler.step(2)

    assert optimizer.param_groups[0]["lr"] == scheduler.get_lr()[0] == SCHEDULE(2)


def test_a_scheduler_that_is_gone_leaves_no_hook_on_the_optimizer():
    optimizer = an_optimizer()
    scheduler = ScheduleLR(optimizer, SCHEDULE)
    assert optimizer._optimizer_step_post_hooks
    assert gradient_hooks(optimizer)

    del scheduler
    gc.collect()

    assert not optimizer._optimizer_step_post_hooks
    assert not gradient_hooks(optimizer)


def gradient_hooks(optimizer: Optimizer) -> list[object]:
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    return [hook for parameter in parameters for hook in (parameter._post_accumulate_grad_hooks or {}).values()]


def test_the_first_gradient_takes_the_hooks_off_all_parameters():
    optimizer = SGD([weights(seed=1), weights(seed=2), weights(seed=3).requires_grad_(False)], lr=1.0)
    scheduler = ScheduleLR(optimizer, SCHEDULE)
    assert len(gradient_hooks(optimizer)) == 2

    optimizer.param_groups[0]["params"][1].sum().backward()

    assert not gradient_hooks(optimizer)
    assert scheduler.iteration == 0


def test_a_copy_of_the_scheduler_follows_its_own_optimizer():
    optimizer = an_optimizer()
    scheduler = ScheduleLR(optimizer, SCHEDULE)
    train(optimizer, scheduler, 4)

    copied = copy.deepcopy(scheduler)
    used = train(copied.optimizer, copied, 6)

    assert [rate for (rate,) in used] == SCHEDULE.rates(10)[4:].tolist()
    assert scheduler.iteration == 4
    assert optimizer.param_groups[0]["lr"] == SCHEDULE(4)


def test_torchs_own_tools_take_it_for_a_scheduler():
    optimizer = an_optimizer()
    chained = torch.optim.lr_scheduler.ChainedScheduler([ScheduleLR(optimizer, Exponential(lr=0.5, gamma=0.5))])

    optimizer.step()
    chained.step()

    assert optimizer.param_groups[0]["lr"] == 0.25


@pytest.mark.parametrize("wrong", [0.1, lambda i: 0.1, None])
def test_only_a_schedule_is_taken(wrong: Callable[[int], float] | float | None):
    with pytest.raises(TypeError, match=r"schedule must be one of clr\.schedules"):
        ScheduleLR(an_optimizer(), wrong)


@pytest.mark.parametrize("wrong", [-1, 1.5, True])
def test_an_iteration_that_is_no_count_is_refused(wrong):
    with pytest.raises((InvalidSchedule, TypeError), match="iteration of triangular2"):
        ScheduleLR(an_optimizer(), SCHEDULE, iteration=wrong)
