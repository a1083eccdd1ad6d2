"""The cyclical families against the formula of the Keras callback (bckenstler/CLR) over 100,000 iterations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clr import schedules

STEPS = np.arange(100_000)
EPSILON = np.finfo(np.float64).eps


def keras_clr(base_lr: float, max_lr: float, step_size: float, scale_fn, scale_mode: str) -> np.ndarray:
    """`CyclicLR.clr()`, over all iterations at once."""
    cycle = np.floor(1 + STEPS / (2 * step_size))
    x = np.abs(STEPS / step_size - 2 * cycle + 1)
    with np.errstate(over="ignore"):  # 2 ** cycle of very many cycles
        scale = scale_fn(cycle if scale_mode == "cycle" else STEPS)
    return base_lr + (max_lr - base_lr) * np.maximum(0, (1 - x)) * scale


def keras_mode(mode: str, gamma: float):
    """scale_fn and scale_mode, as the callback's constructor sets them."""
    return {
        "triangular": (lambda x: 1.0, "cycle"),
        "triangular2": (lambda x: 1 / (2.0 ** (x - 1)), "cycle"),
        "exp_range": (lambda x: gamma**x, "iterations"),
    }[mode]


def readme_by_cycle(x: float) -> float:
    return 0.5 * (1 + np.sin(x * np.pi / 2.0))


def readme_by_iteration(x: float) -> float:
    return 1 / (5 ** (x * 0.0001))


@pytest.mark.parametrize("mode", ["triangular", "triangular2", "exp_range"])
@settings(max_examples=15, deadline=None)
@given(
    ratio=st.floats(0.0, 1.0),
    max_lr=st.floats(1e-4, 10.0),
    step_size=st.floats(2.0, 50_000.0),
    gamma=st.floats(0.999, 1.0),
)
def test_rates_equal_the_keras_formula(mode, ratio, max_lr, step_size, gamma):
    parameters = {"base_lr": ratio * max_lr, "max_lr": max_lr, "step_size": step_size}

    theirs = keras_clr(**parameters, **dict(zip(("scale_fn", "scale_mode"), keras_mode(mode, gamma), strict=True)))
    ours = schedules.make(mode, **parameters, **({"gamma": gamma} if mode == "exp_range" else {})).rates(len(STEPS))

    roundings = 4 * (2 + len(STEPS) / step_size)  # it subtracts numbers as large as i / step_size
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=roundings * EPSILON * max_lr)


@pytest.mark.parametrize(("scale_fn", "scale_mode"), [(readme_by_cycle, "cycle"), (readme_by_iteration, "iterations")])
@settings(max_examples=2, deadline=None)
@given(max_lr=st.floats(1e-4, 10.0), step_size=st.floats(200.0, 50_000.0))
def test_the_readmes_own_scale_functions_give_the_same_rates(scale_fn, scale_mode, max_lr, step_size):
    parameters = {"base_lr": 0.1 * max_lr, "max_lr": max_lr, "step_size": step_size}

    theirs = keras_clr(**parameters, scale_fn=scale_fn, scale_mode=scale_mode)
    ours = schedules.Custom(**parameters, scale_fn=scale_fn, scale_mode=scale_mode).rates(len(STEPS))

    roundings = 4 * (2 + len(STEPS) / step_size)
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=roundings * EPSILON * max_lr)
