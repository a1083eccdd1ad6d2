"""Arms that share their seeds, compared: differences to the baseline, the best set, and what to do about it.

Two tables are made. The usual one pools the spread of all arms (seed-blocked Dunnett). Where one arm is noisier than
the rest, pooling misstates every interval, and Bonferroni intervals of paired t take its place (`Comparison.noisy`).

Sources: Dunnett 1955 (differences to a control); Hsu 1984, "Constrained simultaneous confidence intervals for multiple
comparisons with the best" (best set and the loss of choosing from it).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from clr.analysis import intervals, max_t
from clr.analysis.intervals import LEVEL, Difference, Interval
from clr.errors import InvalidNumbers
from clr.protocol import Direction
from clr.resources import Action

Floats = NDArray[np.float64]
Verdict = Literal["identical", "equivalent", "better", "worse", "undecided"]

NOISY_LEVEL = 0.05
MIN_MARGIN, MARGIN_IMAGES = 0.002, 2
MOST_SEEDS = 100_000


@dataclass(frozen=True)
class BestSet:
    """The arms among which the truly best one is, at `level`, by comparison with the best.

    Attributes:
        members: rows of the table, best mean first.
        losses: for each row, what choosing it may lose against the truly best arm at most, in the metric's unit;
            infinite for a row that could not be chosen.
    """

    members: tuple[int, ...]
    losses: tuple[float, ...]
    level: float


@dataclass(frozen=True)
class Comparison:
    """What a table of arms by seeds says.

    Attributes:
        baseline: its row. seeds: how many every arm has.
        pooled, separate: differences to the baseline of the other rows, in order: by the seed-blocked Dunnett, and by
            Bonferroni intervals of paired t.
        noisy: the row whose spread stands out, or None; then `differences` are `separate`.
        best: None where the spread is unknown (one seed).
        identical: groups of rows with the same values, seed by seed.
        correlations: of the other rows with the baseline over seeds, which pairing achieved; None where unknown.
        direction: of the metric.
    """

    baseline: int
    seeds: int
    pooled: tuple[Difference, ...]
    separate: tuple[Difference, ...]
    noisy: int | None
    best: BestSet | None
    identical: tuple[tuple[int, ...], ...]
    correlations: tuple[float | None, ...]
    direction: Direction = "maximize"

    @property
    def differences(self) -> tuple[Difference, ...]:
        return self.pooled if self.noisy is None else self.separate


@dataclass(frozen=True)
class Recommendation:
    """The one thing to do.

    Attributes:
        action: the one thing, in the answer's words.
        arm: the row that the action names; None without a verdict.
        loss: undecided and equivalent: what that choice may lose against the truly best arm at most.
        among: equivalent: the rows that are, first row first.
    """

    action: Action
    arm: int | None
    loss: float | None
    among: tuple[int, ...] = ()


def compare(
    table: ArrayLike,
    baseline: int = 0,
    direction: Direction = "maximize",
    level: float = LEVEL,
    resolution: float | None = None,
    eligible: Sequence[int] | None = None,
) -> Comparison:
    """Differences to the baseline (arm minus baseline), the best set, and identical arms.

    Args:
        table: confirmed metric [arms, seeds], the same seeds in every row; a lost seed has left every row.
        baseline: its row.
        direction: of the metric.
        level: of all differences at once, and of the best set.
        resolution: the metric's least step, which stands for a spread of zero.
        eligible: rows that may be in the best set; all by default. An arm with a diverged run is compared, not chosen.

    Raises:
        InvalidNumbers: fewer than two arms, no seeds, or a value that is not finite.
    """
    pooled = intervals.dunnett(table, baseline, level, resolution)
    values = np.asarray(table, dtype=np.float64)
    arms, seeds = values.shape
    each = 1 - (1 - level) / (arms - 1)
    separate = tuple(
        intervals.paired(values[k], values[baseline], each, resolution) for k in range(arms) if k != baseline
    )
    noisy = noisy_arm(values)
    rows = list(range(arms)) if eligible is None else list(eligible)
    best = _best_of(rows, values, direction, level, resolution, pooled=noisy is None)
    correlations = tuple(intervals.correlation(values[k], values[baseline]) for k in range(arms) if k != baseline)
    return Comparison(baseline, seeds, pooled, separate, noisy, best, identical_arms(values), correlations, direction)


def _best_of(
    rows: Sequence[int], values: Floats, direction: Direction, level: float, resolution: float | None, pooled: bool
) -> BestSet | None:
    """The best set of some rows, in the numbers of the whole table."""
    losses = [math.inf] * len(values)
    if len(rows) < 2:
        for row in rows:
            losses[row] = 0.0
        return BestSet(tuple(rows), tuple(losses), level) if rows and values.shape[1] > 1 else None
    found = best_set(values[list(rows)], direction, level, resolution, pooled)
    if found is None:
        return None
    for row, loss in zip(rows, found.losses, strict=True):
        losses[row] = loss
    return BestSet(tuple(rows[k] for k in found.members), tuple(losses), level)


def noisy_arm(table: Floats, level: float = NOISY_LEVEL) -> int | None:
    """The row whose variance stands out against the pooled variance of the others, or None.

    One-sided F at `level` / arms, exact under equal variances whatever the seeds have in common: over seeds, arm i
    minus the mean of the others has variance K / (K - 1) sigma^2 and is independent of the others' residuals around
    arm + seed, so F = (K - 1) / K var(y_i - mean of others) / residual mean square, with n - 1 and (K - 2)(n - 1)
    degrees of freedom. None for two arms: their paired t needs no equal variances.

    Args:
        table: [arms, seeds].
        level: probability that equal arms are called noisy.
    """
    arms, seeds = table.shape
    if arms < 3 or seeds < 2:
        return None
    limit = float(stats.f.isf(level / arms, seeds - 1, (arms - 2) * (seeds - 1)))
    ratios = np.array([_variance_ratio(table, k) for k in range(arms)])
    worst = int(np.argmax(ratios))
    return worst if ratios[worst] > limit else None


def _variance_ratio(table: Floats, arm: int) -> float:
    others = np.delete(table, arm, axis=0)
    gaps = table[arm] - others.mean(axis=0)
    rounding = intervals.ROUNDING * float(np.abs(table).max())
    own, rest = float(gaps.std(ddof=1)), intervals.residual_sd(others)
    if own <= rounding:
        return 0.0
    return math.inf if rest <= rounding else own**2 * (len(table) - 1) / len(table) / rest**2


def best_set(
    table: ArrayLike,
    direction: Direction = "maximize",
    level: float = LEVEL,
    resolution: float | None = None,
    pooled: bool = True,
) -> BestSet | None:
    """Every arm that may be the best: best mean - mean_i <= c1 sqrt(2 s2 / n); None where the spread is unknown.

    c1 is one-sided (`max_t.critical_value`). With pooled=False each pair has its own spread and c1 is Student t at
    (1 - level) / (K - 1). The set holds the truly best arm in `level` of studies, and on the same event the loss of
    choosing arm i is at most max over members j of (mean_j - mean_i + reach_ij).
    """
    values = intervals.checked_arms("table", table)
    if values.shape[1] < 2:
        return None
    gains = (1.0 if direction == "maximize" else -1.0) * values
    reach = _pooled_reach(gains, level, resolution) if pooled else _separate_reach(gains, level, resolution)
    if reach is None:
        return None
    means = gains.mean(axis=1)
    behind = means[None, :] - means[:, None]
    inside = np.flatnonzero((behind <= reach + np.eye(len(means))).all(axis=1))
    members = sorted((int(k) for k in inside), key=lambda k: (-means[k], k))
    losses = [max([0.0, *(behind[i, j] + reach[i, j] for j in members if j != i)]) for i in range(len(means))]
    return BestSet(tuple(members), tuple(float(loss) for loss in losses), level)


def _pooled_reach(gains: Floats, level: float, resolution: float | None) -> Floats | None:
    arms, seeds = gains.shape
    sd, _ = intervals.spread(intervals.residual_sd(gains), gains, resolution)
    if sd is None:
        return None
    c = max_t.critical_value(arms, (arms - 1) * (seeds - 1), level, two_sided=False)
    return np.full((arms, arms), c * sd * math.sqrt(2 / seeds))


def _separate_reach(gains: Floats, level: float, resolution: float | None) -> Floats | None:
    arms, seeds = gains.shape
    t = float(stats.t.isf((1 - level) / (arms - 1), seeds - 1))
    sds = (gains[:, None, :] - gains[None, :, :]).std(axis=-1, ddof=1)
    flat = sds <= intervals.ROUNDING * float(np.abs(gains).max())
    np.fill_diagonal(flat, False)
    if flat.any() and resolution is None:
        return None
    return np.asarray(t * np.where(flat, resolution or 0.0, sds) / math.sqrt(seeds), dtype=np.float64)


def identical_arms(table: ArrayLike) -> tuple[tuple[int, ...], ...]:
    """Groups of two or more rows that have the same value in every seed."""
    groups: dict[bytes, list[int]] = {}
    for k, row in enumerate(intervals.checked_arms("table", table) + 0.0):
        groups.setdefault(row.tobytes(), []).append(k)
    return tuple(tuple(rows) for rows in groups.values() if len(rows) > 1)


def default_margin(test_size: int) -> float:
    """The difference of accuracies that is not worth an argument: 0.2 points, or two test images if that is more."""
    if test_size < 1:
        raise InvalidNumbers("test_size", "must be at least 1", test_size)
    return max(MIN_MARGIN, MARGIN_IMAGES / test_size)


def verdict(difference: Difference, margin: float, direction: Direction = "maximize") -> Verdict:
    """What a difference to the baseline says; a wide interval says undecided, never equivalent.

    identical: the same values. equivalent: the interval lies inside +-margin. better, worse: on one side of zero.

    Args:
        margin: the largest difference that does not matter, in the metric's unit, >= 0.
    """
    if not (math.isfinite(margin) and margin >= 0):
        raise InvalidNumbers("margin", "must be finite and at least 0", margin)
    if difference.identical:
        return "identical"
    if difference.interval is None:
        return "undecided"
    low, high = _gain(difference.interval, direction)
    if -margin <= low and high <= margin:
        return "equivalent"
    return "better" if low > 0 else "worse" if high < 0 else "undecided"


def _gain(interval: Interval, direction: Direction) -> tuple[float, float]:
    return (interval.low, interval.high) if direction == "maximize" else (-interval.high, -interval.low)


def recommend(comparison: Comparison, margin: float, simplest_first: Sequence[int]) -> Recommendation:
    """The action that a comparison supports.

    Best set and more rows within the margin of the truly best arm, or all of the best set identical: equivalent, take
    the simplest. One member in the best set, and every difference to the baseline that the choice rests on shown: use
    it, or keep your baseline. Else undecided: the highest mean, with what it may lose. Simplicity, and so the fixed
    rate, is preferred in the first case only: never for lack of data, which makes the possible losses wide.

    The best set is one-sided, so on its own it would call a winner in up to 10 % of null studies of two arms; the
    two-sided difference to the baseline holds that at 5 %.

    Args:
        margin: as in `verdict`.
        simplest_first: rows by number of parameters.
    """
    best = comparison.best
    if best is None or not best.members:
        return Recommendation("no verdict: screened only", None, None)
    first = best.members[0]
    same = any(set(best.members) <= set(group) for group in comparison.identical)
    near = tuple(row for row, loss in enumerate(best.losses) if loss <= margin)
    within = len(near) > 1 and set(best.members) <= set(near)
    if (len(best.members) > 1 and same) or within:
        among = near if within else tuple(sorted(best.members))
        simplest = next(row for row in simplest_first if row in among)
        loss = 0.0 if same and simplest in best.members else best.losses[simplest]
        return Recommendation("equivalent: take the simplest", simplest, loss, among)
    if len(best.members) == 1:
        return _alone(comparison, first)
    return Recommendation("undecided: take the highest confirmed mean", first, best.losses[first])


def _alone(comparison: Comparison, first: int) -> Recommendation:
    """One arm stands alone in the best set: is that shown by the differences to the baseline, too?"""
    rows = [row for row in range(len(comparison.differences) + 1) if row != comparison.baseline]
    gains = {
        row: _gain(difference.interval, comparison.direction)
        for row, difference in zip(rows, comparison.differences, strict=True)
        if difference.interval is not None
    }
    if first == comparison.baseline:
        if all(high < 0 for _, high in gains.values()):
            return Recommendation("keep your baseline", first, None)
        loss = max([0.0, *(high for _, high in gains.values())])
    elif first in gains and gains[first][0] > 0:
        return Recommendation("use it", first, None)
    else:
        loss = max(0.0, -gains[first][0]) if first in gains else 0.0
    return Recommendation("undecided: take the highest confirmed mean", first, loss)


def seeds_needed(sd: float, difference: float, arms: int, level: float = LEVEL, power: float = 0.8) -> int | None:
    """The price of certainty: the fewest seeds that show this difference with this power; None beyond 100,000.

    Args:
        sd: standard deviation of a paired difference over seeds, > 0.
        difference: true difference to be seen, > 0.
        arms: K, the baseline included.
    """
    if not (math.isfinite(difference) and difference > 0):
        raise InvalidNumbers("difference", "must be finite and above 0", difference)

    def shows(seeds: int) -> bool:
        found = intervals.detectable_difference(sd, seeds, arms, level, power)
        return found is not None and found <= difference

    high = 2
    while not shows(high):
        if high > MOST_SEEDS:
            return None
        high *= 2
    low = max(1, high // 2)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if shows(middle) else (middle, high)
    return high
