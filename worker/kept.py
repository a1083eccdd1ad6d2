"""What a training child keeps from one trial to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from clr.tasks.base import Splits, Task


class KeptTask:
    """A task that keeps the splits it made last: the trials of a search differ in everything but their data.

    It is that task in all else. One cut is held, and let go before the next is made.
    """

    def __init__(self, task: Task) -> None:
        self._task = task
        self._cut: tuple[int, str] | None = None
        self._splits: Splits | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._task, name)

    def splits(self, split_seed: int, device: str | torch.device = "cpu") -> Splits:
        cut = split_seed, str(device)
        if self._splits is None or self._cut != cut:
            self._splits = None
            self._splits, self._cut = self._task.splits(split_seed, device), cut
        return self._splits
