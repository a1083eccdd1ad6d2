"""Each family against torch's own scheduler, stepped 100,000 times, up to torch's own rounding."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from torch.optim import SGD, Optimizer
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    CyclicLR,
    ExponentialLR,
    LinearLR,
    LRScheduler,
    MultiStepLR,
    OneCycleLR,
    PolynomialLR,
    SequentialLR,
    StepLR,
)

from clr import schedules

STEPS = 100_000
EPSILON = np.finfo(np.float64).eps

few = settings(max_examples=4, deadline=None, suppress_health_check=[HealthCheck.too_slow], phases=[Phase.generate])
"""Stepping torch 100,000 times takes 0.2 s: a few random parameter sets a run, others in each run, none shrunk."""

rate = st.floats(-4, 0).map(lambda exponent: 10.0**exponent)
bounds = st.tuples(st.floats(0.01, 0.9), rate).map(lambda drawn: (drawn[0] * drawn[1], drawn[1]))


def stepped(lr: float, build: Callable[[Optimizer], LRScheduler]) -> np.ndarray:
    """The rates at which batches 0 .. STEPS - 1 train."""
    optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=lr)
    scheduler = build(optimizer)
    optimizer.step()
    rates = []
    for _ in range(STEPS):
        rates.append(optimizer.param_groups[0]["lr"])
        scheduler.step()
    return np.array(rates)


def own_rounding_of_cyclic_lr(peak: float, step_size: int) -> float:
    """It computes 1 + i / period - cycle, with an ulp of the cycle's number, then divides by half a period."""
    return 8 * EPSILON * peak * (2 + STEPS / (2 * step_size))


def own_rounding_of_a_recurrence(peak: float) -> float:
    """It multiplies the last rate: two roundings a step add up."""
    return 2 * EPSILON * peak * STEPS


@pytest.mark.parametrize(("family", "extra"), [("triangular", False), ("triangular2", False), ("exp_range", True)])
@few
@given(bounds=bounds, step_size=st.integers(50, 30_000), gamma=st.floats(0.9999, 1.0))
def test_cycles_equal_cyclic_lr(family, extra, bounds, step_size, gamma):  # torch's 2.0 ** cycle overflows at 1024
    base_lr, max_lr = bounds
    decline = {"gamma": gamma} if extra else {}

    theirs = stepped(
        base_lr,
        lambda o: CyclicLR(o, base_lr, max_lr, step_size_up=step_size, mode=family, cycle_momentum=False, **decline),
    )
    ours = schedules.make(family, base_lr=base_lr, max_lr=max_lr, step_size=step_size, **decline).rates(STEPS)

    np.testing.assert_allclose(ours, theirs, rtol=0, atol=own_rounding_of_cyclic_lr(max_lr, step_size))


@few
@given(lr=rate, gamma=st.floats(0.1, 1.0), step_size=st.integers(1000, 60_000))
def test_step_equals_step_lr(lr, gamma, step_size):
    theirs = stepped(lr, lambda optimizer: StepLR(optimizer, step_size, gamma))

    ours = schedules.Step(lr=lr, gamma=gamma, step_size=step_size).rates(STEPS)

    np.testing.assert_allclose(ours, theirs, rtol=2 * EPSILON * STEPS / 1000, atol=0)


@few
@given(lr=rate, gamma=st.floats(0.9995, 1.0002))
def test_exponential_equals_exponential_lr(lr, gamma):
    theirs = stepped(lr, lambda optimizer: ExponentialLR(optimizer, gamma))

    ours = schedules.Exponential(lr=lr, gamma=gamma).rates(STEPS)

    np.testing.assert_allclose(ours, theirs, rtol=2 * EPSILON * STEPS, atol=0)


@few
@given(lr=rate, start=st.floats(0.01, 1.0), end=st.floats(0.0, 1.0), iterations=st.integers(1000, 120_000))
def test_linear_equals_linear_lr(lr, start, end, iterations):
    theirs = stepped(lr, lambda optimizer: LinearLR(optimizer, start, end, iterations))

    ours = schedules.Linear(lr=lr * start, end_lr=lr * end, iterations=iterations).rates(STEPS)

    np.testing.assert_allclose(ours, theirs, rtol=0, atol=own_rounding_of_a_recurrence(lr))


@few
@given(lr=rate, floor=st.floats(0.0, 0.9), iterations=st.integers(STEPS, 3 * STEPS))
def test_cosine_equals_cosine_annealing_lr_up_to_its_end(lr, floor, iterations):
    theirs = stepped(lr, lambda optimizer: CosineAnnealingLR(optimizer, iterations, eta_min=floor * lr))

    ours = schedules.Cosine(lr=lr, end_lr=floor * lr, iterations=iterations).rates(STEPS)

    np.testing.assert_allclose(ours, theirs, rtol=0, atol=own_rounding_of_a_recurrence(lr))


@few
@given(bounds=bounds, up=st.integers(50, 30_000), down=st.integers(50, 30_000), gamma=st.floats(0.9999, 1.0))
def test_uneven_cycles_equal_cyclic_lr(bounds, up, down, gamma):
    base_lr, max_lr = bounds

    theirs = stepped(
        base_lr,
        lambda o: CyclicLR(o, base_lr, max_lr, up, down, mode="exp_range", gamma=gamma, cycle_momentum=False),
    )
    ours = schedules.ExpRange(base_lr=base_lr, max_lr=max_lr, step_size=up, step_size_down=down, gamma=gamma)

    own_rounding = own_rounding_of_cyclic_lr(max_lr, (up + down) / 2) * (up + down) / min(up, down)
    np.testing.assert_allclose(ours.rates(STEPS), theirs, rtol=0, atol=own_rounding)


@few
@given(bounds=bounds, step_size=st.integers(50, 30_000))
def test_custom_scales_equal_cyclic_lr(bounds, step_size):
    base_lr, max_lr = bounds

    theirs = stepped(
        base_lr,
        lambda o: CyclicLR(o, base_lr, max_lr, step_size, scale_fn=lambda cycle: 1 / cycle, cycle_momentum=False),
    )
    ours = schedules.Custom(base_lr=base_lr, max_lr=max_lr, step_size=step_size, scale_fn="inverse")

    np.testing.assert_allclose(ours.rates(STEPS), theirs, rtol=0, atol=own_rounding_of_cyclic_lr(max_lr, step_size))


@few
@given(
    lr=rate, gamma=st.floats(0.1, 1.0), milestones=st.lists(st.integers(1, STEPS), min_size=1, max_size=6, unique=True)
)
def test_multi_step_equals_multi_step_lr(lr, gamma, milestones):
    theirs = stepped(lr, lambda optimizer: MultiStepLR(optimizer, milestones, gamma))

    ours = schedules.MultiStep(lr=lr, gamma=gamma, milestones=sorted(milestones)).rates(STEPS)

    np.testing.assert_allclose(ours, theirs, rtol=20 * EPSILON, atol=0)


@few
@given(lr=rate, power=st.floats(0.5, 4.0), iterations=st.integers(1000, 120_000))
def test_polynomial_equals_polynomial_lr(lr, power, iterations):
    theirs = stepped(lr, lambda optimizer: PolynomialLR(optimizer, iterations, power))

    ours = schedules.Polynomial(lr=lr, end_lr=0.0, power=power, iterations=iterations).rates(STEPS)

    np.testing.assert_allclose(ours, theirs, rtol=0, atol=(1 + power) * own_rounding_of_a_recurrence(lr))


@few
@given(lr=rate, floor=st.floats(0.0, 0.9), period=st.integers(1, 50_000), multiplier=st.integers(1, 3))
def test_cosine_restarts_equal_cosine_annealing_warm_restarts(lr, floor, period, multiplier):
    theirs = stepped(lr, lambda o: CosineAnnealingWarmRestarts(o, period, multiplier, eta_min=floor * lr))

    ours = schedules.CosineRestarts(lr=lr, end_lr=floor * lr, period=period, period_multiplier=multiplier).rates(STEPS)

    np.testing.assert_allclose(ours, theirs, rtol=0, atol=8 * EPSILON * lr)


@few
@given(
    max_lr=rate,
    pct_start=st.floats(0.01, 0.5),
    factors=st.tuples(st.floats(1, 100), st.floats(1, 1e5)),
    anneal=st.sampled_from([("cosine", "cos"), ("linear", "linear")]),
    three_phase=st.booleans(),
)
def test_one_cycle_equals_one_cycle_lr(max_lr, pct_start, factors, anneal, three_phase):
    shape = {
        "pct_start": pct_start,
        "div_factor": factors[0],
        "final_div_factor": factors[1],
        "three_phase": three_phase,
    }

    theirs = stepped(
        max_lr, lambda o: OneCycleLR(o, max_lr, STEPS, anneal_strategy=anneal[1], cycle_momentum=False, **shape)
    )
    ours = schedules.OneCycle(max_lr=max_lr, iterations=STEPS, anneal=anneal[0], **shape).rates(STEPS)

    np.testing.assert_allclose(ours, theirs, rtol=0, atol=16 * EPSILON * max_lr)


@few
@given(lr=rate, start=st.floats(0.01, 1.0), rise=st.integers(1, 20_000), fall=st.integers(1000, 70_000))
def test_a_warm_up_and_a_piecewise_schedule_equal_sequential_lr(lr, start, rise, fall):
    def sequence(optimizer: Optimizer) -> LRScheduler:
        parts = [
            LinearLR(optimizer, start, 1.0, rise),
            LinearLR(optimizer, 1.0, 0.1, fall),
            StepLR(optimizer, 5000, 0.5),
        ]
        return SequentialLR(optimizer, parts, milestones=[rise, rise + fall])

    line, steps = (
        schedules.Linear(lr=lr, end_lr=0.1 * lr, iterations=fall),
        schedules.Step(lr=lr, gamma=0.5, step_size=5000),
    )
    warm = schedules.Warmup(schedule=line, iterations=rise, start_factor=start)
    theirs = stepped(lr, sequence)

    ours = schedules.Piecewise(schedules=(warm, steps), milestones=(rise + fall,)).rates(STEPS)

    # SequentialLR starts a part from whatever rate it finds: only LinearLR, whose first rate is relative, is comparable
    np.testing.assert_allclose(
        ours[: rise + fall], theirs[: rise + fall], rtol=0, atol=own_rounding_of_a_recurrence(lr)
    )
