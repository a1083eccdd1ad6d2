"""Which examples stand in two splits of a task."""

from __future__ import annotations

import hashlib
import itertools

import torch

from clr.tasks.base import Split, Splits

BATCH = 1000


def shared(splits: Splits) -> tuple[dict[tuple[str, str], int], dict[str, int]]:
    """Identical inputs in each two splits, counted, and each split's size."""
    parts = {"train": splits.train, "validation": splits.validation, "test": splits.test}
    digests = {name: _digests(split) for name, split in parts.items()}
    common = {(one, two): len(digests[one] & digests[two]) for one, two in itertools.combinations(parts, 2)}
    return common, {name: len(split) for name, split in parts.items()}


def _digests(split: Split) -> set[bytes]:
    orders = torch.split(torch.arange(len(split), device=split.indexed_on), BATCH)
    return {
        hashlib.blake2b(example.numpy().tobytes(), digest_size=16).digest()
        for batch in split.read(orders)
        for example in batch.inputs.cpu()
    }
