"""Where the confirmed values of a simulated study come from: arms' true means, their spread, the shape of the noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Noise = Callable[[np.random.Generator, tuple[int, ...]], Floats]

ARMS, SEEDS = 7, 5
GIVEN = 3
"""The arm that is planted, or asked for in the best set; 0 is the baseline."""
LOG_SD = 0.75
COLLAPSED, COLLAPSE = 0.05, -10.0


def normal(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    return rng.standard_normal(shape)


def lognormal(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Skewed: lognormal with log-sd 0.75, moved and scaled to mean 0 and sd 1."""
    mean = np.exp(LOG_SD**2 / 2)
    sd = mean * np.sqrt(np.expm1(LOG_SD**2))
    return np.asarray((np.exp(LOG_SD * rng.standard_normal(shape)) - mean) / sd)


def collapsing(rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Normal, but a run in twenty ends 10 sd lower without having diverged."""
    return rng.standard_normal(shape) + COLLAPSE * (rng.random(shape) < COLLAPSED)


NOISES: Mapping[str, Noise] = MappingProxyType({"normal": normal, "lognormal": lognormal, "collapsing": collapsing})


@dataclass(frozen=True)
class Population:
    """All studies of one kind. Values are in sd of one run of an ordinary arm around its seed's effect.

    Attributes:
        means, sds: of each arm. noise: a key of `NOISES`.
        seeds: of each arm, shared. common: sd of what a seed does to every arm alike.
    """

    means: tuple[float, ...] = (0.0,) * ARMS
    sds: tuple[float, ...] = (1.0,) * ARMS
    noise: str = "normal"
    seeds: int = SEEDS
    common: float = 1.0

    def tables(self, rng: np.random.Generator, studies: int) -> Floats:
        """Values [studies, arms, seeds]."""
        drawn = NOISES[self.noise](rng, (studies, len(self.means), self.seeds))
        seed_effects = self.common * rng.standard_normal((studies, 1, self.seeds))
        return np.asarray(self.means)[:, None] + np.asarray(self.sds)[:, None] * drawn + seed_effects


def planted(effect: float) -> Population:
    """One arm of seven is better by `effect` sd of a run."""
    return Population(means=tuple(effect if arm == GIVEN else 0.0 for arm in range(ARMS)))
