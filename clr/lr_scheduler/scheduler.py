"""`ScheduleLR`: an optimizer's learning rates, and its momentum where asked, as functions of the update."""

from __future__ import annotations

import operator
import warnings
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from clr.errors import CheckpointError, InvalidSchedule
from clr.lr_scheduler import groups
from clr.lr_scheduler.updates import Progress, Updates
from clr.schedules import Schedule, from_dict
from clr.schedules.parameters import Count

_BLOCK = 1024  # rates computed at once: a step then costs a look-up
_MOST_CHECKED = 10_000
_SUSPICIOUS_CALLS = 100
_RUN = Count("length of the run [iterations]")


class _Table(dict[int, float]):
    """A schedule's rate by iteration: a look-up, for a block of them is computed where one is missing."""

    def __init__(self, schedule: Schedule) -> None:
        super().__init__()
        self._schedule = schedule

    def __missing__(self, iteration: int) -> float:
        block = np.arange(iteration, iteration + _BLOCK)
        self.clear()
        self.update(zip(block.tolist(), self._schedule(block).tolist(), strict=True))
        return self[iteration]


class ScheduleLR(LRScheduler):
    """Sets the learning rate of every parameter group to schedule(k) * the group's own `lr_mult`, k = updates done.

    Batch k (0-based) trains at schedule(k): the constructor sets schedule(0), and `step()`, called after each
    `optimizer.step()`, sets the next. Past the schedule's end its last value holds. Only the rate is touched; momentum
    only where a schedule of its own is given.

    A call of `step()` counts where the optimizer made an update since the call before. So an update that GradScaler
    skipped, and the calls between two updates under gradient accumulation, leave the rate where it is. As long as
    no update was seen and no gradient computed (a loop that only traces the rates), every call counts. Updates replayed
    by a CUDA graph are noticed when they are captured, and every call counts from then on.

    `state_dict()` holds the count and the schedule, nothing else; it loads with `torch.load(weights_only=True)`.
    Optimizer and scheduler may be restored in either order.

    Args:
        optimizer: any of torch's. `lr_mult` is a key of its parameter groups (default 1.0), kept by the optimizer's own
            state_dict: `SGD([{"params": head, "lr_mult": 10.0}, {"params": body}], lr=0.1)`.
        schedule: the learning rate as a function of the update; or a list of them, one per parameter group.
        momentum: the momentum as a function of the update, below 1: of SGD and its like, the first of the betas of
            Adam's family. None leaves momentum and betas as they are.
        iteration: updates already made [iterations], int >= 0; above 0 when training goes on without a state_dict.
        iterations: updates that the run will make [iterations], int >= 1, counted from 0; the schedule's own length
            if None. Nothing but the warnings below depends on it.
        follow_updates: False counts every call of `step()`: for updates made out of torch's sight.

    Raises:
        InvalidSchedule: iteration is negative, a group's lr_mult is not a finite number >= 0, there are more or fewer
            schedules than groups, or momentum reaches 1 or is asked of an optimizer without any.

    Warns:
        UserWarning: iteration is above 0 and the groups' rates are not those of schedule(iteration); or the run ends
            before the schedule does; or, in `state_dict()` and at exit, `step()` was called per epoch: the optimizer
            made many more updates than were counted, which are fewer than one cycle (of a schedule without cycle and
            end: and the rate is another than it would be).

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
        self,
        optimizer: Optimizer,
        schedule: Schedule | Sequence[Schedule],
        momentum: Schedule | None = None,
        iteration: int = 0,
        *,
        iterations: int | None = None,
        follow_updates: bool = True,
    ) -> None:
        _check_kinds(schedule, momentum)
        self._use(schedule if isinstance(schedule, Schedule) else tuple(schedule), momentum)
        for part in self._schedules():
            part(iteration)
        self._start = operator.index(iteration)
        self._iterations = None if iterations is None else _length(iterations)
        self._follow_updates = follow_updates
        self._updates = Updates()
        self._progress = Progress(self._updates, self._schedules(), self._iterations)
        self._counted = 0  # of the updates made, those that a call of step() followed
        self._idle_since = self._calls_without_update = 0
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
        made = self._updates.made
        if made != self._counted and epoch is None:
            self._counted = made
            count = self.last_epoch + 1
        elif epoch is not None:
            self._counted, count = made, epoch
        elif self._counts_without_update():
            count = self.last_epoch + 1
        else:
            return
        self.last_epoch = self._progress.iteration = count
        self._write()

    def get_lr(self) -> list[float | torch.Tensor]:
        """The rates that the current count asks for, one per parameter group."""
        return list(self._asked_rates())

    def get_last_lr(self) -> list[float | torch.Tensor]:
        """The groups' learning rates as they are (copies, where they are tensors)."""
        rates = [group["lr"] for group in self.optimizer.param_groups]
        return [rate.clone() if isinstance(rate, torch.Tensor) else rate for rate in rates]

    def state_dict(self) -> dict[str, Any]:
        """`{"iteration": updates done, "schedule": schedule.to_dict()}`, and "momentum" where it is scheduled.

        "schedule" is a list of them where each group has its own.

        Warns:
            UserWarning: `step()` is called per epoch.
        """
        self._progress.warn()
        own = [part.to_dict() for part in self._schedules()]
        state = {"iteration": self.last_epoch, "schedule": own[0] if isinstance(self.schedule, Schedule) else own}
        return state if self.momentum is None else {**state, "momentum": self.momentum.to_dict()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Restores count and schedule, and writes the restored count's rates into the groups at once.

        Raises:
            CheckpointError: not a state that `state_dict` made, or not for this optimizer: another number of groups,
                or a momentum that it has no place for. Nothing is changed then.

        Warns:
            UserWarning: the state holds another schedule than this one was built with; the state's is used.
        """
        schedule, momentum, iteration = _restored(state_dict, self.optimizer)
        for name, restored, own in (("schedule", schedule, self.schedule), ("momentum", momentum, self.momentum)):
            if restored != own:
                warnings.warn(
                    f"The restored {name} {restored} replaces {own}. To go on with the new one, build "
                    f"ScheduleLR(optimizer, schedule, iteration={iteration}) and do not load its state.",
                    stacklevel=2,
                )
        self._use(schedule, momentum)
        self.last_epoch, self._counted = iteration, self._updates.made
        self._progress.lay_out(self._schedules())
        self._progress.start(iteration)
        self._write()

    def _initial_step(self) -> None:
        """Called by torch's constructor once the groups are known."""
        groups.check_multipliers(self.optimizer)
        groups.separate_shared_tensors(self.optimizer)
        if self.momentum is not None:
            groups.check_momentum(self.optimizer, self.momentum, self._checked_updates())
        self._step_count = 1
        self.last_epoch = self._start
        self._progress.start(self._start)
        asked = self._asked_rates()
        if self._start > 0:
            self._compare("rates", self.get_last_lr(), asked)
            if self.momentum is not None:
                have = [groups.momentum_of(group) for group in self.optimizer.param_groups]
                self._compare("momentum", have, [self.momentum(self._start)] * len(have))
        if self._iterations is not None:
            self._warn_of_unreached_ends(self._iterations)
        self._write()

    def _compare(self, name: str, have: Sequence[groups.Value], want: Sequence[float]) -> None:
        if all(map(groups.equals, have, want)):
            return
        warnings.warn(
            f"The optimizer's {name}, {list(have)}, are not those of the schedule after {self._start} updates, "
            f"{list(want)}, and were set to these. Restore the optimizer's state first, or check the iteration.",
            stacklevel=5,
        )

    def _warn_of_unreached_ends(self, run: int) -> None:
        for schedule in self._schedules():
            if schedule.length is not None and schedule.length > run:
                warnings.warn(
                    f"The run ends at iteration {run}, but {schedule} is laid out for {schedule.length}: its end is "
                    f"never reached. schedule.stretched({run}) lays it over this run.",
                    stacklevel=5,
                )

    def _checked_updates(self) -> npt.NDArray[np.int64]:
        """The updates at which a momentum is checked before training: of the run where its length is known."""
        lengths = [schedule.length for schedule in self._schedules() if schedule.length is not None]
        last = self._start + (self._iterations or max(lengths, default=_BLOCK))
        return np.linspace(self._start, last, min(last - self._start + 1, _MOST_CHECKED), dtype=np.int64)

    def _watch(self) -> None:
        weakref.finalize(self, self._updates.watch(self.optimizer))
        weakref.finalize(self, self._progress.warn)

    def _use(self, schedule: Schedule | tuple[Schedule, ...], momentum: Schedule | None) -> None:
        self.schedule, self.momentum = schedule, momentum
        self._tables = [_Table(part) for part in self._schedules()]
        self._table = self._tables[0] if isinstance(schedule, Schedule) else None  # of all groups, if they have one
        self._momentum_table = None if momentum is None else _Table(momentum)

    def _schedules(self) -> tuple[Schedule, ...]:
        return (self.schedule,) if isinstance(self.schedule, Schedule) else self.schedule

    def _asked_rates(self) -> list[float]:
        """Each group's rate at the current count."""
        param_groups = self.optimizer.param_groups
        rates = [table[self.last_epoch] for table in self._tables]
        if self._table is not None:
            rates *= len(param_groups)
        elif len(rates) != len(param_groups):
            rule = f"must be one, or one per parameter group ({len(param_groups)})"
            raise InvalidSchedule("ScheduleLR", "schedule", rule, len(rates))
        return [rate * group.get("lr_mult", 1.0) for rate, group in zip(rates, param_groups, strict=True)]

    def _write(self) -> None:
        """Sets the groups to what the current count asks for; this is what a step costs."""
        table = self._table
        if table is None:
            for group, own in zip(self.optimizer.param_groups, self._asked_rates(), strict=True):
                group["lr"] = groups.set_to(group["lr"], own)
        else:
            rate = table[self.last_epoch]
            for group in self.optimizer.param_groups:
                own = rate * group["lr_mult"] if "lr_mult" in group else rate
                group["lr"] = own if type(group["lr"]) is float else groups.set_to(group["lr"], own)
        if self._momentum_table is not None:
            momentum = self._momentum_table[self.last_epoch]
            for group in self.optimizer.param_groups:
                groups.set_momentum(group, momentum)

    def _counts_without_update(self) -> bool:
        """Whether a call of `step()` counts although no update was seen since the last one."""
        if not self._follow_updates or self._updates.captured:
            return True
        if not self._updates.in_training and not groups.has_gradient(self.optimizer):
            return True
        if self._idle_since != self._counted:
            self._idle_since, self._calls_without_update = self._counted, 0
        self._calls_without_update += 1
        if self._calls_without_update == _SUSPICIOUS_CALLS:
            warnings.warn(
                f"{_SUSPICIOUS_CALLS} calls of ScheduleLR.step() in a row saw no update of the optimizer and left the "
                "rate where it is. If updates are made out of torch's sight, pass follow_updates=False.",
                stacklevel=3,
            )
        return False


def _check_kinds(schedule: object, momentum: object) -> None:
    parts = schedule if isinstance(schedule, Sequence) and schedule else (schedule,)
    if not all(isinstance(part, Schedule) for part in parts):
        raise TypeError(f"schedule must be one of clr.schedules, or a list of them, got {schedule!r}.")
    if momentum is not None and not isinstance(momentum, Schedule):
        raise TypeError(f"momentum must be one of clr.schedules, or None, got {momentum!r}.")


def _length(iterations: object) -> int:
    try:
        return _RUN.normalised(iterations)
    except ValueError as broken:
        raise InvalidSchedule("ScheduleLR", "iterations", str(broken), iterations) from None


def _restored(
    state: Mapping[str, Any], optimizer: Optimizer
) -> tuple[Schedule | tuple[Schedule, ...], Schedule | None, int]:
    """Schedule, momentum and count of a state, checked before anything is changed."""
    if not isinstance(state, Mapping) or not {"iteration", "schedule"} <= set(state):
        found = ", ".join(map(str, state)) if isinstance(state, Mapping) else repr(state)
        raise CheckpointError(
            f"This is no state of ScheduleLR: it needs 'iteration' and 'schedule', got {found or 'nothing'}."
        )
    try:
        schedule, momentum = _schedules_of(state)
        for part in schedule if isinstance(schedule, tuple) else (schedule,):
            part(state["iteration"])
        iteration = operator.index(state["iteration"])
        if momentum is not None:
            groups.check_momentum(optimizer, momentum, np.array([iteration]))
    except (TypeError, ValueError, LookupError) as error:  # of a document that is none, and of a count that is none
        raise CheckpointError(f"This state of ScheduleLR can't be restored: {error}") from error
    group_count = len(optimizer.param_groups)
    if isinstance(schedule, tuple) and len(schedule) != group_count:
        raise CheckpointError(
            f"This state of ScheduleLR has {len(schedule)} schedules, the optimizer {group_count} parameter groups."
        )
    return schedule, momentum, iteration


def _schedules_of(state: Mapping[str, Any]) -> tuple[Schedule | tuple[Schedule, ...], Schedule | None]:
    """What a state's documents stand for: the schedule, or one per group, and the momentum."""
    documents = state["schedule"]
    per_group = isinstance(documents, Sequence) and not isinstance(documents, str)
    schedule = tuple(map(_schedule_of, documents)) if per_group else _schedule_of(documents)
    return schedule, _schedule_of(state["momentum"]) if "momentum" in state else None


def _schedule_of(document: object) -> Schedule:
    if not isinstance(document, Mapping):
        raise TypeError(f"a schedule must be a dictionary with its family and parameters, got {document!r}.")
    return from_dict(document)
