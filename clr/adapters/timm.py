"""A schedule in timm: a scheduler whose count the training script passes in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from clr.adapters.libraries import load
from clr.errors import CheckpointError
from clr.schedules import Schedule, from_dict

if TYPE_CHECKING:
    from torch.optim import Optimizer


def scheduler(optimizer: Optimizer, schedule: Schedule) -> Any:
    """The schedule as timm's scripts take it: `step_update(num_updates)` after each update sets the next one's rate.

    `step(epoch)` does nothing, as with any timm scheduler that counts updates. After a resume, `step_update` with the
    updates done so far sets the rate; there is no other state. Group ratios are kept, both timm's own `lr_scale` (layer
    decay) and `lr_mult`.

    Args:
        optimizer: the script's; its rates are set at once to those of update 0.
        schedule: the learning rate as a function of the update.

    Returns:
        A `timm.scheduler.scheduler.Scheduler`.

    Raises:
        MissingExtra: timm is not installed.
    """
    base = load("timm.scheduler.scheduler", "timm").Scheduler
    return type("UpdateScheduler", (_SetsRates, base), {})(optimizer, schedule)


class _SetsRates:
    """What `scheduler` adds to `timm.scheduler.scheduler.Scheduler`."""

    optimizer: Optimizer

    def __init__(self, optimizer: Optimizer, schedule: Schedule) -> None:
        self.schedule = schedule
        timms: Any = super()
        timms.__init__(optimizer, param_group_field="lr", t_in_epochs=False)
        timms.step_update(0)

    def _get_lr(self, t: int) -> list[float]:
        rate = self.schedule(t)
        return [rate * group.get("lr_mult", 1.0) for group in self.optimizer.param_groups]

    def state_dict(self) -> dict[str, Any]:
        """`{"schedule": schedule.to_dict()}`: timm's scripts keep the count."""
        return {"schedule": self.schedule.to_dict()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes up the saved schedule; its rate is set by the next `step_update`.

        Raises:
            CheckpointError: not a state that `state_dict` made.
        """
        if "schedule" not in state_dict:
            found = ", ".join(map(str, state_dict)) or "nothing"
            raise CheckpointError(f"This is no state of a schedule in timm: it needs 'schedule', got {found}.")
        self.schedule = from_dict(state_dict["schedule"])
