"""A schedule in optax: a function of the count that can be traced by JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from clr.adapters.libraries import load
from clr.errors import InvalidSchedule
from clr.schedules import Schedule


def schedule_function(schedule: Schedule, iterations: int | None = None) -> Callable[[Any], Any]:
    """The schedule as optax's optimizers take it: `optax.sgd(schedule_function(schedule, iterations=1000))`.

    The rates of the run are worked out in float64 and kept as a table in JAX's default precision, to be looked up under
    jit, vmap and scan. So each rate is the exact one rounded once: to float32 (relative error at most 2**-24, about
    6e-8) or, with `jax_enable_x64`, to float64, however late the update. A formula in float32 would lose a digit with
    every digit of the update's number. A table takes 4 bytes per update: 40 MB for ten million.

    Args:
        schedule: the learning rate as a function of the update.
        iterations: length of the run [iterations], int >= 1; the schedule's own `length` if None. Later updates
            have the table's last rate.

    Returns:
        count (an integer array of any shape) to rates of that shape.

    Raises:
        MissingExtra: optax is not installed.
        InvalidSchedule: iterations is no whole number above 0, or is missing and the schedule has no length.
    """
    load("optax", "optax")
    jax_numpy = load("jax.numpy", "optax")
    table = jax_numpy.asarray(_table(schedule, iterations))

    def rate(count: Any) -> Any:
        return jax_numpy.take(table, count, mode="clip")

    return rate


def _table(schedule: Schedule, iterations: int | None) -> np.ndarray[Any, np.dtype[np.float64]]:
    owner = "clr.adapters.optax.schedule_function"
    if iterations is not None:
        table = schedule.rates(iterations)
    elif schedule.length is not None:
        table = schedule.rates(schedule.length + 1)  # with the value that holds from the end on
    else:
        raise InvalidSchedule(owner, "iterations", "is required, because this schedule has no length of its own", None)
    if not table.size:
        raise InvalidSchedule(owner, "iterations", "must be at least 1", iterations)
    return table
