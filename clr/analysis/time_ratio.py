"""How much sooner an arm reaches a target than the baseline, over seeds, where some runs may not reach it at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from clr.analysis.intervals import LEVEL, Interval
from clr.errors import InvalidNumbers


@dataclass(frozen=True)
class TimeRatio:
    """Iterations of the arm divided by those of the baseline, below 1 where the arm is sooner.

    Attributes:
        kind: "ratio" where every run reached the target; "within the budget": ratio of restricted means, another
            estimand; "not reached" where more than half of an arm's runs did not: no ratio then.
        ratio, interval: None where there is none (not reached, or one seed).
        arm_reached, baseline_reached: runs that reached it, of `pairs`.
    """

    kind: Literal["ratio", "within the budget", "not reached"]
    ratio: float | None
    interval: Interval | None
    arm_reached: int
    baseline_reached: int
    pairs: int


def time_ratio(
    arm: Sequence[float | None], baseline: Sequence[float | None], budget: float, level: float = LEVEL
) -> TimeRatio:
    """Ratio of iterations to target, paired by seed.

    All reached: exp of the Student t interval of log(T_arm / T_base). Some did not: restricted means
    R = mean min(T_arm, B) / mean min(T_base, B), with e_i = a_i / mean(a) - b_i / mean(b) and
    log R +- t_{n-1} sd(e) / sqrt(n). (Dropping the pairs that did not, or taking B for their time in the first
    formula, covers 81 to 86 %, not 95 %.)

    Args:
        arm, baseline: iterations to target by seed, None where not reached within the budget.
        budget: B [iterations], at least every number given.

    Raises:
        InvalidNumbers: lengths differ or are 0, or a number is not in (0, budget].
    """
    pair = [_restricted("arm", arm, budget), _restricted("baseline", baseline, budget)]
    if len(pair[0]) != len(pair[1]):
        raise InvalidNumbers("arm", f"must have {len(pair[1])} seeds like the baseline", len(pair[0]))
    n = len(pair[0])
    reached = _reached(arm), _reached(baseline)
    if min(reached) * 2 < n:
        return TimeRatio("not reached", None, None, reached[0], reached[1], n)
    a, b = pair
    if min(reached) == n:
        centre, errors = float(np.log(a / b).mean()), np.log(a / b)
    else:
        centre, errors = math.log(a.mean() / b.mean()), a / a.mean() - b / b.mean()
    kind: Literal["ratio", "within the budget"] = "ratio" if min(reached) == n else "within the budget"
    interval = None
    if n > 1:
        reach = float(stats.t.ppf((1 + level) / 2, n - 1) * errors.std(ddof=1)) / math.sqrt(n)
        interval = Interval(math.exp(centre - reach), math.exp(centre + reach), level)
    return TimeRatio(kind, math.exp(centre), interval, reached[0], reached[1], n)


def _reached(times: Sequence[float | None]) -> int:
    return sum(time is not None for time in times)


def _restricted(name: str, times: Sequence[float | None], budget: float) -> NDArray[np.float64]:
    row = np.array([budget if time is None else time for time in times], dtype=np.float64)
    if not len(row) or not ((row > 0) & (row <= budget)).all():
        raise InvalidNumbers(name, f"must hold iterations above 0 and within the budget ({budget:g})", list(times))
    return row
