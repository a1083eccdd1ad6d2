"""Families against the policies of Caffe's solver (sgd_solver.cpp, GetLearningRate) over 100,000 iterations."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from clr import schedules

STEPS = np.arange(100_000)
few = settings(max_examples=15, deadline=None)

rate = st.floats(-4, 0).map(lambda exponent: 10.0**exponent)


@few
@given(base_lr=rate, gamma=st.floats(0.999, 1.0))
def test_exponential_equals_exp(base_lr, gamma):
    theirs = base_lr * np.power(gamma, STEPS)

    np.testing.assert_allclose(schedules.Exponential(lr=base_lr, gamma=gamma).rates(len(STEPS)), theirs, rtol=1e-14)


@few
@given(base_lr=rate, gamma=rate, power=st.floats(0.1, 4.0))
def test_inverse_equals_inv(base_lr, gamma, power):
    theirs = base_lr * np.power(1 + gamma * STEPS, -power)

    ours = schedules.Inverse(lr=base_lr, gamma=gamma, power=power).rates(len(STEPS))

    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-14 * base_lr)


@few
@given(base_lr=rate, power=st.floats(0.1, 4.0), max_iter=st.integers(100_000, 1_000_000))
def test_polynomial_equals_poly(base_lr, power, max_iter):
    theirs = base_lr * np.power(1 - STEPS / max_iter, power)

    ours = schedules.Polynomial(lr=base_lr, end_lr=0.0, power=power, iterations=max_iter).rates(len(STEPS))

    # 1 - i / max_iter is rounded where little is left, and a power below 1 makes that large
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-11 * base_lr)


@few
@given(base_lr=rate, gamma=st.floats(0.01, 1.0), stepsize=st.integers(100, 200_000))
def test_step_equals_step(base_lr, gamma, stepsize):
    theirs = base_lr * np.power(gamma, STEPS // stepsize)

    np.testing.assert_allclose(
        schedules.Step(lr=base_lr, gamma=gamma, step_size=stepsize).rates(len(STEPS)), theirs, rtol=1e-14
    )


@few
@given(
    base_lr=rate,
    gamma=st.floats(0.01, 1.0),
    stepvalue=st.lists(st.integers(1, 100_000), min_size=1, max_size=6, unique=True).map(sorted),
)
def test_multi_step_equals_multistep(base_lr, gamma, stepvalue):
    current_step, theirs = 0, []
    for iteration in STEPS.tolist():
        if current_step < len(stepvalue) and iteration >= stepvalue[current_step]:
            current_step += 1
        theirs.append(base_lr * gamma**current_step)

    ours = schedules.MultiStep(lr=base_lr, gamma=gamma, milestones=stepvalue).rates(len(STEPS))

    np.testing.assert_allclose(ours, theirs, rtol=1e-14)
