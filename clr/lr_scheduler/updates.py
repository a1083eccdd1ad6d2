"""What an optimizer did, against what its schedule counted."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import chain

import torch
from torch import cuda
from torch.optim import Optimizer
from torch.utils.hooks import RemovableHandle

from clr.schedules import Schedule

_ENOUGH = 100  # updates after which a schedule that hardly moved is no accident


class Updates:
    """What a step post hook saw of an optimizer's updates.

    Attributes:
        made: updates seen, without those that were skipped.
        captured: an update was captured in a CUDA graph: its replays can't be seen.
    """

    def __init__(self) -> None:
        self.made = 0
        self.captured = self._gradient_seen = False

    @property
    def in_training(self) -> bool:
        """Whether a gradient was computed for the optimizer, or `optimizer.step()` was run."""
        return self._gradient_seen or self.made > 0

    def watch(self, optimizer: Optimizer) -> Callable[[], None]:
        """Sees the optimizer's updates and, until the first one, its gradients; returns what ends that.

        GradScaler does not run `optimizer.step()` for an update that it skips, and the gradients may be cleared before
        the schedule is asked: all that a skipped first update leaves behind is that backward came by.
        """
        updates = optimizer.register_step_post_hook(self.saw)
        gradients: list[RemovableHandle] = []

        def saw_gradient(parameter: torch.Tensor) -> None:
            self._gradient_seen = True
            _remove(gradients)

        if not self.in_training:
            parameters = chain.from_iterable(group["params"] for group in optimizer.param_groups)
            leaves = [leaf for leaf in parameters if leaf.requires_grad and leaf.is_leaf]
            gradients += [leaf.register_post_accumulate_grad_hook(saw_gradient) for leaf in leaves]

        def end() -> None:
            updates.remove()
            _remove(gradients)

        return end

    def saw(self, optimizer: Optimizer, args: object, kwargs: object) -> None:
        """The hook: `optimizer.step()` was run. Every update pays for it, so the usual case asks two questions."""
        if ("found_inf" in optimizer.__dict__ or cuda.is_initialized()) and self._made_none(optimizer):  # type: ignore[no-untyped-call]
            self._gradient_seen = True
        else:
            self.made += 1

    def _made_none(self, optimizer: Optimizer) -> bool:
        """Whether a run of `optimizer.step()` was no update: captured for later, or skipped."""
        if cuda.is_initialized() and cuda.is_current_stream_capturing():  # type: ignore[no-untyped-call]
            self.captured = True
            return True
        # fused optimizers are stepped in any case, and skip inside the kernel where GradScaler found an infinity
        found_infinity = optimizer.__dict__.get("found_inf")
        return found_infinity is not None and bool(found_infinity)


def _remove(handles: list[RemovableHandle]) -> None:
    """Removes hooks, each once: autograd may run them on several threads."""
    with suppress(IndexError):
        while True:
            handles.pop().remove()


class Progress:
    """How far optimizer and schedule came in a run: holds neither of them, so that it can speak when they are gone.

    Attributes:
        iteration: updates that the schedule has counted [iterations].
    """

    def __init__(self, updates: Updates, schedules: Sequence[Schedule], iterations: int | None) -> None:
        self._updates = updates
        self._announced = iterations
        self._told = False
        self.iteration = 0
        self.lay_out(schedules)
        self.start(0)

    def lay_out(self, schedules: Sequence[Schedule]) -> None:
        """The schedules' own length and cycle, or the announced ones."""
        lengths = [schedule.length for schedule in schedules if schedule.length is not None]
        cycles = [schedule.cycle for schedule in schedules if schedule.cycle is not None]
        self._schedules, self._goes_round = tuple(schedules), bool(cycles)
        self._run = self._announced if self._announced is not None else max(lengths, default=None)
        self._cycle = min([*cycles, *([] if self._run is None else [self._run])], default=0)

    def start(self, iteration: int) -> None:
        """Training begins, or goes on, at this iteration."""
        self.iteration = self._started_at = iteration
        self._made_before = self._updates.made

    def stepped_per_epoch(self) -> bool:
        """Whether the optimizer went on while the schedule, still within its first cycle, stood nearly still.

        Only in a run of known length: announced, or the schedule's own; and, without cycle and end, only where the
        optimizer's count asks for another rate than the schedule's. A loop that is cut short, accumulates gradients or
        skips updates moves both alike, and is none.
        """
        if self._run is None or self._updates.captured or self.iteration >= self._cycle:
            return False
        made, counted = self._made(), self.iteration - self._started_at
        return made >= max(2 * counted, min(self._cycle, _ENOUGH)) and (self._goes_round or self._rate_is_late())

    def warn(self, stacklevel: int = 2) -> None:
        """Says once, with the cure, that `step()` is not called for every update."""
        if self._told or not self.stepped_per_epoch():
            return
        self._told = True
        counted = self.iteration - self._started_at
        if self._goes_round:
            late = f"has not gone through one cycle ({self._cycle:g} iterations)"
        else:
            late = f"is that of iteration {self.iteration}, not of {self._reached()},"
        warnings.warn(
            f"The optimizer made {self._made()} updates, but ScheduleLR.step() counted {counted}: the rate {late} "
            f"of a run of {self._run}. A schedule counts updates, not epochs: call scheduler.step() after each "
            "optimizer.step() (Lightning: interval='step').",
            stacklevel=stacklevel + 1,
        )

    def _rate_is_late(self) -> bool:
        return any(schedule(self.iteration) != schedule(self._reached()) for schedule in self._schedules)

    def _reached(self) -> int:
        """The iteration that the optimizer is at."""
        return self._started_at + self._made()

    def _made(self) -> int:
        return self._updates.made - self._made_before
