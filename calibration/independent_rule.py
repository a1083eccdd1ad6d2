"""The rule once more, in NumPy over all studies at once: nothing of `clr` is imported here.

Its critical values are quantiles of simulated statistics, where `clr.analysis.max_t` integrates; the test of a noisy
arm is written with residuals of the whole table, where `clr.analysis.comparison` leaves the arm out.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
ARMS, SEEDS, PLANTED, LEVEL = 7, 5, 3, 0.95
DRAWS = 4_000_000
BLOCK = 50_000


@functools.lru_cache(maxsize=1)
def critical_values() -> tuple[float, float]:
    """Two-sided and one-sided quantiles of the largest of the differences of six arms to one, in standard errors."""
    rng = np.random.default_rng(1955)
    df = (ARMS - 1) * (SEEDS - 1)
    two_sided, one_sided = [], []
    for _ in range(DRAWS // BLOCK):
        means = rng.standard_normal((BLOCK, ARMS))
        spread = np.sqrt(rng.chisquare(df, BLOCK) / df)
        t = (means[:, 1:] - means[:, :1]) / (math.sqrt(2) * spread[:, None])
        two_sided.append(np.abs(t).max(axis=1))
        one_sided.append(t.max(axis=1))
    return float(np.quantile(np.concatenate(two_sided), LEVEL)), float(np.quantile(np.concatenate(one_sided), LEVEL))


def shares(rng: np.random.Generator, effect: float, studies: int) -> dict[str, int]:
    """In how many studies an arm is shown to differ, the planted one to be better, and it is the one to use."""
    found = {"differs": 0, "shown": 0, "used": 0}
    for start in range(0, studies, BLOCK):
        tables = rng.standard_normal((min(BLOCK, studies - start), ARMS, SEEDS))
        tables[:, PLANTED] += effect
        for name, flags in zip(found, decided(tables), strict=True):
            found[name] += int(flags.sum())
    return found


def decided(tables: Floats) -> tuple[Flags, Flags, Flags]:
    """For each table [studies, arms, seeds]: does an arm differ from the baseline; is the planted one above it, and
    the one to use?"""
    mean = tables.mean(axis=2)
    lead = mean[:, :, None] - mean[:, None, :]
    pooled, noisy = (found[:, None, None] for found in _spread(tables))
    paired = _paired_errors(tables)
    two_sided, one_sided = critical_values()
    t_two, t_one = (float(stats.t.isf((1 - LEVEL) / (ARMS - 1) / sides, SEEDS - 1)) for sides in (2, 1))
    above = (lead > np.where(noisy, t_two * paired, two_sided * pooled))[:, 1:, 0]
    below = (-lead > np.where(noisy, t_two * paired, two_sided * pooled))[:, 1:, 0]
    shown = above[:, PLANTED - 1]
    beaten = (lead > np.where(noisy, t_one * paired, one_sided * pooled)).any(axis=1)
    alone = beaten.sum(axis=1) == ARMS - 1
    return (above | below).any(axis=1), shown, shown & alone & ~beaten[:, PLANTED]


def _spread(tables: Floats) -> tuple[Floats, Flags]:
    """Standard error of a difference from all arms' residuals, and whether one arm has more than its share of them.

    An arm's residuals hold (K - 1) / K of its own sum of squares: times K / (K - 1), it leaves the others' as the rest.
    """
    residuals = tables - tables.mean(axis=2, keepdims=True) - tables.mean(axis=1, keepdims=True)
    residuals += tables.mean(axis=(1, 2), keepdims=True)
    squares = (residuals**2).sum(axis=2)
    own, total = squares * ARMS / (ARMS - 1), squares.sum(axis=1, keepdims=True)
    one, rest = SEEDS - 1, (ARMS - 2) * (SEEDS - 1)
    ratio = (own / one) / ((total - own) / rest)
    noisy = ratio.max(axis=1) > stats.f.isf((1 - LEVEL) / ARMS, one, rest)
    return np.sqrt(total[:, 0] / ((ARMS - 1) * (SEEDS - 1)) * 2 / SEEDS), noisy


def _paired_errors(tables: Floats) -> Floats:
    """Standard error of each pair's mean difference [studies, arms, arms], from variances and covariances."""
    around = tables - tables.mean(axis=2, keepdims=True)
    covariance = np.einsum("sik,sjk->sij", around, around) / (SEEDS - 1)
    variance = np.einsum("sii->si", covariance)
    both = variance[:, :, None] + variance[:, None, :] - 2 * covariance
    return np.asarray(np.sqrt(np.maximum(both, 0.0) / SEEDS))
