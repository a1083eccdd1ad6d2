"""In optax: under every transformation, and rounded once."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from clr.adapters.optax import schedule_function
from clr.errors import InvalidSchedule
from clr.schedules import Cosine, Fixed, Triangular2

SCHEDULE = Triangular2(base_lr=0.1, max_lr=0.7, step_size=3.5)


def test_every_rate_is_the_exact_one_rounded_once_however_late() -> None:
    rates = schedule_function(SCHEDULE, 300_000)(jnp.arange(300_000))

    assert rates.dtype == jnp.float32
    assert (np.asarray(rates) == SCHEDULE.rates(300_000).astype(np.float32)).all()


def test_with_x64_the_rates_are_exact() -> None:
    with jax.enable_x64(True):
        rates = schedule_function(SCHEDULE, 1000)(jnp.arange(1000))

        assert (np.asarray(rates) == SCHEDULE.rates(1000)).all()


@pytest.mark.parametrize("transformed", [jax.jit, jax.vmap, lambda rate: lambda counts: jax.lax.map(rate, counts)])
def test_it_can_be_transformed(transformed) -> None:
    rates = transformed(schedule_function(SCHEDULE, 20))(jnp.arange(20))

    assert (np.asarray(rates) == SCHEDULE.rates(20).astype(np.float32)).all()


def test_the_optimizer_updates_at_the_rate_of_its_own_count() -> None:
    optimizer = optax.inject_hyperparams(optax.adam)(learning_rate=schedule_function(SCHEDULE, 20))
    parameters = jnp.ones(3)
    state = optimizer.init(parameters)
    used = []

    step = jax.jit(optimizer.update)
    for _ in range(20):
        _, state = step(jnp.ones(3), state, parameters)
        used.append(float(state.hyperparams["learning_rate"]))

    assert used == SCHEDULE.rates(20).astype(np.float32).tolist()


def test_past_the_end_the_last_value_holds() -> None:
    rate = schedule_function(Cosine(lr=0.5, end_lr=0.125, iterations=10))

    assert [float(rate(count)) for count in (10, 11, 10_000)] == [0.125] * 3


def test_a_schedule_without_a_length_needs_the_runs() -> None:
    with pytest.raises(InvalidSchedule, match=r"iterations of clr\.adapters\.optax\.schedule_function is required"):
        schedule_function(Fixed(lr=0.1))


@pytest.mark.parametrize("wrong", [0, -1, 1.5])
def test_a_length_that_is_no_count_is_refused(wrong) -> None:
    with pytest.raises(InvalidSchedule, match=r"iterations of .* must be"):
        schedule_function(Fixed(lr=0.1), wrong)


def test_the_example_trains(accuracy_of):
    assert accuracy_of("optax_loop.py") > 0.93
