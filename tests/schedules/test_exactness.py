"""Each family against its formula in exact arithmetic: to 1e-12 of the largest rate, up to ten million iterations."""

import decimal
import math
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clr import schedules

TEN_MILLION = 10_000_000
DIGITS = decimal.Context(prec=60, Emin=decimal.MIN_EMIN, Emax=decimal.MAX_EMAX)


def as_decimal(value: Fraction | float) -> Decimal:
    exact = Fraction(value)
    return DIGITS.divide(Decimal(exact.numerator), Decimal(exact.denominator))


def power(base: float, exponent: int) -> Decimal:
    return DIGITS.power(Decimal(base), exponent)


def cosine_of_pi_times(turn: Fraction) -> Decimal:
    """cos(pi turn) for 0 <= turn <= 1 by its Taylor series: 60 digits."""
    angle = DIGITS.multiply(PI, as_decimal(turn))
    square = DIGITS.multiply(angle, angle)
    term = total = Decimal(1)
    for n in range(1, 60):
        term = DIGITS.divide(DIGITS.multiply(-term, square), Decimal(2 * n * (2 * n - 1)))
        total = DIGITS.add(total, term)
    return total


PI = Decimal("3.14159265358979323846264338327950288419716939937510582097494459230781640628621")


def triangle(i: int, step_size: float) -> tuple[int, Fraction]:
    """0-based cycle and height, exactly as in the paper's formula."""
    turn = Fraction(i) / Fraction(step_size)
    cycle = math.floor(1 + turn / 2)
    return cycle - 1, max(Fraction(0), 1 - abs(turn - 2 * cycle + 1))


def mix(low: float, high: float, weight: Fraction | Decimal) -> Decimal:
    exact = as_decimal(weight) if isinstance(weight, Fraction) else weight
    span = as_decimal(Fraction(high) - Fraction(low))
    return DIGITS.add(Decimal(low), DIGITS.multiply(span, exact))


def fixed(i, lr):
    return Decimal(lr)


def step(i, lr, gamma, step_size):
    return DIGITS.multiply(Decimal(lr), power(gamma, i // step_size))


def exponential(i, lr, gamma):
    return DIGITS.multiply(Decimal(lr), power(gamma, i))


def linear(i, lr, end_lr, iterations):
    return mix(lr, end_lr, Fraction(min(i, iterations), iterations))


def cosine(i, lr, end_lr, iterations):
    swing = cosine_of_pi_times(Fraction(min(i, iterations), iterations))
    return mix(end_lr, lr, DIGITS.divide(DIGITS.add(Decimal(1), swing), Decimal(2)))


def triangular(i, base_lr, max_lr, step_size):
    return mix(base_lr, max_lr, triangle(i, step_size)[1])


def triangular2(i, base_lr, max_lr, step_size):
    cycle, height = triangle(i, step_size)
    return mix(base_lr, max_lr, DIGITS.multiply(as_decimal(height), power(0.5, cycle)))


def exp_range(i, base_lr, max_lr, step_size, gamma):
    height = triangle(i, step_size)[1]
    return mix(base_lr, max_lr, DIGITS.multiply(as_decimal(height), power(gamma, i)))


EXACT = {
    oracle.__name__: oracle for oracle in (fixed, step, exponential, linear, cosine, triangular, triangular2, exp_range)
}

rate = st.floats(-7, 1).map(lambda exponent: 10.0**exponent)
bounds = st.tuples(rate, rate).map(sorted)
shrinking = st.floats(-9, -0.05).map(lambda exponent: 1.0 - 10.0**exponent)
length = st.one_of(st.integers(1, 1000), st.integers(1, 2 * TEN_MILLION))
half_cycle = st.one_of(st.floats(-1, 7).map(lambda exponent: 10.0**exponent), st.integers(1, 10_000).map(float))
iteration = st.one_of(st.integers(0, 1000), st.integers(0, TEN_MILLION), st.just(TEN_MILLION))

PARAMETERS = {
    "fixed": st.fixed_dictionaries({"lr": rate}),
    "step": st.fixed_dictionaries({"lr": rate, "gamma": shrinking, "step_size": length}),
    "exponential": st.fixed_dictionaries({"lr": rate, "gamma": st.one_of(shrinking, st.floats(1, 1 + 1e-6))}),
    "linear": st.fixed_dictionaries({"lr": rate, "end_lr": st.one_of(rate, st.just(0.0)), "iterations": length}),
    "cosine": st.fixed_dictionaries({"lr": rate, "end_lr": st.one_of(rate, st.just(0.0)), "iterations": length}),
    "triangular": st.builds(lambda b, s: {"base_lr": b[0], "max_lr": b[1], "step_size": s}, bounds, half_cycle),
    "triangular2": st.builds(lambda b, s: {"base_lr": b[0], "max_lr": b[1], "step_size": s}, bounds, half_cycle),
    "exp_range": st.builds(
        lambda b, s, g: {"base_lr": b[0], "max_lr": b[1], "step_size": s, "gamma": g}, bounds, half_cycle, shrinking
    ),
}


def test_every_family_has_an_exact_formula_here():
    assert set(EXACT) == set(PARAMETERS) == set(schedules.names())


@pytest.mark.parametrize("family", schedules.names())
@settings(max_examples=150, deadline=None)
@given(data=st.data(), i=iteration)
def test_the_rate_equals_the_formula_in_exact_arithmetic(family, data, i):
    parameters = data.draw(PARAMETERS[family])

    exact = EXACT[family](i, **parameters)
    computed = Decimal(schedules.make(family, **parameters)(i))

    largest = max(Decimal(value) for name, value in parameters.items() if name.endswith("lr"))
    assert abs(computed - exact) <= Decimal("1e-12") * max(largest, exact)


@pytest.mark.parametrize("family", ["triangular", "triangular2", "exp_range"])
@settings(max_examples=60, deadline=None)
@given(data=st.data(), cycle=st.integers(0, 10**6))
def test_the_rate_is_exact_next_to_the_ends_of_late_cycles(family, data, cycle):
    parameters = data.draw(PARAMETERS[family])
    boundary = int(2 * parameters["step_size"] * cycle)
    near = [i for i in range(boundary - 1, boundary + 3) if 0 <= i <= TEN_MILLION]

    computed = schedules.make(family, **parameters)(np.array(near, dtype=np.int64))

    for i, computed_rate in zip(near, computed, strict=True):
        error = abs(Decimal(float(computed_rate)) - EXACT[family](i, **parameters))
        assert error <= Decimal("1e-12") * Decimal(parameters["max_lr"])


@settings(max_examples=100, deadline=None)
@given(bounds=bounds, step_size=st.integers(1, 100_000), cycle=st.integers(0, 50))
def test_a_cycle_begins_at_base_lr_and_peaks_at_max_lr_to_the_last_bit(bounds, step_size, cycle):
    base_lr, max_lr = bounds
    schedule = schedules.Triangular(base_lr=base_lr, max_lr=max_lr, step_size=step_size)

    assert schedule(2 * step_size * cycle) == base_lr
    assert schedule(2 * step_size * cycle + step_size) == max_lr


@settings(max_examples=100, deadline=None)
@given(
    lr=rate, end_lr=rate, iterations=length, family=st.sampled_from(["linear", "cosine"]), late=st.integers(0, 10**7)
)
def test_a_decay_begins_at_lr_and_stays_at_end_lr_to_the_last_bit(lr, end_lr, iterations, family, late):
    schedule = schedules.make(family, lr=lr, end_lr=end_lr, iterations=iterations)

    assert schedule(0) == lr
    assert schedule(iterations + late) == end_lr


def test_a_ramp_that_leaves_the_range_of_floats_is_infinite():
    assert schedules.Exponential(lr=1.0, gamma=2.0)(1023) == 2.0**1023
    assert schedules.Exponential(lr=1.0, gamma=2.0)(1024) == math.inf


@pytest.mark.parametrize("step_size", [5e-324, 1e-300, 1e300, 1.7e308])
def test_extreme_step_sizes_stay_between_the_bounds(step_size):
    schedule = schedules.Triangular2(base_lr=0.1, max_lr=0.4, step_size=step_size)

    rates = schedule(np.array([0, 1, 10**7]))

    assert ((rates >= 0.1) & (rates <= 0.4)).all()
