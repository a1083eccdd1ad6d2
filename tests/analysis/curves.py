"""Range-test curves with known rise and edge: ten families, pure noise, and unreadable ones.

Truth, on the noiseless curve of the population's median seed: rise = first rate with accuracy >= start + climb / 10;
edge = first rate after the peak with accuracy <= peak - climb / 10; start = the first rate's accuracy.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

EXPONENTIAL = (
    "wide plateau", "peak", "collapse", "ragged", "slow fall", "two-step rise", "early spike", "few points",
)  # fmt: skip
LINEAR = ("linear", "linear collapse")
READABLE = EXPONENTIAL + LINEAR
NOISE = ("white", "red", "random walk", "growing", "spikes")
UNREADABLE = ("no fall", "still rising", "no rise", "tiny climb", "starts after the fall")
FINE = np.linspace(0, 1, 20_001)


@dataclass(frozen=True)
class SyntheticTest:
    """What a range test measured on three seeds, and the truth (NaN where there is none)."""

    family: str
    ramp: str
    rates: np.ndarray
    accuracies: np.ndarray
    rise: float
    edge: float


def logistic(x):
    return 1 / (1 + np.exp(-np.clip(x, -60, 60)))


def gompertz(x):
    return np.exp(-np.log(2) * np.exp(-np.clip(x, -30, 60)))


def complementary_log_log(x):
    return 1 - gompertz(-x)


LAWS = (logistic, gompertz, complementary_log_log)


@dataclass(frozen=True)
class Shape:
    """A noiseless curve over u = ln(rate); `at` shifts its rise and its fall, as a seed does."""

    start: float
    climb: float
    rise_law: object
    fall_law: object
    rise_at: float
    rise_width: float
    fall_at: float
    fall_width: float
    second_step: float = 0.0
    second_at: float = 0.0

    def at(self, u, rise_shift=0.0, fall_shift=0.0):
        up = self.rise_law((u - self.rise_at - rise_shift) / self.rise_width)
        late = self.rise_law((u - self.second_at - rise_shift) / self.rise_width)
        up = (1 - self.second_step) * up + self.second_step * late
        return self.start + self.climb * up * self.fall_law((self.fall_at + fall_shift - u) / self.fall_width)


def truth(shape, u):
    """(rise, edge) as rates, on 20,001 points between the first and the last u."""
    fine = u[0] + (u[-1] - u[0]) * FINE
    curve = shape.at(fine)
    top, climb = int(np.argmax(curve)), curve.max() - curve[0]
    rise = fine[np.argmax(curve >= curve[0] + climb / 10)]
    fallen = np.flatnonzero(curve[top:] <= curve[top] - climb / 10)
    return np.exp(rise), np.exp(fine[top + fallen[0]]) if len(fallen) else np.nan


def readable(rng, family, noise=1.0, seeds=3):
    """One test of a family of `READABLE`; `noise` multiplies every disturbance of single evaluations."""
    rates, ramp = _ramp(rng, family)
    u = np.log(rates)
    shape = _shape(rng, family, u)
    curves = _seeds(rng, shape, u, family, noise, seeds)
    rise, edge = truth(shape, u)
    return SyntheticTest(family, ramp, rates, curves, rise, edge)


def _ramp(rng, family):
    if family in LINEAR:
        count = int(rng.integers(100, 401))
        return rng.uniform(0.02, 3) * np.arange(1, count + 1) / count, "linear"
    count = int(rng.integers(50, 71)) if family == "few points" else int(rng.integers(80, 401))
    decades = rng.uniform(4, 6)
    high = rng.uniform(0, 1)
    return 10 ** np.linspace(high - decades, high, count), "exponential"


def _shape(rng, family, u):
    span = u[-1] - u[0]
    start, climb = rng.uniform(0.05, 0.2), rng.uniform(0.3, 0.75)
    rise_width, fall_width = rng.uniform(0.2, 0.7), rng.uniform(0.02, 0.7)
    if family in LINEAR:
        fall_at = u[-1] - rng.uniform(np.log(1.5), np.log(3))
        rise_at = fall_at - rng.uniform(2.0, 3.0)
        rise_width = rng.uniform(0.2, 0.4)
    else:
        fall_at = u[-1] - rng.uniform(0.12, 0.3) * span
        rise_at = u[0] + rng.uniform(0.28, 0.45) * span
    if family == "peak":
        rise_at = fall_at - rng.uniform(2.5, 3.5)
    if family == "slow fall":
        fall_width = rng.uniform(0.5, 0.7)
    if family in ("collapse", "linear collapse"):
        fall_width = rng.uniform(0.02, 0.06)
    two = family == "two-step rise"
    second_at = rise_at + rng.uniform(1.0, 2.0) if two else 0.0
    second_at = min(second_at, fall_at - 1.5)
    rise_law, fall_law = (LAWS[i] for i in rng.integers(0, 3, 2))
    step = rng.uniform(0.3, 0.6) if two else 0.0
    return Shape(start, climb, rise_law, fall_law, rise_at, rise_width, fall_at, fall_width, step, second_at)


def _seeds(rng, shape, u, family, noise, seeds):
    rise_sd, fall_sd = rng.uniform(0.05, 0.35), rng.uniform(0.05, 0.2)
    images, spread = np.exp(rng.uniform(np.log(300), np.log(10_000))), rng.uniform(0.005, 0.03) * shape.climb
    correlation, growth = rng.uniform(0, 0.7), rng.uniform(2.5, 5)
    fails = family in ("collapse", "linear collapse") and rng.random() < 0.5
    spiked, sign = family == "early spike", rng.choice([-1, 1])
    height = rng.uniform(0.15, 0.45) * shape.climb
    rows = []
    for _ in range(seeds):
        shift = rng.normal(0, rise_sd), rng.normal(0, fall_sd)
        clean = shape.at(u, *shift)
        row = _measured(rng, clean, u, images, noise, spread * _growth(u, growth, family), correlation, shape.climb)
        if spiked:
            width = max(1, int(rng.uniform(0.01, 0.04) * len(u)))
            row[:width] += sign * height * np.linspace(1, 0.3, width)
        if fails:
            row[u > shape.fall_at + shift[1] + 4 * shape.fall_width + 0.1] = np.nan
        rows.append(np.clip(row, 0, 1))
    return np.array(rows)


def _growth(u, growth, family):
    """Training noise grows with the rate; a ragged curve's grows twice as much over its upper half."""
    part = (u - u[0]) / (u[-1] - u[0])
    factor = growth**part
    return factor * (1 + (part > 0.5)) if family == "ragged" else factor


def _measured(rng, clean, u, images, noise, spread, correlation, climb):
    binomial = np.sqrt(np.clip(clean * (1 - clean), 1e-4, None) / images) * rng.standard_normal(len(u))
    training = spread * _ar1(rng, len(u), correlation)
    dips = rng.random(len(u)) < rng.uniform(0.01, 0.03)
    dip = dips * rng.uniform(0.1, 0.3, len(u)) * np.clip(clean - clean[0], 0, None)
    return clean + noise * (binomial + training) - dip


def _ar1(rng, count, correlation):
    """Unit variance from the first value on."""
    shocks = rng.standard_normal(count) * np.sqrt(1 - correlation**2)
    shocks[0] /= np.sqrt(1 - correlation**2)
    return lfilter([1.0], [1.0, -correlation], shocks)


def pure_noise(rng, kind, seeds=3):
    """Curves that hold nothing to read."""
    rates, _ = _ramp(rng, "wide plateau")
    count, level, size = len(rates), rng.uniform(0.1, 0.5), rng.uniform(0.01, 0.08)
    shape = (seeds, count)
    values = {
        "white": lambda: rng.standard_normal(shape),
        "red": lambda: np.array([_ar1(rng, count, rng.uniform(0.7, 0.95)) for _ in range(seeds)]),
        "random walk": lambda: np.cumsum(rng.standard_normal(shape), axis=1) / np.sqrt(count) * 2,
        "growing": lambda: rng.standard_normal(shape) * np.linspace(0.3, 3, count),
        "spikes": lambda: rng.standard_normal(shape) * 0.3 + 5 * (rng.random(shape) < 0.03),
    }[kind]()
    return SyntheticTest(kind, "exponential", rates, np.clip(level + size * values, 0, 1), np.nan, np.nan)


def unreadable(rng, kind, noise=1.0, seeds=3):
    """Curves that lack a landmark inside the ramp."""
    rates, _ = _ramp(rng, "wide plateau")
    u = np.log(rates)
    base, span = _shape(rng, "wide plateau", u), u[-1] - u[0]
    changes = {
        "no fall": {"fall_at": u[-1] + 6, "fall_width": 0.5},
        "still rising": {"rise_at": u[-1] - 0.02 * span, "fall_at": u[-1] + 6},
        "no rise": {"rise_at": u[0] - 6},
        "tiny climb": {"climb": rng.uniform(0.002, 0.012)},
        "starts after the fall": {"rise_at": u[0] - 8, "fall_at": u[0] - 3},
    }[kind]
    shape = Shape(**{**base.__dict__, **changes})
    curves = _seeds(rng, shape, u, "wide plateau", noise, seeds)
    return SyntheticTest(kind, "exponential", rates, curves, np.nan, np.nan)
