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


def triangle(i: int, up: float, down: float | None = None) -> tuple[int, Fraction]:
    """0-based cycle and height; where up equals down, exactly the paper's formula."""
    rise, fall = Fraction(up), Fraction(up if down is None else down)
    cycle = math.floor(i / (rise + fall))
    position = i - cycle * (rise + fall)
    return cycle, position / rise if position <= rise else (rise + fall - position) / fall


def window(height: Fraction, name: str) -> Fraction:
    if name == "welch":
        return 1 - (1 - height) ** 2
    return Fraction((1 - cosine_of_pi_times(height)) / 2) if name == "hann" else height


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


def real_power(base: Fraction | Decimal, exponent: float | Fraction) -> Decimal:
    base = as_decimal(base) if isinstance(base, Fraction) else base
    return DIGITS.power(base, as_decimal(Fraction(exponent))) if base else Decimal(0)


def multi_step(i, lr, gamma, milestones):
    return DIGITS.multiply(Decimal(lr), power(gamma, sum(milestone <= i for milestone in milestones)))


def inverse(i, lr, gamma, power):
    return DIGITS.multiply(Decimal(lr), real_power(1 + Fraction(gamma) * i, -power))


def polynomial(i, lr, end_lr, power, iterations):
    return mix(end_lr, lr, real_power(1 - Fraction(min(i, iterations), iterations), power))


def decay(i, base_lr, max_lr, step_size):
    return mix(max_lr, base_lr, min(Fraction(i) / Fraction(step_size), Fraction(1)))


def cosine_restarts(i, lr, end_lr, period, period_multiplier=1):
    length, since = Fraction(period), Fraction(i)
    if period_multiplier == 1:
        since %= length
    else:
        while since >= length:
            since, length = since - length, length * period_multiplier
    return mix(end_lr, lr, (1 + cosine_of_pi_times(since / length)) / 2)


def triangular(i, base_lr, max_lr, step_size, step_size_down=None, window_name="triangular"):
    return mix(base_lr, max_lr, window(triangle(i, step_size, step_size_down)[1], window_name))


def triangular2(i, base_lr, max_lr, step_size, step_size_down=None, window_name="triangular"):
    cycle, height = triangle(i, step_size, step_size_down)
    return mix(base_lr, max_lr, DIGITS.multiply(as_decimal(window(height, window_name)), power(0.5, cycle)))


def exp_range(i, base_lr, max_lr, step_size, gamma, step_size_down=None, window_name="triangular", decay_bounds=False):
    height = window(triangle(i, step_size, step_size_down)[1], window_name)
    if decay_bounds:
        return DIGITS.multiply(power(gamma, i), mix(base_lr, max_lr, height))
    return mix(base_lr, max_lr, DIGITS.multiply(as_decimal(height), power(gamma, i)))


def custom(i, base_lr, max_lr, step_size, scale_fn, scale_mode="cycle"):
    cycle, height = triangle(i, step_size)
    x = cycle + 1 if scale_mode == "cycle" else i
    scale = {
        "constant": lambda: Decimal(1),
        "halving": lambda: power(2.0, 1 - x),
        "inverse": lambda: as_decimal(Fraction(1, x)),
        "sine": lambda: (Decimal(1) + (0, 1, 0, -1)[x % 4]) / 2,
    }[scale_fn]()
    return mix(base_lr, max_lr, DIGITS.multiply(as_decimal(height), scale))


def one_cycle(i, max_lr, iterations, pct_start, div_factor, final_div_factor, anneal, three_phase=False):
    first = Fraction(max_lr) / Fraction(div_factor)
    final, peak = first / Fraction(final_div_factor), Fraction(max_lr)
    rise = Fraction(pct_start) * iterations
    ends = [rise - 1, 2 * rise - 2, iterations - 1] if three_phase else [rise - 1, iterations - 1]
    rates = [first, peak, first, final] if three_phase else [first, peak, final]
    at = [Fraction(0), *(max(end, Fraction(0)) for end in ends)]
    i = Fraction(min(i, iterations - 1))
    n = next(n for n in range(len(ends)) if i <= at[n + 1])
    start, end = at[n], at[n + 1]
    done = (i - start) / (end - start) if end > start else Fraction(1)
    done = done if anneal == "linear" else Fraction((1 - cosine_of_pi_times(done)) / 2)
    return as_decimal(rates[n] + (rates[n + 1] - rates[n]) * done)


def warmup_stable_decay(i, lr, end_lr, warmup, decay, iterations, shape):
    if i < warmup:
        return as_decimal(Fraction(lr) * Fraction(i, warmup))
    done = Fraction(min(max(i - iterations + decay, 0), decay), max(decay, 1))
    left = {
        "linear": lambda: as_decimal(1 - done),
        "cosine": lambda: (1 + cosine_of_pi_times(done)) / 2,
        "1-sqrt": lambda: 1 - DIGITS.sqrt(as_decimal(done)),
    }[shape]()
    return mix(end_lr, lr, left)


def warmup(i, schedule, iterations, start_factor, shape):
    first = exact_rate(schedule, 0)
    if i >= iterations:
        return exact_rate(schedule, i - iterations)
    if shape == "linear":
        return DIGITS.multiply(first, mix(start_factor, 1.0, Fraction(i, iterations)))
    return DIGITS.multiply(first, real_power(Decimal(start_factor), 1 - Fraction(i, iterations)))


def piecewise(i, schedules, milestones):
    n = sum(milestone <= i for milestone in milestones)
    return exact_rate(schedules[n], i - (0, *milestones)[n])


def exact_rate(schedule: schedules.Schedule, i: int) -> Decimal:
    parameters = {name: getattr(schedule, name) for name in schedules.json_schema(schedule.family)["required"]}
    return EXACT[schedule.family](i, **parameters)


EXACT = {
    oracle.__name__: oracle
    for oracle in (
        *(fixed, step, multi_step, exponential, inverse, linear, polynomial, decay, cosine, cosine_restarts),
        *(triangular, triangular2, exp_range, custom, one_cycle, warmup_stable_decay, warmup, piecewise),
    )
}

rate = st.floats(-7, 1).map(lambda exponent: 10.0**exponent)
bounds = st.tuples(rate, rate).map(sorted)
shrinking = st.floats(-9, -0.05).map(lambda exponent: 1.0 - 10.0**exponent)
length = st.one_of(st.integers(1, 1000), st.integers(1, 2 * TEN_MILLION))
half_cycle = st.one_of(st.floats(-1, 7).map(lambda exponent: 10.0**exponent), st.integers(1, 10_000).map(float))
iteration = st.one_of(st.integers(0, 1000), st.integers(0, TEN_MILLION), st.just(TEN_MILLION))

factor = st.floats(-2, 4).map(lambda exponent: 10.0**exponent)
exponent = st.floats(-2, 7).map(lambda exponent: 10.0**exponent)
maybe_zero = st.one_of(rate, st.just(0.0))
window_name = st.sampled_from(["triangular", "welch", "hann"])
milestones = st.lists(length, min_size=1, max_size=5, unique=True).map(lambda drawn: tuple(sorted(drawn)))
part = st.one_of(
    st.builds(schedules.Fixed, lr=rate),
    st.builds(schedules.Linear, lr=rate, end_lr=rate, iterations=length),
    st.builds(lambda b, s: schedules.Triangular2(base_lr=b[0], max_lr=b[1], step_size=s), bounds, half_cycle),
)


def cyclic(**more):
    """Bounds in order, and what else the family takes."""
    drawn = st.fixed_dictionaries({"bounds": bounds, "step_size": half_cycle, **more})
    return drawn.map(
        lambda d: {"base_lr": d["bounds"][0], "max_lr": d["bounds"][1]} | {k: d[k] for k in d if k != "bounds"}
    )


shape_of_cycles = {"step_size_down": st.one_of(st.none(), half_cycle), "window_name": window_name}

PARAMETERS = {
    "fixed": st.fixed_dictionaries({"lr": rate}),
    "step": st.fixed_dictionaries({"lr": rate, "gamma": shrinking, "step_size": length}),
    "multi_step": st.fixed_dictionaries({"lr": rate, "gamma": shrinking, "milestones": milestones}),
    "exponential": st.fixed_dictionaries({"lr": rate, "gamma": st.one_of(shrinking, st.floats(1, 1 + 1e-6))}),
    "inverse": st.fixed_dictionaries({"lr": rate, "gamma": rate, "power": exponent}),
    "linear": st.fixed_dictionaries({"lr": rate, "end_lr": maybe_zero, "iterations": length}),
    "polynomial": st.fixed_dictionaries({"lr": rate, "end_lr": maybe_zero, "power": exponent, "iterations": length}),
    "decay": cyclic(),
    "cosine": st.fixed_dictionaries({"lr": rate, "end_lr": maybe_zero, "iterations": length}),
    "cosine_restarts": st.fixed_dictionaries(
        {"lr": rate, "end_lr": maybe_zero, "period": half_cycle, "period_multiplier": st.integers(1, 3)}
    ),
    "triangular": cyclic(**shape_of_cycles),
    "triangular2": cyclic(**shape_of_cycles),
    "exp_range": cyclic(gamma=shrinking, decay_bounds=st.booleans(), **shape_of_cycles),
    "custom": st.one_of(
        cyclic(scale_fn=st.sampled_from(["constant", "halving", "inverse", "sine"])),
        cyclic(scale_fn=st.sampled_from(["constant", "halving", "sine"]), scale_mode=st.just("iterations")),
    ),
    "one_cycle": st.fixed_dictionaries(
        {
            "max_lr": rate, "iterations": length, "pct_start": st.floats(0, 0.5), "div_factor": factor,
            "final_div_factor": factor, "anneal": st.sampled_from(["cosine", "linear"]), "three_phase": st.booleans(),
        }
    ),
    "warmup_stable_decay": st.fixed_dictionaries(
        {
            "lr": rate, "end_lr": maybe_zero, "warmup": st.integers(0, 1000), "decay": st.integers(0, 1000),
            "iterations": st.integers(2000, TEN_MILLION), "shape": st.sampled_from(["linear", "cosine", "1-sqrt"]),
        }
    ),
    "warmup": st.fixed_dictionaries(
        {
            "schedule": part, "iterations": length, "start_factor": st.floats(0.001, 1.0),
            "shape": st.sampled_from(["linear", "exponential"]),
        }
    ),
    "piecewise": milestones.flatmap(
        lambda drawn: st.fixed_dictionaries(
            {"schedules": st.tuples(*[part] * (len(drawn) + 1)), "milestones": st.just(drawn)}
        )
    ),
}  # fmt: skip


def made(family, parameters):
    named = {"window" if name == "window_name" else name: value for name, value in parameters.items()}
    return schedules.make(family, **named)


def test_every_family_has_an_exact_formula_here():
    assert set(EXACT) == set(PARAMETERS) == set(schedules.names())


@pytest.mark.parametrize("family", schedules.names())
@settings(max_examples=150, deadline=None)
@given(data=st.data(), i=iteration)
def test_the_rate_equals_the_formula_in_exact_arithmetic(family, data, i):
    parameters = data.draw(PARAMETERS[family])

    exact = EXACT[family](i, **parameters)
    computed = Decimal(made(family, parameters)(i))

    largest = max((Decimal(value) for name, value in parameters.items() if name.endswith("lr")), default=exact)
    assert abs(computed - exact) <= Decimal("1e-12") * max(largest, exact)


@pytest.mark.parametrize("family", ["triangular", "triangular2", "exp_range"])
@settings(max_examples=60, deadline=None)
@given(data=st.data(), cycle=st.integers(0, 10**6))
def test_the_rate_is_exact_next_to_the_ends_of_late_cycles(family, data, cycle):
    parameters = data.draw(PARAMETERS[family])
    boundary = int((parameters["step_size"] + (parameters["step_size_down"] or parameters["step_size"])) * cycle)
    near = [i for i in range(boundary - 1, boundary + 3) if 0 <= i <= TEN_MILLION]

    computed = made(family, parameters)(np.array(near, dtype=np.int64))

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


@pytest.mark.parametrize("i", [1, 3, 7])
@pytest.mark.parametrize(
    ("family", "parameters"),
    [
        ("inverse", {"lr": 1.0, "gamma": 3e-7, "power": 1e6}),
        ("polynomial", {"lr": 1.0, "end_lr": 0.0, "power": 1e6, "iterations": 3_000_001}),
    ],
)
def test_a_large_power_does_not_multiply_the_rounding(family, parameters, i):
    error = abs(Decimal(schedules.make(family, **parameters)(i)) - EXACT[family](i, **parameters))

    assert error <= Decimal("1e-15")


def test_a_ramp_that_leaves_the_range_of_floats_is_infinite():
    assert schedules.Exponential(lr=1.0, gamma=2.0)(1023) == 2.0**1023
    assert schedules.Exponential(lr=1.0, gamma=2.0)(1024) == math.inf


@settings(max_examples=100, deadline=None)
@given(period=half_cycle, multiplier=st.integers(1, 3), n=st.integers(0, 10), lr=rate)
def test_a_restart_comes_at_the_exact_iteration(period, multiplier, n, lr):
    restart = math.ceil(Fraction(period) * sum(multiplier**k for k in range(n)))
    schedule = schedules.CosineRestarts(lr=lr, end_lr=0.0, period=period, period_multiplier=multiplier)

    for i in (max(restart - 1, 0), restart, restart + 1):
        exact = cosine_restarts(i, lr, 0.0, period, multiplier)
        assert abs(Decimal(schedule(i)) - exact) <= Decimal("1e-12") * Decimal(lr)


@pytest.mark.parametrize("step_size", [5e-324, 1e-300, 1e15, 2.0**53])
def test_extreme_step_sizes_stay_between_the_bounds(step_size):
    schedule = schedules.Triangular2(base_lr=0.1, max_lr=0.4, step_size=step_size)

    rates = schedule(np.array([0, 1, 10**7]))

    assert ((rates >= 0.1) & (rates <= 0.4)).all()
