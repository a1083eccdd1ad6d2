"""Which examples each update sees: a pure function of (seed, iteration), so that any iteration can be resumed."""

from __future__ import annotations

import torch
from torch import Tensor

from clr.tasks.permutation import permutation


def epoch_iterations(size: int, batch_size: int) -> int:
    """Updates per epoch: floor(size / batch_size). The examples left over rest until a later epoch's order.

    Raises:
        ValueError: batch_size is below 1 or above size.
    """
    if not 1 <= batch_size <= size:
        raise ValueError(f"batch_size must lie in 1 ... {size} (the training examples), got {batch_size}.")
    return size // batch_size


def indices(size: int, batch_size: int, seed: int, iteration: int) -> Tensor:
    """The examples of one update.

    Epoch e = iteration div epoch_iterations has the order permutation(size, seed, e); its batches are consecutive.

    Args:
        size: training examples.
        batch_size: examples per update, 1 ... size.
        seed: of the order.
        iteration: 0-based update.

    Returns:
        int64 [batch_size], all different.
    """
    return Batches(size, batch_size, seed)(iteration)


class Batches:
    """`indices` for one run on one device; keeps the current epoch's order, nothing else."""

    def __init__(self, size: int, batch_size: int, seed: int, device: str | torch.device = "cpu") -> None:
        self._per_epoch = epoch_iterations(size, batch_size)
        self._size, self._batch_size, self._seed, self._device = size, batch_size, seed, device
        self._epoch = -1
        self._batches: tuple[Tensor, ...] = ()

    def __call__(self, iteration: int) -> Tensor:
        """The examples of one update [batch_size] int64."""
        epoch, position = divmod(iteration, self._per_epoch)
        if epoch != self._epoch:
            order = torch.from_numpy(permutation(self._size, self._seed, epoch)).to(self._device)
            whole = order[: self._per_epoch * self._batch_size].view(self._per_epoch, self._batch_size)
            self._batches, self._epoch = whole.unbind(), epoch
        return self._batches[position]
