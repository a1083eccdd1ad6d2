"""A schedule inside torch: `ScheduleLR` sets an optimizer's learning rates from a `clr.schedules.Schedule`."""

from clr.errors import MissingExtra

try:
    import torch as torch
except ImportError:
    raise MissingExtra("torch", "train") from None

from clr.lr_scheduler.scheduler import ScheduleLR

__all__ = ["ScheduleLR"]
