"""In timm: the script counts, the scheduler is told."""

import io

import pytest
import torch
from timm.scheduler.scheduler import Scheduler

from clr.adapters.timm import scheduler
from clr.errors import CheckpointError
from clr.schedules import Fixed, Triangular2

SCHEDULE = Triangular2(base_lr=0.1, max_lr=0.7, step_size=3.5)


def an_optimizer() -> torch.optim.Optimizer:
    groups = [
        {"params": [torch.zeros(1, requires_grad=True)]},
        {"params": [torch.zeros(1, requires_grad=True)], "lr_scale": 0.5},
        {"params": [torch.zeros(1, requires_grad=True)], "lr_mult": 0.25},
    ]
    return torch.optim.AdamW(groups, lr=9.0)


def rates(optimizer: torch.optim.Optimizer) -> list[float]:
    return [group["lr"] for group in optimizer.param_groups]


def test_it_is_a_timm_scheduler_that_sets_the_next_updates_rates_and_keeps_group_ratios():
    optimizer = an_optimizer()
    ours = scheduler(optimizer, SCHEDULE)
    used = []

    for update in range(12):
        used.append(rates(optimizer))
        optimizer.step()
        ours.step_update(num_updates=update + 1, metric=0.5)

    assert isinstance(ours, Scheduler)
    assert used == [[rate, 0.5 * rate, 0.25 * rate] for rate in SCHEDULE.rates(12).tolist()]


def test_the_call_after_an_epoch_changes_nothing():
    optimizer = an_optimizer()
    ours = scheduler(optimizer, SCHEDULE)
    ours.step_update(5)
    before = rates(optimizer)

    ours.step(3, metric=0.5)

    assert rates(optimizer) == before


def test_a_resumed_script_has_the_rates_of_the_unbroken_one():
    file = io.BytesIO()
    torch.save(scheduler(an_optimizer(), SCHEDULE).state_dict(), file)
    file.seek(0)
    optimizer = an_optimizer()
    ours = scheduler(optimizer, Fixed(lr=0.3))

    ours.load_state_dict(torch.load(file, weights_only=True))
    ours.step_update(7)

    assert rates(optimizer)[0] == SCHEDULE(7)


def test_a_state_of_something_else_is_refused():
    with pytest.raises(CheckpointError, match="it needs 'schedule', got base_values, metric"):
        scheduler(an_optimizer(), SCHEDULE).load_state_dict({"base_values": [0.1], "metric": None})
