"""A schedule in the Hugging Face Trainer: with an optimizer of one's own, or as a callback."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clr.adapters.libraries import load
from clr.errors import InvalidSchedule
from clr.schedules import Schedule

if TYPE_CHECKING:
    from torch.optim import Optimizer

    from clr.lr_scheduler import ScheduleLR


def optimizers(optimizer: Optimizer, schedule: Schedule) -> tuple[Optimizer, ScheduleLR]:
    """What `Trainer(optimizers=...)` takes: the optimizer, and the schedule on it.

    The schedule counts updates as it stands: where a run is resumed with other `num_train_epochs` or `max_steps`, no
    rate changes (transformers#34053).

    Args:
        optimizer: the user's own.
        schedule: the learning rate as a function of the update.

    Example:
        >>> import torch
        >>> from clr.schedules import Fixed
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> optimizers(optimizer, Fixed(lr=0.25))[1].get_last_lr()
        [0.25]
    """
    from clr.lr_scheduler import ScheduleLR

    return optimizer, ScheduleLR(optimizer, schedule)


def callback(schedule: Schedule) -> Any:
    """A callback that makes the Trainer's own scheduler follow the schedule; the Trainer makes the optimizer.

    `learning_rate`, `warmup_steps` and the kind of `lr_scheduler_type` no longer matter. Count, logs, checkpoints and
    what is done about skipped updates stay the Trainer's. A group's multiplier is its key `lr_mult` (1.0 if absent).

    Args:
        schedule: the learning rate as a function of the update.

    Returns:
        A `transformers.TrainerCallback`, for `Trainer(callbacks=[...])`.

    Raises:
        MissingExtra: transformers is not installed.
        InvalidSchedule: when training begins: the Trainer's scheduler is none of its usual ones (`reduce_lr_on_plateau`
            or `greedy` was asked for, or one was handed in).
    """
    base = load("transformers", "transformers").TrainerCallback
    return type("ScheduleCallback", (_FollowsSchedule, base), {})(schedule)


class _FollowsSchedule:
    """What `callback` adds to `transformers.TrainerCallback`."""

    def __init__(self, schedule: Schedule) -> None:
        self.schedule = schedule

    def on_train_begin(self, args: Any, state: Any, control: Any, *, lr_scheduler: Any, **objects: Any) -> None:
        """Called once the Trainer has its scheduler, at a resume with the restored count."""
        from torch.optim.lr_scheduler import LambdaLR

        if not isinstance(lr_scheduler, LambdaLR):
            rule = "must be one of the Trainer's ordinary ones, e.g. linear, for the callback to take its place"
            raise InvalidSchedule("TrainingArguments", "lr_scheduler_type", rule, type(lr_scheduler).__name__)
        groups = lr_scheduler.optimizer.param_groups
        lr_scheduler.lr_lambdas = [self._rate for _ in groups]
        lr_scheduler.base_lrs = [group.get("lr_mult", 1.0) for group in groups]
        rates = [self._rate(lr_scheduler.last_epoch) * multiplier for multiplier in lr_scheduler.base_lrs]
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate
        lr_scheduler._last_lr = rates  # what the Trainer logs after the first update

    def _rate(self, update: int) -> float:
        return self.schedule(update)
