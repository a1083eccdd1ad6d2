"""The learning-rate range test's own rules: on what a seed is evaluated.

The ramp itself is the plain loop under an exponential schedule; `clr.analysis.ramp.has_fallen` ends it early, and
`clr.analysis.bounds` reads the curves.
"""

from __future__ import annotations

import torch

from clr.analysis.ramp import has_fallen as has_fallen
from clr.tasks.base import Split
from clr.tasks.permutation import permutation

VALIDATION_IMAGES = 1000
"""Examples per evaluation: standard deviation 1.6 points at accuracy 0.5."""

_SUBSET_ENTROPY = 1000


def validation_subset(examples: Split, split_seed: int) -> Split:
    """`VALIDATION_IMAGES` of the validation examples drawn at random, all if there are fewer.

    A function of the split seed alone, so the seeds of one range test share it.
    """
    if len(examples) <= VALIDATION_IMAGES:
        return examples
    chosen = permutation(len(examples), _SUBSET_ENTROPY, split_seed)[:VALIDATION_IMAGES]
    return examples.subset(torch.from_numpy(chosen).to(examples.indexed_on))
