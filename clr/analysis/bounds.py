"""The LR range test's reading: base_lr and max_lr from noisy accuracy curves over a ramp of rates (NumPy only).

Two landmarks are read. The edge, where accuracy falls, belongs to the task; the rise, where it starts to climb, belongs
mostly to the ramp, so print the ramp's length beside it. Each is read twice, on the smoothed mean of the seeds and on a
rise x fall curve fitted to each seed, and combined by geometric mean. `verdict` says whether the two may be trusted.

Source: the test is Smith 2017 (arXiv 1506.01186), section 3.3; this reading of it is the project's own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal

import numpy as np

from clr.analysis import crossings, rise_fall
from clr.analysis.crossings import Floats
from clr.analysis.rise_fall import RiseFall
from clr.errors import InvalidNumbers

Ramp = Literal["exponential", "linear"]
Verdict = Literal["clear", "unclear"]
Landmark = Literal["rise", "edge"]
ReasonName = Literal[
    "too few seeds", "no climb", "noise", "no rise", "no fall", "rules differ", "rise at start", "fall at end",
    "bounds too near", "seeds spread",
]  # fmt: skip

MIN_SEEDS = 3
MIN_CLIMB = 0.02
MIN_CLIMB_TO_NOISE = 4.0
MIN_EDGE_TO_RISE = 3.0
MIN_EVALUATIONS_OUTSIDE = 4
MAX_DISAGREEMENT = {"rise": 2.0, "edge": 1.5}
MAX_SEED_SPREAD = {"rise": 3.0, "edge": 2.5}
MAX_LR_BELOW_EDGE, BASE_LR_BELOW_MAX, SEARCH_WIDTH = 2.0, 4.0, 32.0
MAX_RAISED, MAX_LOWERED = 2, 1
FITTED_POINTS = 1500


@dataclass(frozen=True)
class Reason:
    """Why a bound is not clear. `bound`: which one; `reason`: its name; `detail`: a sentence with the numbers."""

    bound: Literal["rise", "edge", "both"]
    reason: ReasonName
    detail: str


@dataclass(frozen=True)
class Bounds:
    """One reading of the two landmarks, as rates; None where the curve has none."""

    rise: float | None
    edge: float | None


@dataclass(frozen=True)
class SeedReading:
    """One seed's fitted curve over ln(rate), and its landmarks."""

    rise: float | None
    edge: float | None
    curve: RiseFall


@dataclass(frozen=True)
class Reading:
    """What a range test says.

    Attributes:
        ramp: how the rate grew. iterations: length of one ramp [iterations]; the rise depends on it.
        start: accuracy before anything is learnt. climb: peak of the smoothed mean - start.
        noise: median over seeds of the standard deviation around that smoothed curve.
        smoothed: reading 1, from the smoothed mean of the seeds.
        fitted: reading 2, geometric mean over `per_seed`; None where a seed has no crossing.
        reasons: why a bound is unclear; empty where both are clear.
    """

    ramp: Ramp
    iterations: int
    start: float
    climb: float
    noise: float
    smoothed: Bounds
    fitted: Bounds
    per_seed: tuple[SeedReading, ...]
    reasons: tuple[Reason, ...]

    @property
    def rise(self) -> float | None:
        """Where accuracy starts to climb: geometric mean of both readings."""
        return _geometric_mean([self.smoothed.rise, self.fitted.rise])

    @property
    def edge(self) -> float | None:
        """Where accuracy falls: geometric mean of both readings."""
        return _geometric_mean([self.smoothed.edge, self.fitted.edge])

    @property
    def max_lr(self) -> float | None:
        """edge / 2: the rate at which training is within half a point of the best (the edge itself may collapse)."""
        return None if self.edge is None else self.edge / MAX_LR_BELOW_EDGE

    @property
    def base_lr(self) -> float | None:
        """max_lr / 4."""
        return None if self.max_lr is None else self.max_lr / BASE_LR_BELOW_MAX

    @property
    def rise_verdict(self) -> Verdict:
        return self._verdict({"rise", "both"})

    @property
    def edge_verdict(self) -> Verdict:
        """Training needs the edge only: it is often clear where the rise is not."""
        return self._verdict({"edge", "both"})

    @property
    def verdict(self) -> Verdict:
        """clear where both bounds are."""
        return self._verdict({"rise", "edge", "both"})

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where a peak rate is worth searching, log scale: (edge / 32, edge); None while the edge is unclear."""
        if self.edge is None or self.edge_verdict == "unclear":
            return None
        return self.edge / SEARCH_WIDTH, self.edge

    def _verdict(self, bounds: set[str]) -> Verdict:
        return "unclear" if any(reason.bound in bounds for reason in self.reasons) else "clear"

    def to_dict(self) -> dict[str, Any]:
        """Stored values and derived ones, ready for JSON."""
        derived = ("rise", "edge", "max_lr", "base_lr", "verdict", "rise_verdict", "edge_verdict", "interval")
        return {name: getattr(self, name) for name in derived} | asdict(self)

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Reading:
        """Inverse of `to_dict`; derived values in the document are ignored and derived again."""
        stored = {field.name: document[field.name] for field in fields(cls)}
        stored["smoothed"], stored["fitted"] = Bounds(**stored["smoothed"]), Bounds(**stored["fitted"])
        stored["per_seed"] = tuple(
            SeedReading(seed["rise"], seed["edge"], RiseFall(**seed["curve"])) for seed in stored["per_seed"]
        )
        stored["reasons"] = tuple(Reason(**reason) for reason in stored["reasons"])
        return cls(**stored)


def read(rates: Floats, accuracies: Floats, *, ramp: Ramp = "exponential", iterations: int) -> Reading:
    """Rise, edge and verdict of a range test.

    Args:
        rates: rate at each evaluation [P], positive, increasing.
        accuracies: validation accuracy [seeds, P], fractions; NaN where a seed had failed or stopped.
        ramp: how the rate grew.
        iterations: length of one ramp [iterations], >= 1.

    Raises:
        InvalidNumbers: a rate is not positive or not above the one before; shapes don't match; infinite accuracies.

    >>> rates = np.geomspace(1e-5, 10, 120)
    >>> curve = RiseFall(floor=0.1, height=0.8, rise_at=-7.0, rise_width=0.6, fall_at=-0.5, fall_width=0.2)
    >>> reading = read(rates, np.tile(curve(np.log(rates)), (3, 1)), iterations=1000)
    >>> reading.verdict, f"{reading.edge:.2f} {reading.max_lr:.2f} {reading.base_lr:.3f}"
    ('clear', '0.38 0.19 0.048')
    """
    rates, measured = _checked(rates, accuracies)
    start = _start(measured, ramp)
    filled = np.where(np.isnan(measured), start, measured)
    u = np.log(rates)
    found = crossings.find(u, smoothed_mean(filled), start)
    per_seed = tuple(_seed_reading(u, curve) for curve in rise_fall.fit(u, filled, start, found))
    smoothed = Bounds(_rate(found.rise), _rate(found.edge))
    fitted = Bounds(_combined(per_seed, "rise"), _combined(per_seed, "edge"))
    climb, noise = _climb_and_noise(filled, start)
    reading = Reading(ramp, iterations, start, climb, noise, smoothed, fitted, per_seed, ())
    return replace(reading, reasons=tuple(_reasons(reading, rates)))


def smoothed_mean(accuracies: Floats) -> Floats:
    """Reading 1's curve [P]: mean over seeds, running median of 5, running mean of max(3, P / 30) evaluations."""
    curve = crossings.running_median(accuracies.mean(axis=0))
    return crossings.running_mean(curve, max(3, len(curve) // 30))


def next_ramp(reading: Reading, low: float, high: float, reruns: int = 0) -> tuple[float, float] | None:
    """The ramp (low, high) to run next where this one was too short, else None.

    No fall by the end: high x 10, at most twice. Rise at the start: low / 100, once (in the first rerun).

    Args:
        low, high: the ramp that was read.
        reruns: how many ramps were run before it, >= 0.
    """
    names = {reason.reason for reason in reading.reasons}
    longer = high * 10 if names & {"no fall", "fall at end"} and reruns < MAX_RAISED else high
    lower = low / 100 if "rise at start" in names and reruns < MAX_LOWERED else low
    return None if (lower, longer) == (low, high) else (lower, longer)


def _checked(rates: Floats, accuracies: Floats) -> tuple[Floats, Floats]:
    rates, accuracies = np.asarray(rates, dtype=np.float64), np.asarray(accuracies, dtype=np.float64)
    if rates.ndim != 1 or len(rates) < 2:
        raise InvalidNumbers("rates", "must be one row of at least 2 rates", rates.shape)
    if accuracies.ndim != 2 or accuracies.shape[0] < 1 or accuracies.shape[1] != len(rates):
        raise InvalidNumbers("accuracies", f"must have one row a seed, of {len(rates)} columns", accuracies.shape)
    if not (np.isfinite(rates).all() and rates[0] > 0 and (np.diff(rates) > 0).all()):
        raise InvalidNumbers("rates", "must be finite, positive and increasing", rates.tolist())
    if np.isinf(accuracies).any():
        raise InvalidNumbers("accuracies", "must be finite, or NaN where missing", float("inf"))
    if np.isnan(accuracies[:, : _start_width(len(rates), "linear")]).all():
        raise InvalidNumbers("accuracies", "must hold a value near the start", float("nan"))
    return rates, accuracies


def _start_width(evaluations: int, ramp: Ramp) -> int:
    return max(5, evaluations // 10) if ramp == "exponential" else max(3, evaluations // 30)


def _start(accuracies: Floats, ramp: Ramp) -> float:
    """Median over all seeds of the first max(5, P / 10) accuracies (linear ramp: max(3, P / 30))."""
    return float(np.nanmedian(accuracies[:, : _start_width(accuracies.shape[1], ramp)]))


def _seed_reading(u: Floats, curve: RiseFall) -> SeedReading:
    grid = np.linspace(u[0], u[-1], FITTED_POINTS)
    values = curve(grid)
    found = crossings.find(grid, values, float(values[0]))
    return SeedReading(_rate(found.rise), _rate(found.edge), curve)


def _rate(u: float | None) -> float | None:
    return None if u is None else math.exp(u)


def _combined(per_seed: Sequence[SeedReading], landmark: Landmark) -> float | None:
    return _geometric_mean([getattr(seed, landmark) for seed in per_seed])


def _geometric_mean(rates: Sequence[float | None]) -> float | None:
    """None where one is missing."""
    logs = [math.log(rate) for rate in rates if rate is not None]
    return math.exp(sum(logs) / len(logs)) if len(logs) == len(rates) else None


def _climb_and_noise(accuracies: Floats, start: float) -> tuple[float, float]:
    """Around the mean over seeds, median of 5, mean of max(5, P / 20)."""
    mean = crossings.running_median(accuracies.mean(axis=0))
    trend = crossings.running_mean(mean, max(5, len(mean) // 20))
    return float(trend.max()) - start, float(np.median((accuracies - trend).std(axis=1)))


def _reasons(reading: Reading, rates: Floats) -> Iterator[Reason]:
    """Everything that keeps a bound from being clear."""
    seeds = len(reading.per_seed)
    if seeds < MIN_SEEDS:
        yield Reason("both", "too few seeds", f"{seeds} of at least {MIN_SEEDS} seeds")
    if reading.climb < MIN_CLIMB:
        yield Reason("both", "no climb", f"accuracy climbs by {reading.climb:.3f}, less than {MIN_CLIMB}")
    if reading.climb < MIN_CLIMB_TO_NOISE * reading.noise:
        detail = (
            f"accuracy climbs by {reading.climb:.3f}, less than {MIN_CLIMB_TO_NOISE:g} x its noise {reading.noise:.3f}"
        )
        yield Reason("both", "noise", detail)
    yield from _landmark_reasons(reading, "rise", "no rise", "accuracy never climbs out of the start level")
    yield from _landmark_reasons(reading, "edge", "no fall", "accuracy does not fall and stay down by the ramp's end")
    yield from _place_reasons(reading, rates)


def _landmark_reasons(reading: Reading, landmark: Landmark, absent: ReasonName, sentence: str) -> Iterator[Reason]:
    """Missing, read differently by the two readings, or spread over the seeds."""
    one, two = getattr(reading.smoothed, landmark), getattr(reading.fitted, landmark)
    if one is None or two is None:
        where = " and ".join(name for name, rate in (("smoothed mean", one), ("fitted curves", two)) if rate is None)
        yield Reason(landmark, absent, f"{sentence} ({where})")
    elif max(one / two, two / one) > (limit := MAX_DISAGREEMENT[landmark]):
        detail = f"the smoothed mean says {one:.3g}, the fitted curves {two:.3g}: more than {limit:g} times apart"
        yield Reason(landmark, "rules differ", detail)
    values = [value for seed in reading.per_seed if (value := getattr(seed, landmark)) is not None]
    if values and max(values) > MAX_SEED_SPREAD[landmark] * min(values):
        detail = (
            f"from {min(values):.3g} to {max(values):.3g} over the seeds: more than {MAX_SEED_SPREAD[landmark]:g} times"
        )
        yield Reason(landmark, "seeds spread", detail)


def _rise_above_floor(reading: Reading) -> float:
    """Rate at which the fitted curves leave their floor by a tenth (geometric mean), outside the ramp too.

    A ramp that starts inside the climb has its start level too high, and with it the rise that is read from there.
    """
    tenth = math.log(1 / crossings.LEVEL - 1)
    return math.exp(float(np.mean([seed.curve.rise_at - tenth * seed.curve.rise_width for seed in reading.per_seed])))


def _place_reasons(reading: Reading, rates: Floats) -> Iterator[Reason]:
    """Where the landmarks stand in the ramp and to each other."""
    rise, edge = reading.rise, reading.edge
    before = None if rise is None else int((rates < min(rise, _rise_above_floor(reading))).sum())
    after = None if edge is None else int((rates > edge).sum())
    if before is not None and before < MIN_EVALUATIONS_OUTSIDE:
        yield Reason(
            "rise", "rise at start", f"{before} evaluations before the rise, less than {MIN_EVALUATIONS_OUTSIDE}"
        )
    if after is not None and after < MIN_EVALUATIONS_OUTSIDE:
        yield Reason("edge", "fall at end", f"{after} evaluations after the edge, less than {MIN_EVALUATIONS_OUTSIDE}")
    if rise is not None and edge is not None and edge < MIN_EDGE_TO_RISE * rise:
        detail = f"the edge {edge:.3g} is less than {MIN_EDGE_TO_RISE:g} times the rise {rise:.3g}"
        yield Reason("both", "bounds too near", detail)
