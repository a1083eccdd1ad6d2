"""Iterations to a target with a known ratio, some of them beyond the budget, through `clr.analysis.time_ratio`."""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
from scipy import stats

from calibration.chance import Chunk, Tally, chunks, tally
from calibration.figures import Line, Section, covered, share
from calibration.populations import Floats
from clr.analysis.time_ratio import TimeRatio, time_ratio

MEDIAN, LOG_SD, COMMON_LOG_SD = 1000.0, 0.2, 0.15
"""The baseline's times: lognormal, with a seed's own effect on both arms and a run's own noise."""
SEEDS, RATIOS, CENSORED = (5, 10), (0.6, 1.0), (0.0, 0.2, 0.5)
FEW = 200
"""Fewer studies than this get no line of their own."""


@dataclass(frozen=True)
class Race:
    """An arm against the baseline. `ratio`: of their times; `censored`: share of baseline runs beyond the budget."""

    ratio: float
    censored: float
    seeds: int

    @property
    def budget(self) -> float:
        """B [iterations]; far beyond every time where nothing is censored."""
        spread = math.hypot(LOG_SD, COMMON_LOG_SD)
        return MEDIAN * math.exp(spread * float(stats.norm.isf(self.censored))) if self.censored else 1e6

    @property
    def within_budget(self) -> float:
        """The ratio of restricted means, mean min(T, B), in closed form for lognormal times."""
        return _restricted_mean(MEDIAN * self.ratio, self.budget) / _restricted_mean(MEDIAN, self.budget)

    def times(self, rng: np.random.Generator, studies: int) -> Floats:
        """Iterations to the target [studies, 2, seeds], the arm first."""
        shared = COMMON_LOG_SD * rng.standard_normal((studies, 1, self.seeds))
        own = LOG_SD * rng.standard_normal((studies, 2, self.seeds))
        return MEDIAN * np.array([self.ratio, 1.0])[:, None] * np.exp(shared + own)


def _restricted_mean(median: float, budget: float) -> float:
    """E min(T, B) = exp(mu + s^2 / 2) Phi((ln B - mu - s^2) / s) + B Phi(-(ln B - mu) / s) for lognormal T."""
    s, z = math.hypot(LOG_SD, COMMON_LOG_SD), math.log(budget / median)
    inside = median * math.exp(s**2 / 2) * float(stats.norm.cdf((z - s**2) / s))
    return inside + budget * float(stats.norm.sf(z / s))


def count(race: Race, chunk: Chunk) -> Tally:
    """Which kind of ratio each study gets, and whether its interval holds what it names."""
    found: Tally = Counter(studies=chunk.studies)
    for arm, baseline in race.times(chunk.rng(), chunk.studies):
        made = time_ratio(_reached(arm, race.budget), _reached(baseline, race.budget), race.budget)
        found[made.kind] += 1
        found[f"{made.kind} held"] += _holds(made, race.ratio if made.kind == "ratio" else race.within_budget)
    return found


def _reached(times: Floats, budget: float) -> list[float | None]:
    return [float(time) if time <= budget else None for time in times]


def _holds(made: TimeRatio, value: float) -> bool:
    return made.interval is not None and made.interval.contains(value)


def target_times(pool: Executor, studies: int) -> list[Section]:
    return [_section(pool, studies, ratio, seeds) for ratio in RATIOS for seeds in SEEDS]


def _section(pool: Executor, studies: int, ratio: float, seeds: int) -> Section:
    lines: list[Line] = []
    for censored in CENSORED:
        race = Race(ratio, censored, seeds)
        name = f"times {ratio:g}, {censored:g}, {seeds}"
        found = tally(pool, functools.partial(count, race), chunks(name, studies))
        lines += _lines(race, found)
    return Section(f"Iterations to target: true ratio {ratio:g}, {seeds} seeds", tuple(lines))


def _lines(race: Race, found: Tally) -> Iterator[Line]:
    start = f"{100 * race.censored:g} % censored"
    if not race.censored:
        yield covered(f"{start}: the interval holds {race.ratio:g}", found["ratio held"], found["ratio"])
        return
    restricted = f"{start}: restricted-mean interval holds {race.within_budget:.3f}"
    yield share(restricted, found["within the budget held"], found["within the budget"])
    if found["ratio"] >= FEW:
        yield share(f"{start}, yet all reached it: interval holds {race.ratio:g}", found["ratio held"], found["ratio"])
    yield share(f"{start}: “not reached”, no ratio", found["not reached"], found["studies"])
