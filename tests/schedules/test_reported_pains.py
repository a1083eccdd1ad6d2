"""What users of other schedulers reported, each as the fact that holds here. The reports stand beside the tests."""

import copy
import io

import pytest
import torch
from torch.optim import SGD, Adam, Optimizer

from clr.lr_scheduler import ScheduleLR
from clr.schedules import Cosine, Custom, Fixed, OneCycle, Piecewise, Triangular, Triangular2

torch.set_num_threads(1)


def an_optimizer(kind: type[Optimizer] = SGD, **options: object) -> Optimizer:
    parameter = torch.zeros(1, requires_grad=True)
    parameter.grad = torch.ones(1)
    return kind([parameter], lr=1.0, **options)


def rates_used(optimizer: Optimizer, scheduler: ScheduleLR, updates: int) -> list[float]:
    used = []
    for _ in range(updates):
        used.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return used


def halves_by_cycle(cycle: float) -> float:
    return 0.5**cycle


def test_cyclical_rates_work_with_adam():  # pytorch 73910, optimi 14: CyclicLR wanted a momentum
    optimizer = an_optimizer(Adam)
    schedule = Triangular(base_lr=0.001, max_lr=0.01, step_size=5)

    assert rates_used(optimizer, ScheduleLR(optimizer, schedule), 30) == schedule.rates(30).tolist()
    assert optimizer.param_groups[0]["betas"] == (0.9, 0.999)


@pytest.mark.parametrize("scale_fn", ["inverse", halves_by_cycle])
def test_a_scale_function_is_kept_by_the_state(scale_fn):  # pytorch 90414, 88684, Lightning 15901
    schedule = Custom(base_lr=0.1, max_lr=0.4, step_size=3, scale_fn=scale_fn)
    optimizer = an_optimizer()
    scheduler = ScheduleLR(optimizer, schedule)
    rates_used(optimizer, scheduler, 8)
    file = io.BytesIO()
    torch.save(scheduler.state_dict(), file)
    file.seek(0)

    fresh = an_optimizer()
    restored = ScheduleLR(fresh, schedule)
    restored.load_state_dict(torch.load(file, weights_only=True))

    assert restored.schedule == schedule
    assert rates_used(fresh, restored, 20) == schedule.rates(28)[8:].tolist()


def test_building_on_a_resumed_optimizer_moves_no_rate():  # pytorch 65342, 60265: the curve jumped
    schedule = Triangular2(base_lr=0.001, max_lr=0.3, step_size=3.5)
    first = an_optimizer()
    expected = rates_used(first, ScheduleLR(first, schedule), 9)[7:]
    stopped = an_optimizer()
    rates_used(stopped, ScheduleLR(stopped, schedule), 7)

    resumed = an_optimizer()
    resumed.load_state_dict(stopped.state_dict())
    scheduler = ScheduleLR(resumed, schedule, iteration=7)

    assert rates_used(resumed, scheduler, 2) == expected


def test_another_length_on_resume_never_rescales_the_curve_unsaid():  # transformers 34053, 27749; open_clip 413
    short = Cosine(lr=0.1, end_lr=0.0, iterations=100)
    optimizer = an_optimizer()
    scheduler = ScheduleLR(optimizer, short)
    rates_used(optimizer, scheduler, 60)

    longer = ScheduleLR(an_optimizer(), Cosine(lr=0.1, end_lr=0.0, iterations=1000))
    with pytest.warns(UserWarning, match="iterations=100.* replaces .*iterations=1000"):
        longer.load_state_dict(scheduler.state_dict())

    assert longer.get_lr() == [short(60)]


def test_a_schedule_longer_than_the_run_is_said_at_once():  # senpai 2438, 2421: laid out for 150 epochs, cut at 5
    with pytest.warns(UserWarning, match="its end is never reached"):
        ScheduleLR(an_optimizer(), Cosine(lr=0.1, end_lr=0.0, iterations=150), iterations=50)


def test_stepping_per_epoch_is_said():  # Lightning 5631, 17544; pytorch 65417; stable-worldmodel 280
    optimizer = an_optimizer()
    scheduler = ScheduleLR(optimizer, OneCycle(max_lr=0.1, iterations=1000))
    for _ in range(10):
        for _ in range(100):
            optimizer.step()
        scheduler.step()

    with pytest.warns(UserWarning, match=r"made 1000 updates, but ScheduleLR\.step\(\) counted 10"):
        scheduler.state_dict()


def test_one_cycle_never_runs_out_of_steps():  # flair 2954, GrowSP 11, PiFold 6: a crash, hours in
    schedule = OneCycle(max_lr=0.1, iterations=20)
    optimizer = an_optimizer()

    used = rates_used(optimizer, ScheduleLR(optimizer, schedule), 60)

    assert used[20:] == [schedule(19)] * 40


def test_gradient_accumulation_does_not_hurry_the_schedule():  # diffusers 4387, starVLA 210
    optimizer = an_optimizer()
    scheduler = ScheduleLR(optimizer, OneCycle(max_lr=0.1, iterations=100))
    for micro_batch in range(80):
        if micro_batch % 4 == 3:
            optimizer.step()
        scheduler.step()

    assert scheduler.iteration == 20


def test_the_curve_shown_before_training_is_the_one_trained_with():  # sd_dreambooth 724, skorch 266, vortex 13
    schedule = Piecewise((Triangular2(base_lr=0.01, max_lr=0.06, step_size=8.5), Fixed(0.001)), (40,))
    optimizer = an_optimizer()

    shown = schedule.rates(60)
    used = rates_used(optimizer, ScheduleLR(optimizer, copy.copy(schedule)), 60)

    assert used == shown.tolist()
