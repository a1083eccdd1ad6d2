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
from calibration.figures import Line, Section, covered, exact, share
from calibration.populations import Floats
from calibration.whole_answers import CENTRE, NAMES, plan_of, played, trial_of
from clr.analysis.answer import answer
from clr.analysis.time_ratio import TimeRatio, time_ratio
from clr.plan import Plan, PlannedSlot
from clr.results import Evaluation, Trial
from clr.tasks.facts import DIGITS

MEDIAN, LOG_SD, COMMON_LOG_SD = 1000.0, 0.2, 0.15
"""The baseline's times: lognormal, with a seed's own effect on both arms and a run's own noise."""
SEEDS, RATIOS, CENSORED = (5, 10), (0.6, 1.0), (0.0, 0.2, 0.5)
GRID, LENGTH, TARGET = 20, 4_000, 0.8
"""Of the curves [iterations]; the grid rounds times up by half of itself on average, 1 % of them."""
CURVES_CHUNK = 25
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


def whole_path(pool: Executor, studies: int) -> Section:
    """Validation curves that cross the target at known times, evaluated on a grid: spec to answer."""
    found = tally(pool, count_curves, chunks("curves", studies, CURVES_CHUNK))
    lines = (
        exact("every run reaches the target, a ratio is given", found["ratio"], studies),
        covered("the answer's interval holds 0.6", found["held"], studies),
    )
    return Section(f"Whole path with a target: true ratio 0.6, 5 seeds, evaluated every {GRID} iterations", lines)


def count_curves(chunk: Chunk) -> Tally:
    found: Tally = Counter(studies=chunk.studies)
    for k, times in enumerate(Race(0.6, 0.0, 5).times(chunk.rng(), chunk.studies)):
        plan = plan_of(
            NAMES[:2], chunk.first + k, target=TARGET, budget={"iterations": LENGTH}, evaluate_every=GRID
        )  # fmt: skip
        made = answer("calibration", plan, played(plan, functools.partial(_ended, plan, times)))
        (ratio,) = (arm.target_ratio for arm in made.arms if arm.arm == NAMES[1])
        if ratio is not None and ratio.kind == "ratio" and ratio.interval is not None:
            found.update(ratio=1, held=ratio.interval.low <= 0.6 <= ratio.interval.high)
    return found


def _ended(plan: Plan, times: Floats, slot: PlannedSlot) -> Trial:
    """The slot's run: half of the target until its time, at the target from then on."""
    if slot.phase != "confirm":
        return trial_of(slot, CENTRE)
    row = {NAMES[1]: times[0], NAMES[0]: times[1]}[slot.arm]
    reached = row[plan.confirm_seeds.index(slot.config.seed)]
    evaluated = range(GRID, LENGTH + 1, GRID)
    curve = tuple(Evaluation(i, {DIGITS.metric: TARGET if i >= reached else TARGET / 2}) for i in evaluated)
    return trial_of(slot, CENTRE, curve)
