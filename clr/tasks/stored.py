"""Examples that stay on disk: a memory-mapped file, read ahead of the training by threads."""

from __future__ import annotations

import functools
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from clr.tasks.base import Examples

READERS = min(4, os.cpu_count() or 1)
"""Threads that read. Threads, not processes: NumPy copies without the interpreter's lock, nothing is pickled or forked,
and no shared memory is needed, of which containers have little."""

AHEAD = 8
"""Batches that are read before they are asked for."""


class StoredExamples:
    """Rows of a memory-mapped file of images; gives the very batches that `Examples` of the same rows would give.

    Args:
        images: [N, height, width, channels] uint8.
        labels: [N] int64.
        rows: which of them these examples are [n], in order.
        scaling: uint8 [b, H, W, C] to float32 [b, C, H, W], on the device.
        device: where the batches shall lie.
    """

    def __init__(
        self,
        images: npt.NDArray[np.uint8],
        labels: npt.NDArray[np.int64],
        rows: npt.NDArray[np.int64],
        scaling: Callable[[Tensor], Tensor],
        device: torch.device,
    ) -> None:
        self._images, self._labels, self._rows = images, labels, rows
        self._scaling, self._device = scaling, device

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def targets(self) -> Tensor:
        return torch.from_numpy(self._labels[self._rows])

    @property
    def indexed_on(self) -> torch.device:
        return torch.device("cpu")

    def take(self, indices: Tensor) -> Examples:
        return self._scaled(self._fetched(self._rows[indices.numpy()]))

    def subset(self, indices: Tensor) -> StoredExamples:
        rows = self._rows[indices.numpy()]
        return StoredExamples(self._images, self._labels, rows, self._scaling, self._device)

    def read(self, orders: Iterable[Tensor]) -> Iterator[Examples]:
        """`take` for one tensor of indices after the other, in their order; `AHEAD` of them are read before."""
        waiting: deque[Future[tuple[Tensor, Tensor]]] = deque()
        for order in orders:
            waiting.append(_readers().submit(self._fetched, self._rows[order.numpy()]))
            if len(waiting) > AHEAD:
                yield self._scaled(waiting.popleft().result())
        while waiting:
            yield self._scaled(waiting.popleft().result())

    def _fetched(self, rows: npt.NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """Bytes and labels of these rows in memory, pinned where they go to a GPU."""
        images = torch.from_numpy(np.asarray(self._images[rows]))
        labels = torch.from_numpy(self._labels[rows])
        return (images.pin_memory(), labels.pin_memory()) if self._device.type == "cuda" else (images, labels)

    def _scaled(self, fetched: tuple[Tensor, Tensor]) -> Examples:
        images, labels = (tensor.to(self._device, non_blocking=True) for tensor in fetched)
        return Examples(self._scaling(images), labels)


@functools.cache
def _readers() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(READERS, thread_name_prefix="clr-read")
