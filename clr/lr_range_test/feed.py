"""Batches that can be read again and again, and the examples on which a ramp is evaluated."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sized
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, Subset

from clr.errors import InvalidRangeTest

Batches = Iterable[Any] | Callable[[], Iterable[Any]]
"""A DataLoader, a list of batches, or a function that returns a new iterator at each call."""

_AGAIN = (
    "must be iterable anew for every pass: a DataLoader, a list of batches, or a function that returns a new iterator "
    "(an iterator or generator is used up after one pass)"
)


class Feed:
    """Batches in as many passes as are asked for.

    Args:
        name: the argument's name, for errors.
        batches: what the user gave.

    Raises:
        InvalidRangeTest: an iterator or generator, or nothing that can be iterated.
    """

    def __init__(self, name: str, batches: Batches) -> None:
        one_pass = isinstance(batches, Iterator)
        if one_pass or isinstance(batches, torch.Tensor) or not (callable(batches) or isinstance(batches, Iterable)):
            raise InvalidRangeTest(name, _AGAIN, batches if not isinstance(batches, torch.Tensor) else batches.shape)
        self.name, self.batches = name, batches

    def length(self) -> int | None:
        """Batches in a pass; None where it is not known beforehand."""
        try:
            return len(self.batches) if isinstance(self.batches, Sized) else None
        except TypeError:  # a DataLoader over an iterable data set
            return None

    def generators(self) -> list[torch.Generator]:
        """The loader's own random generators."""
        sampler, batch_sampler = getattr(self.batches, "sampler", None), getattr(self.batches, "batch_sampler", None)
        holders = (self.batches, sampler, batch_sampler, getattr(batch_sampler, "sampler", None))
        found = {id(g): g for holder in holders if isinstance(g := getattr(holder, "generator", None), torch.Generator)}
        return list(found.values())

    def endless(self, seed: int) -> Iterator[Any]:
        """Pass after pass. A list is read in a new order in each, drawn by the seed; a loader decides on its own.

        Raises:
            InvalidRangeTest: a pass gives no batch.
        """
        passes = 0
        while True:
            empty = True
            for batch in self._one_pass(seed, passes):
                empty = False
                yield batch
            if empty:
                raise InvalidRangeTest(self.name, f"{_AGAIN}; pass {passes + 1} gave no batch", self.batches)
            passes += 1

    def _one_pass(self, seed: int, number: int) -> Iterable[Any]:
        if isinstance(self.batches, list | tuple):
            order = np.random.default_rng([seed, number]).permutation(len(self.batches))
            return [self.batches[i] for i in order]
        return self.batches if isinstance(self.batches, Iterable) else self.batches()

    def sample(self, examples: int) -> list[Any]:
        """Batches of together about that many examples, all if there are fewer, the same at each call.

        Drawn at random from a list, or example by example from the data set of a DataLoader; the first ones of
        anything else.

        Raises:
            InvalidRangeTest: there is no batch.
        """
        drawn, count = [], 0
        for batch in self._sampled(examples):
            drawn.append(batch)
            count += batch_size(batch)
            if count >= examples:
                break
        if not drawn:
            raise InvalidRangeTest(self.name, "must give at least one batch", self.batches)
        return drawn

    def _sampled(self, examples: int) -> Iterable[Any]:
        loader = self.batches
        if isinstance(loader, DataLoader) and loader.batch_size is not None and isinstance(loader.dataset, Sized):
            chosen = np.random.default_rng(0).permutation(len(loader.dataset))[:examples].tolist()
            return DataLoader(Subset(loader.dataset, chosen), loader.batch_size, collate_fn=loader.collate_fn)
        return self._one_pass(0, 0)


def batch_size(batch: Any) -> int:
    """Examples in a batch: the length of the first tensor found in it; 1 where there is none."""
    if isinstance(batch, torch.Tensor):
        return len(batch) if batch.ndim else 1
    values = batch.values() if isinstance(batch, dict) else batch if isinstance(batch, list | tuple) else ()
    return next((batch_size(value) for value in values if isinstance(value, torch.Tensor | list | tuple | dict)), 1)


def moved(value: Any, device: torch.device) -> Any:
    """A batch with its tensors on a device."""
    if callable(move := getattr(value, "to", None)):  # a tensor, or a batch of a library's own
        return move(device)
    if isinstance(value, dict):
        return {name: moved(part, device) for name, part in value.items()}
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return type(value)(moved(part, device) for part in value)
    return value
