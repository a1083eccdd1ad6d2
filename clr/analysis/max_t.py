"""The largest of several t statistics that share one comparison arm: critical values for simultaneous intervals.

With Z_0 .. Z_{K-1} independent standard normal (K arms) and S^2 ~ chi2(df) / df, the statistics of Dunnett's comparison
are T_j = (Z_j - Z_0) / (sqrt(2) S), correlation 1/2. Given Z_0 = z and S = s they are independent, so

    P(max |T_j| <= c) = E[ (Phi(z + sqrt(2) c s) - Phi(z - sqrt(2) c s))^(K - 1) ]

is an integral over two variables. It is done on fixed nodes: exact to about 1e-12, the same number on every call, where
sampling (scipy.stats.dunnett, multivariate_t) gives another number for every random state.

Source: Dunnett 1955, "A multiple comparison procedure for comparing several treatments with a control".
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats
from scipy.optimize import brentq

from clr.errors import InvalidNumbers

Floats = NDArray[np.float64]
NODES = 120
TAIL = 1e-12


@lru_cache(maxsize=1024)
def critical_value(arms: int, df: int, level: float = 0.95, two_sided: bool = True) -> float:
    """c with P(every |T_j| <= c) = level (one-sided: every T_j <= c). Two arms: Student's t itself.

    Args:
        arms: K, the comparison arm included, >= 2.
        df: degrees of freedom of the pooled variance, >= 1.
        level: simultaneous, in (0, 1).

    Raises:
        InvalidNumbers: an argument is out of range.

    >>> round(critical_value(arms=4, df=12), 2), round(critical_value(arms=7, df=24, two_sided=False), 2)
    (2.68, 2.43)
    """
    if arms < 2:
        raise InvalidNumbers("arms", "must be at least 2", arms)
    if df < 1:
        raise InvalidNumbers("df", "must be at least 1", df)
    if not 0 < level < 1:
        raise InvalidNumbers("level", "must lie between 0 and 1", level)
    if arms == 2:
        return float(stats.t.ppf((1 + level) / 2 if two_sided else level, df))
    bonferroni = 1 - (1 - level) / (arms - 1) / (2 if two_sided else 1)
    high = float(stats.t.ppf(bonferroni, df))
    return float(brentq(lambda c: probability(c, arms, df, two_sided) - level, 0.0, high + 1e-3, xtol=1e-10))


def probability(c: float, arms: int, df: int, two_sided: bool = True) -> float:
    """P(every |T_j| <= c), or P(every T_j <= c), for K arms and df degrees of freedom."""
    z, z_weights = _normal_nodes()
    s, s_weights = _spread_nodes(df)
    reach = math.sqrt(2) * c * s[:, None]
    inside = special.ndtr(z + reach)
    if two_sided:
        inside = inside - special.ndtr(z - reach)
    return float(s_weights @ (inside ** (arms - 1)) @ z_weights)


def power(shift: float, c: float, df: int) -> float:
    """P(|T| > c) for noncentral t: T = (Z + shift) / S (scipy.stats.nct gives NaN for large shifts)."""
    s, weights = _spread_nodes(df)
    return float(weights @ (special.ndtr(shift - c * s) + special.ndtr(-shift - c * s)))


@lru_cache(maxsize=1)
def _normal_nodes() -> tuple[Floats, Floats]:
    nodes, weights = _legendre(-8.0, 8.0)
    return nodes, weights * stats.norm.pdf(nodes)


@lru_cache(maxsize=256)
def _spread_nodes(df: int) -> tuple[Floats, Floats]:
    """Nodes and weights of S = sqrt(chi2(df) / df)."""
    low, high = (float(stats.chi.ppf(tail, df)) / math.sqrt(df) for tail in (TAIL, 1 - TAIL))
    nodes, weights = _legendre(low, high)
    return nodes, weights * stats.chi.pdf(nodes * math.sqrt(df), df) * math.sqrt(df)


def _legendre(low: float, high: float) -> tuple[Floats, Floats]:
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    half = (high - low) / 2
    return low + half * (nodes + 1), half * weights
