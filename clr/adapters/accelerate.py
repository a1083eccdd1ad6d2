"""A schedule in Accelerate: a scheduler that moves by one per update, however many processes train."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clr.schedules import Schedule

if TYPE_CHECKING:
    from torch.optim import Optimizer


def prepare(accelerator: Any, optimizer: Optimizer, schedule: Schedule) -> Any:
    """The schedule on an optimizer, prepared: call its `step()` after each `optimizer.step()`, as with any other.

    Accelerate steps a scheduler once per process and update, so that a schedule laid out for one process ends early on
    four. The schedule here counts the updates themselves: batch k of the training loop trains at schedule(k) whatever
    the number of processes, and neither skipped updates nor batches under `accelerator.accumulate` are counted.
    `save_state` keeps the count, `load_state` brings it back. Not for DeepSpeed and Megatron-LM, whose engines bring
    their own schedulers.

    Args:
        accelerator: an `accelerate.Accelerator`.
        optimizer: as `accelerator.prepare` returned it, or still to be prepared.
        schedule: the learning rate as a function of the update.

    Returns:
        An `accelerate.scheduler.AcceleratedScheduler` around a `clr.ScheduleLR`.
    """
    from clr.lr_scheduler import ScheduleLR

    torchs_own = getattr(optimizer, "optimizer", optimizer)  # the wrapper takes no step hooks
    return accelerator.prepare_scheduler(ScheduleLR(torchs_own, schedule))
