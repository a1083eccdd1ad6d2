"""A schedule in Keras 3: a callback of `fit`."""

from __future__ import annotations

from typing import Any

from clr.adapters.libraries import load
from clr.errors import InvalidSchedule
from clr.schedules import Schedule


def callback(schedule: Schedule) -> Any:
    """A callback that sets the optimizer's rate before each batch, to that of the updates it has made.

    The count is the optimizer's own (`optimizer.iterations`), which a saved model keeps: training goes on where it was,
    and batches under `gradient_accumulation_steps` and updates skipped by loss scaling are not counted. Keras keeps the
    rate as float32. At an epoch's end the last rate is in the logs, as `learning_rate`.

    On the JAX backend the state that `fit` holds is brought back to the model before each batch, since the rate would
    not reach it otherwise; that costs time with large models.

    Args:
        schedule: the learning rate as a function of the update.

    Returns:
        A `keras.callbacks.Callback`, for `model.fit(callbacks=[...])`.

    Raises:
        MissingExtra: Keras is not installed.
        InvalidSchedule: when training begins: several updates run between two callbacks (`steps_per_execution`).
    """
    base = load("keras", "keras").callbacks.Callback
    return type("ScheduleCallback", (_SetsRate, base), {})(schedule)


class _SetsRate:
    """What `callback` adds to `keras.callbacks.Callback`."""

    model: Any

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self.schedule = schedule

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        together = self.model.steps_per_execution
        if together != 1:
            rule = "must be 1, because the rate can only be set between two executions"
            raise InvalidSchedule("model.compile", "steps_per_execution", rule, together)

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        optimizer = self._optimizer()
        optimizer.learning_rate = self.schedule(int(optimizer.iterations))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs is not None:
            logs["learning_rate"] = float(self._optimizer().learning_rate)

    def _optimizer(self) -> Any:
        """The optimizer that makes the updates: loss scaling wraps it."""
        optimizer = self.model.optimizer  # on JAX, asking Keras for `self.model` brings the state back
        return getattr(optimizer, "inner_optimizer", optimizer)
