"""The commonest mistake: a schedule laid out in updates, stepped once per epoch. And what is no mistake."""

import copy
import subprocess
import sys
import warnings

import pytest
import torch
from torch.optim import SGD, Optimizer

from clr.errors import InvalidSchedule
from clr.lr_scheduler import ScheduleLR
from clr.schedules import (
    Cosine,
    CosineRestarts,
    Custom,
    Decay,
    Exponential,
    Fixed,
    Linear,
    MultiStep,
    OneCycle,
    Piecewise,
    Schedule,
    Step,
    Triangular,
    Warmup,
)

torch.set_num_threads(1)

TRIANGULAR = Triangular(base_lr=0.1, max_lr=0.4, step_size=40)
CURE = "call scheduler.step\\(\\) after each optimizer.step\\(\\)"


def an_optimizer() -> Optimizer:
    parameter = torch.zeros(1, requires_grad=True)
    parameter.grad = torch.ones(1)
    return SGD([parameter], lr=1.0)


def epochs(optimizer: Optimizer, scheduler: ScheduleLR, count: int, *, length: int = 50, per_update: bool = False):
    for _ in range(count):
        for _ in range(length):
            optimizer.step()
            if per_update:
                scheduler.step()
        if not per_update:
            scheduler.step()


@pytest.mark.parametrize(
    ("schedule", "options"),
    [
        (TRIANGULAR, {"iterations": 300}),
        ([TRIANGULAR], {"iterations": 300}),
        (OneCycle(max_lr=0.4, iterations=300), {}),
        (Cosine(lr=0.1, end_lr=0.0, iterations=300), {"iterations": 300}),
    ],
)
def test_a_checkpoint_of_a_run_stepped_per_epoch_warns_once_with_the_cure(schedule, options):
    optimizer = an_optimizer()
    scheduler = ScheduleLR(optimizer, schedule, **options)
    epochs(optimizer, scheduler, 3)

    with pytest.warns(UserWarning, match=f"made 150 updates, but .* counted 3: .*{CURE}") as said:
        scheduler.state_dict()
        scheduler.state_dict()

    assert len(said) == 1
    assert said[0].filename == __file__


@pytest.mark.parametrize(
    "schedule",
    [
        Exponential(lr=0.1, gamma=0.99),
        Step(lr=0.1, gamma=0.5, step_size=100),
        [Fixed(0.1), Decay(base_lr=0.1, max_lr=0.4, step_size=300)],
    ],
)
def test_a_schedule_without_cycle_and_end_is_told_how_late_its_rate_is(schedule):
    optimizer = SGD([{"params": [torch.zeros(1, requires_grad=True)]} for _ in range(2)], lr=1.0)
    scheduler = ScheduleLR(optimizer, schedule if isinstance(schedule, list) else [schedule, schedule], iterations=1200)
    epochs(optimizer, scheduler, 3)

    with pytest.warns(UserWarning, match=f"the rate is that of iteration 3, not of 150, of a run of 1200. .*{CURE}"):
        scheduler.state_dict()


def test_it_warns_when_the_scheduler_goes_away():
    optimizer = an_optimizer()
    scheduler = ScheduleLR(optimizer, TRIANGULAR, iterations=300)
    epochs(optimizer, scheduler, 6)

    with pytest.warns(UserWarning, match=CURE):
        del scheduler


def test_it_warns_at_exit():
    script = """
import torch, clr
weight = torch.zeros(1, requires_grad=True)
weight.grad = torch.ones(1)
optimizer = torch.optim.SGD([weight], lr=1.0)
schedule = clr.schedules.Triangular(base_lr=0.1, max_lr=0.4, step_size=40)
scheduler = clr.ScheduleLR(optimizer, schedule, iterations=300)
for epoch in range(6):
    for batch in range(50):
        optimizer.step()
    scheduler.step()
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "The optimizer made 300 updates, but ScheduleLR.step() counted 6" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_scheduler_that_is_never_stepped_is_warned_of():
    optimizer = an_optimizer()
    scheduler = ScheduleLR(optimizer, TRIANGULAR, iterations=300)
    for _ in range(100):
        optimizer.step()

    with pytest.warns(UserWarning, match=r"made 100 updates, but ScheduleLR\.step\(\) counted 0"):
        scheduler.state_dict()


@pytest.mark.parametrize(
    ("schedule", "cycle"),
    [
        (TRIANGULAR, 80),
        (Triangular(base_lr=0.1, max_lr=0.4, step_size=40, step_size_down=10), 50),
        (Custom(base_lr=0.1, max_lr=0.4, step_size=7, scale_fn="inverse"), 14),
        (CosineRestarts(lr=0.1, end_lr=0.0, period=30, period_multiplier=2), 30),
        (Warmup(schedule=TRIANGULAR, iterations=20), 100),
        (Piecewise((TRIANGULAR, Linear(lr=0.1, end_lr=0.0, iterations=100)), (60,)), 60),
        (OneCycle(max_lr=0.4, iterations=90), 90),
    ],
)
def test_a_run_that_went_through_one_cycle_is_never_warned_of(schedule: Schedule, cycle: int):
    optimizer = an_optimizer()
    assert schedule.cycle == cycle
    scheduler = ScheduleLR(optimizer, schedule, iterations=1000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(cycle):
            optimizer.step()
            scheduler.step()
        epochs(optimizer, scheduler, 5)

        scheduler.state_dict()
        del scheduler


def silent_run(optimizer: Optimizer, scheduler: ScheduleLR, train) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        train(optimizer, scheduler)
        scheduler.state_dict()
        del scheduler


@pytest.mark.parametrize("iterations", [None, 5, 300, 10**6])
def test_a_run_that_is_cut_short_is_no_mistake(iterations):
    optimizer = an_optimizer()

    silent_run(
        optimizer,
        ScheduleLR(optimizer, TRIANGULAR, iterations=iterations),
        lambda o, s: epochs(o, s, 1, length=5, per_update=True),
    )


def test_an_unannounced_run_without_a_length_is_no_mistake():
    optimizer = an_optimizer()

    silent_run(optimizer, ScheduleLR(optimizer, TRIANGULAR), lambda o, s: epochs(o, s, 5))


@pytest.mark.parametrize("schedule", [Fixed(0.1), MultiStep(lr=0.1, gamma=0.5, milestones=(500,))])
def test_a_rate_that_would_be_the_same_after_every_update_is_no_mistake(schedule):
    optimizer = an_optimizer()

    silent_run(optimizer, ScheduleLR(optimizer, schedule, iterations=1200), lambda o, s: epochs(o, s, 5))


def test_a_long_run_that_is_checkpointed_within_its_first_cycle_is_no_mistake():
    optimizer = an_optimizer()
    schedule = Cosine(lr=0.1, end_lr=0.0, iterations=10_000)

    silent_run(optimizer, ScheduleLR(optimizer, schedule), lambda o, s: epochs(o, s, 4, per_update=True))


def test_gradient_accumulation_is_no_mistake():
    def train(optimizer: Optimizer, scheduler: ScheduleLR) -> None:
        for batch in range(1000):
            if batch % 8 == 7:
                optimizer.step()
            scheduler.step()

    optimizer = an_optimizer()
    silent_run(optimizer, ScheduleLR(optimizer, TRIANGULAR, iterations=10_000), train)


def test_a_resumed_run_is_judged_by_its_own_updates():
    optimizer = an_optimizer()
    scheduler = ScheduleLR(optimizer, Cosine(lr=0.1, end_lr=0.0, iterations=10_000))
    epochs(optimizer, scheduler, 10, per_update=True)
    state = scheduler.state_dict()

    resumed = ScheduleLR(optimizer, Cosine(lr=0.1, end_lr=0.0, iterations=10_000))
    for _ in range(150):
        optimizer.step()  # somebody else's, before the state is there
    resumed.load_state_dict(state)

    silent_run(optimizer, resumed, lambda o, s: epochs(o, s, 3, per_update=True))


@pytest.mark.parametrize("told", ["by step", "by a state"])
def test_an_update_that_is_accounted_for_is_not_counted_again(told):
    optimizer = an_optimizer()
    scheduler = ScheduleLR(optimizer, TRIANGULAR)
    optimizer.step()

    scheduler.step(7) if told == "by step" else scheduler.load_state_dict({**scheduler.state_dict(), "iteration": 7})
    scheduler.step()

    assert scheduler.iteration == 7


def test_a_copy_tells_its_own_story():
    optimizer = an_optimizer()
    scheduler = ScheduleLR(optimizer, TRIANGULAR, iterations=300)
    copied = copy.deepcopy(scheduler)

    epochs(copied.optimizer, copied, 6)

    scheduler.state_dict()
    with pytest.warns(UserWarning, match=CURE):
        copied.state_dict()


def test_a_run_that_ends_before_the_schedule_is_told_how_to_lay_it_out():
    schedule = Cosine(lr=0.1, end_lr=0.0, iterations=1500)

    with pytest.warns(UserWarning, match=r"laid out for 1500: .*schedule\.stretched\(500\)") as said:
        ScheduleLR(an_optimizer(), schedule, iterations=500)

    assert said[0].filename == __file__


@pytest.mark.parametrize("wrong", [0, -5, 2.5, "100", True])
def test_an_announcement_that_is_no_length_is_refused(wrong):
    with pytest.raises(InvalidSchedule, match="iterations of ScheduleLR must be"):
        ScheduleLR(an_optimizer(), TRIANGULAR, iterations=wrong)
