"""The batches of one run, in order, from memory or from disk."""

from __future__ import annotations

from collections.abc import Iterator

from clr.tasks.base import Examples, Split
from clr.training.batches import Batches


class Feed:
    """Batch i of a run is `Batches(len(examples), batch_size, seed)(i)`, wherever the examples lie.

    Args:
        examples: the training split; what is on disk is read ahead while updates are asked for in order.
        batch_size: examples per update.
        seed: of the order.
        iterations: the run's length; nothing is read beyond it.
    """

    def __init__(self, examples: Split, batch_size: int, seed: int, iterations: int) -> None:
        self._examples, self._iterations = examples, iterations
        self._batches = Batches(len(examples), batch_size, seed, examples.indexed_on)
        self._reading: Iterator[Examples] = iter(())
        self._next = -1

    def __call__(self, iteration: int) -> Examples:
        """The examples of one update. Asked for out of order, reading starts over from there."""
        if iteration != self._next:
            self._reading = self._examples.read(map(self._batches, range(iteration, self._iterations)))
        self._next = iteration + 1
        return next(self._reading)
