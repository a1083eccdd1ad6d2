"""A schedule inside torch: `ScheduleLR` sets an optimizer's learning rates from a `clr.schedules.Schedule`."""

from __future__ import annotations

import math
import operator
import warnings
import weakref
from collections.abc import Mapping
from typing import Any

import numpy as np

from clr.errors import CheckpointError, InvalidSchedule, MissingExtra
from clr.schedules import Schedule, from_dict

try:
    import torch
    from torch.optim import Optimizer
    from torch.optim.lr_scheduler import LRScheduler
except ImportError:
    raise MissingExtra("torch", "train") from None

_BLOCK = 1024  # rates computed at once: a step then costs a look-up
_SUSPICIOUS_CALLS = 100


class ScheduleLR(LRScheduler):
    """Sets the learning rate of every parameter group to schedule(k) * the group's own `lr_mult`, k = updates done.

    Batch k (0-based) trains at schedule(k): the constructor sets schedule(0), and `step()`, called after each
    `optimizer.step()`, sets the next. Only the rate is touched, never momentum. Past the schedule's end its last value
    holds.

    A call of `step()` counts where the optimizer made an update since the call before. So an update that GradScaler
    skipped, and the calls between two updates under gradient accumulation, leave the rate where it is. As long as
    no update was seen and no gradient exists (a loop that only traces the rates), every call counts. Updates replayed
    by a CUDA graph are noticed when they are captured, and every call counts from then on.

    `state_dict()` holds the count and the schedule, nothing else; it loads with `torch.load(weights_only=True)`.
    Optimizer and scheduler may be restored in either order.

    Args:
        optimizer: any of torch's. `lr_mult` is a key of its parameter groups (default 1.0), kept by the optimizer's own
            state_dict: `SGD([{"params": head, "lr_mult": 10.0}, {"params": body}], lr=0.1)`.
        schedule: the learning rate as a function of the update.
        iteration: updates already made [iterations], int >= 0; above 0 when training goes on without a state_dict.
        follow_updates: False counts every call of `step()`: for updates made out of torch's sight.

    Raises:
        InvalidSchedule: iteration is negative, or a group's lr_mult is not a finite number >= 0.

    Warns:
        UserWarning: iteration is above 0 and the groups' rates are not those of schedule(iteration).

    Example:
        >>> from torch.optim import SGD
        >>> from clr.schedules import Triangular
        >>> optimizer = SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
        >>> scheduler = ScheduleLR(optimizer, Triangular(base_lr=0.25, max_lr=0.75, step_size=2))
        >>> for batch in range(3):
        ...     print(optimizer.param_groups[0]["lr"])
        ...     optimizer.step()
        ...     scheduler.step()
        0.25
        0.5
        0.75
    """

    def __init__(
        self, optimizer: Optimizer, schedule: Schedule, *, iteration: int = 0, follow_updates: bool = True
    ) -> None:
        if not isinstance(schedule, Schedule):
            raise TypeError(f"schedule must be one of clr.schedules, got {schedule!r}.")
        schedule(iteration)
        self._use(schedule)
        self._start = operator.index(iteration)
        self._follow_updates = follow_updates
        self._updates = _Updates()
        self._calls_without_update = 0
        super().__init__(optimizer)
        self._watch()

    def __setstate__(self, state: dict[str, Any]) -> None:
        """A copied or unpickled scheduler watches its own optimizer, whose hooks are not copied."""
        self.__dict__.update(state)
        self._watch()

    @property
    def iteration(self) -> int:
        """Updates done [iterations]: the next batch trains at schedule(iteration)."""
        return self.last_epoch

    def step(self, epoch: int | None = None) -> None:
        """Sets the next update's rates; call it after each `optimizer.step()`.

        Args:
            epoch: sets the count to this many updates instead (torch's signature; deprecated there).
        """
        self._step_count += 1
        if epoch is not None:
            self.last_epoch = epoch
        elif self._updates.new:
            self._updates.new = False
            self._calls_without_update = 0
            self.last_epoch += 1
        elif self._counts_without_update():
            self.last_epoch += 1
        else:
            return
        self._write_rates()

    def get_lr(self) -> list[float | torch.Tensor]:
        """The rates that the current count asks for, one per parameter group."""
        return list(self._asked_rates())

    def get_last_lr(self) -> list[float | torch.Tensor]:
        """The groups' learning rates as they are (copies, where they are tensors)."""
        rates = [group["lr"] for group in self.optimizer.param_groups]
        return [rate.clone() if isinstance(rate, torch.Tensor) else rate for rate in rates]

    def state_dict(self) -> dict[str, Any]:
        """`{"iteration": updates done, "schedule": schedule.to_dict()}`."""
        return {"iteration": self.last_epoch, "schedule": self.schedule.to_dict()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restores count and schedule, and writes the restored count's rates into the groups at once.

        Raises:
            CheckpointError: not a state that `state_dict` made.

        Warns:
            UserWarning: the state holds another schedule than this one was built with; the state's is used.
        """
        if not {"iteration", "schedule"} <= set(state_dict):
            raise CheckpointError(
                "This is no state of ScheduleLR: it needs 'iteration' and 'schedule', "
                f"got {', '.join(map(str, state_dict)) or 'nothing'}."
            )
        schedule = from_dict(state_dict["schedule"])
        schedule(state_dict["iteration"])
        if schedule != self.schedule:
            warnings.warn(
                f"The restored schedule {schedule} replaces {self.schedule}. To go on with the new one, build "
                f"ScheduleLR(optimizer, schedule, iteration={state_dict['iteration']}) and do not load its state.",
                stacklevel=2,
            )
        self._use(schedule)
        self.last_epoch = operator.index(state_dict["iteration"])
        self._write_rates()

    def _initial_step(self) -> None:
        """Called by torch's constructor once the groups are known."""
        _check_multipliers(self.optimizer)
        _separate_shared_tensors(self.optimizer)
        self._step_count = 1
        self.last_epoch = self._start
        if self._start > 0 and not self._rates_are_set():
            warnings.warn(
                f"The optimizer's rates are {self.get_last_lr()}, not those of {self.schedule} after {self._start} "
                f"updates, {self.get_lr()}, and were set to these. Restore the optimizer's state first, or check "
                "the iteration.",
                stacklevel=4,
            )
        self._write_rates()

    def _watch(self) -> None:
        hook = self.optimizer.register_step_post_hook(self._updates.saw)
        weakref.finalize(self, hook.remove)

    def _use(self, schedule: Schedule) -> None:
        self.schedule = schedule
        self._block: list[float] = []
        self._block_start = 0

    def _rate(self) -> float:
        offset = self.last_epoch - self._block_start
        if not 0 <= offset < len(self._block):
            self._block_start, offset = self.last_epoch, 0
            self._block = self.schedule(np.arange(self.last_epoch, self.last_epoch + _BLOCK)).tolist()
        return self._block[offset]

    def _asked_rates(self) -> list[float]:
        rate = self._rate()
        return [rate * group.get("lr_mult", 1.0) for group in self.optimizer.param_groups]

    def _write_rates(self) -> None:
        rate = self._rate()
        for group in self.optimizer.param_groups:
            own = rate * group.get("lr_mult", 1.0)
            if type(group["lr"]) is not float and isinstance(group["lr"], torch.Tensor):
                group["lr"].fill_(own)  # in place: compiled and captured steps read this very tensor
            else:
                group["lr"] = own

    def _rates_are_set(self) -> bool:
        """Whether each group already has its rate, to the precision that it is kept in."""
        return all(
            bool(have == torch.full_like(have, want)) if isinstance(have, torch.Tensor) else have == want
            for have, want in zip(self.get_last_lr(), self._asked_rates(), strict=True)
        )

    def _counts_without_update(self) -> bool:
        """Whether a call of `step()` counts although no update was seen since the last one."""
        if not self._follow_updates or self._updates.captured:
            return True
        if not self._updates.ever_seen and not _has_gradient(self.optimizer):
            return True
        self._calls_without_update += 1
        if self._calls_without_update == _SUSPICIOUS_CALLS:
            warnings.warn(
                f"{_SUSPICIOUS_CALLS} calls of ScheduleLR.step() in a row saw no update of the optimizer and left the "
                "rate where it is. If updates are made out of torch's sight, pass follow_updates=False.",
                stacklevel=3,
            )
        return False


class _Updates:
    """What a step post hook saw of an optimizer's updates.

    Attributes:
        ever_seen: at least one update, or one skipped inside a fused kernel.
        new: an update since the reader last cleared this.
        captured: an update was captured in a CUDA graph: its replays can't be seen.
    """

    def __init__(self) -> None:
        self.ever_seen = self.new = self.captured = False

    def saw(self, optimizer: Optimizer, args: object, kwargs: object) -> None:
        """The hook: `optimizer.step()` was run."""
        self.ever_seen = True
        in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
        if in_use and torch.cuda.is_current_stream_capturing():
            self.captured = True
            return
        # fused optimizers are stepped in any case, and skip inside the kernel where GradScaler found an infinity
        found_infinity = getattr(optimizer, "found_inf", None)
        self.new = self.new or found_infinity is None or not float(found_infinity)


def _has_gradient(optimizer: Optimizer) -> bool:
    return any(parameter.grad is not None for group in optimizer.param_groups for parameter in group["params"])


def _check_multipliers(optimizer: Optimizer) -> None:
    for index, group in enumerate(optimizer.param_groups):
        factor = group.get("lr_mult", 1.0)
        number = isinstance(factor, int | float) and not isinstance(factor, bool)
        if not number or not math.isfinite(factor) or factor < 0:
            raise InvalidSchedule(f"param_groups[{index}]", "lr_mult", "must be a finite number, at least 0", factor)


def _separate_shared_tensors(optimizer: Optimizer) -> None:
    """Gives each group its own rate tensor: `Adam(groups, lr=tensor)` puts the same one into all of them."""
    seen: set[int] = set()
    for group in optimizer.param_groups:
        if isinstance(group["lr"], torch.Tensor):
            if id(group["lr"]) in seen:
                group["lr"] = group["lr"].clone()
            seen.add(id(group["lr"]))
