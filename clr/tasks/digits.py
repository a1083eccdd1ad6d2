"""The `digits` task: scikit-learn's real handwritten digits, which ship with the install."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from clr.protocol import TaskFacts
from clr.tasks.base import ClassificationTask, Examples, Splits
from clr.tasks.facts import DIGITS
from clr.tasks.permutation import permutation

_TEST_ENTROPY = 1797
"""Fixes the test split. Changing it changes the task."""


@dataclass(frozen=True)
class Digits(ClassificationTask):
    """1,797 images of 8 x 8 pixels in ten classes, as float32 in [0, 1], shape [1, 8, 8].

    400 examples drawn once and for all are the test split; of the other 1,397 the split seed puts 300 (21 %) into
    validation and 1,097 into training.

    Source: E. Alpaydin, C. Kaynak, Optical Recognition of Handwritten Digits, UCI 1998.
    """

    def facts(self) -> TaskFacts:
        return DIGITS

    def splits(self, split_seed: int, device: str | torch.device = "cpu") -> Splits:
        images, labels = _digits()
        everything = Examples(torch.from_numpy(images), torch.from_numpy(labels)).to(device)
        order = torch.from_numpy(permutation(len(labels), _TEST_ENTROPY)).to(device)
        test, rest = order[: DIGITS.test_size], order[DIGITS.test_size :]
        rest = rest[torch.from_numpy(permutation(len(rest), split_seed)).to(device)]
        validation, train = rest[: DIGITS.validation_size], rest[DIGITS.validation_size :]
        return Splits(everything.take(train), everything.take(validation), everything.take(test))


@functools.cache
def _digits() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Images [1797, 1, 8, 8] in [0, 1] and labels [1797]."""
    from sklearn.datasets import load_digits  # takes a second to import

    data = load_digits()
    return (data.images / 16.0).astype(np.float32)[:, None], data.target.astype(np.int64)
