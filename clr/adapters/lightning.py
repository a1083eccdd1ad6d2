"""A schedule in Lightning (`lightning` or `pytorch_lightning`): what `configure_optimizers` returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from clr.schedules import Schedule

if TYPE_CHECKING:
    from torch.optim import Optimizer


def configure_optimizers(optimizer: Optimizer, schedule: Schedule) -> dict[str, Any]:
    """The dict that `LightningModule.configure_optimizers` returns, with the schedule stepped per update.

    Lightning steps schedulers once per epoch unless the dict says otherwise (Lightning#17544): this one says
    `interval="step"`, which with accumulated batches is one optimizer update. A checkpoint keeps the count and the
    schedule; parameter groups keep their ratios by the key `lr_mult` (see `clr.ScheduleLR`).

    Args:
        optimizer: the module's; its rates are set from now on.
        schedule: the learning rate as a function of the update.

    Example:
        >>> import torch
        >>> from clr.schedules import Fixed
        >>> optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> config = configure_optimizers(optimizer, Fixed(lr=0.25))
        >>> config["lr_scheduler"]["interval"], optimizer.param_groups[0]["lr"]
        ('step', 0.25)
    """
    from clr.lr_scheduler import ScheduleLR

    return {
        "optimizer": optimizer,
        "lr_scheduler": {"scheduler": ScheduleLR(optimizer, schedule), "interval": "step", "frequency": 1},
    }
