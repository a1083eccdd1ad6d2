"""What a range test found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal

import numpy as np

from clr import schedules
from clr.analysis import range_test_text, rules
from clr.analysis.bounds import Bounds, Ramp, Reading, Reason, SeedReading, Verdict
from clr.analysis.crossings import Floats
from clr.errors import InvalidRangeTest, MissingExtra

BoundsRule = float | Literal["paper"]


@dataclass(frozen=True)
class EarlierRamp:
    """A ramp that was too short, and was run again from another `low` or to another `high`."""

    low: float
    high: float
    reading: Reading


@dataclass(frozen=True, eq=False)
class RangeTest:
    """What an LR range test measured and what it says.

    Attributes:
        reading: `clr.analysis.bounds` of the curves; its landmarks and verdicts are this object's too.
        low, high: ends of the ramp that was read.
        rates: rate of the last update before each evaluation [P].
        seeds: one per curve.
        scores: what was read [seeds, P], the metric named `metric`; NaN where a seed had failed or stopped.
        losses: mean training loss since the evaluation before [seeds, P].
        metric: the scores' name.
        notes: what else has to be said, a sentence each.
        earlier: ramps that were run before, and were too short.
    """

    reading: Reading
    low: float
    high: float
    rates: Floats
    seeds: tuple[int, ...]
    scores: Floats
    losses: Floats
    metric: str
    notes: tuple[str, ...] = ()
    earlier: tuple[EarlierRamp, ...] = ()

    @property
    def rise(self) -> float | None:
        """Where the metric starts to climb: it depends on the ramp's length, `iterations`; None where there is none."""
        return self.reading.rise

    @property
    def edge(self) -> float | None:
        """Where the metric falls; None where it does not."""
        return self.reading.edge

    @property
    def max_lr(self) -> float | None:
        """edge / 2; None without an edge."""
        return self.reading.max_lr

    @property
    def base_lr(self) -> float | None:
        """max_lr / 4; None without an edge. `bounds` has other rules."""
        return self.reading.base_lr

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where a peak rate is worth searching, log scale: (edge / 32, edge); None while the edge is unclear."""
        return self.reading.interval

    @property
    def verdict(self) -> Verdict:
        """clear where rise and edge both are."""
        return self.reading.verdict

    @property
    def rise_verdict(self) -> Verdict:
        return self.reading.rise_verdict

    @property
    def edge_verdict(self) -> Verdict:
        """Training needs the edge only: it is often clear where the rise is not."""
        return self.reading.edge_verdict

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Why a bound is unclear; empty where both are clear."""
        return self.reading.reasons

    @property
    def ramp(self) -> Ramp:
        return self.reading.ramp

    @property
    def iterations(self) -> int:
        """Length of the ramp [iterations]."""
        return self.reading.iterations

    @property
    def per_seed(self) -> tuple[SeedReading, ...]:
        """Each seed's rise and edge, by the curve fitted to it, in the order of `seeds`."""
        return self.reading.per_seed

    @property
    def smoothed(self) -> Bounds:
        """Rise and edge read on the smoothed mean of the seeds."""
        return self.reading.smoothed

    @property
    def fitted(self) -> Bounds:
        """Rise and edge read on the fitted curves: geometric mean over the seeds."""
        return self.reading.fitted

    def bounds(self, rule: BoundsRule = 4.0) -> tuple[float, float]:
        """(base_lr, max_lr) by a rule.

        Args:
            rule: a divisor above 1: (edge / 2 / divisor, edge / 2), 4 and 3 being the paper's rules of thumb; "paper":
                (rise, edge), what the paper reads off its curves. The edge itself may ruin a run.

        Raises:
            InvalidRangeTest: an unknown rule, or the test did not find what the rule needs.
        """
        return bounds_by(self.reading, rule)

    def schedule(self, family: str = "triangular", rule: BoundsRule = 4.0, **parameters: Any) -> schedules.Schedule:
        """A schedule of a family between these bounds.

        Args:
            family: a name of `clr.schedules.names()` that has max_lr (and base_lr), or lr: that is then max_lr.
            rule: of `bounds`.
            parameters: the family's others, e.g. step_size=2000.

        Raises:
            InvalidRangeTest: the test found no bounds.
            InvalidSchedule: a parameter is missing or wrong.
            UnknownName: no such family.
        """
        base_lr, max_lr = self.bounds(rule)
        known = schedules.json_schema(family)["properties"]
        found = {"base_lr": base_lr, "max_lr": max_lr, "lr": max_lr}
        return schedules.make(family, **{name: rate for name, rate in found.items() if name in known} | parameters)

    def other_rules(self) -> dict[str, float | None]:
        """What other finders would say of the same training losses (mean over seeds): `clr.analysis.rules`."""
        measured = ~np.isnan(self.losses).any(axis=0)
        return rules.suggestions(self.rates, np.where(measured, self.losses.mean(axis=0), np.nan))

    def plot(self) -> Any:
        """The picture, a matplotlib Figure: `.savefig("range-test.svg")` writes it. A linear ramp has a linear axis.

        Raises:
            MissingExtra: matplotlib is not installed.
        """
        try:
            drawing = import_module("clr.plots.range_test")  # by name: drawing lies above this room
        except ModuleNotFoundError as error:
            raise MissingExtra(error.name or "matplotlib", "plots") from None
        figure = drawing.range_test(self.rates, self.scores, self.reading, seeds=self.seeds, metric=self.metric)
        if self.ramp == "linear":
            figure.axes[0].set_xscale("linear")
            figure.axes[0].set_xlim(0, self.high)
        return figure

    def to_dict(self) -> dict[str, Any]:
        """Everything, ready for JSON; None where a curve has no value."""
        curves = {
            "rates": self.rates.tolist(),
            "scores": _without_nan(self.scores),
            "losses": _without_nan(self.losses),
        }
        own = {"low": self.low, "high": self.high, "metric": self.metric, "seeds": list(self.seeds)}
        return self.reading.to_dict() | own | curves | {"notes": list(self.notes)}

    def __str__(self) -> str:
        return "\n".join(range_test_text.lines(self.reading, low=self.low, high=self.high, notes=self.notes))


def bounds_by(reading: Reading, rule: BoundsRule) -> tuple[float, float]:
    """(base_lr, max_lr) of a reading by a rule, as `RangeTest.bounds` has them.

    Raises:
        InvalidRangeTest: an unknown rule, or the reading lacks what the rule needs.
    """
    check_rule(rule)
    if rule == "paper":
        if reading.rise is None or reading.edge is None:
            raise InvalidRangeTest("rule", f"needs a rise and an edge ({_why_not(reading)})", rule)
        return reading.rise, reading.edge
    if reading.max_lr is None:
        raise InvalidRangeTest("rule", f"needs an edge ({_why_not(reading)})", rule)
    return reading.max_lr / rule, reading.max_lr


def check_rule(rule: object) -> None:
    """Raises InvalidRangeTest where `rule` is neither a divisor above 1 nor "paper"."""
    number = isinstance(rule, int | float) and not isinstance(rule, bool)
    if rule != "paper" and not (number and 1 < rule < math.inf):  # type: ignore[operator]
        raise InvalidRangeTest("rule", 'must be a divisor above 1 or "paper"', rule)


def _why_not(reading: Reading) -> str:
    return "; ".join(f"{reason.reason}: {reason.detail}" for reason in reading.reasons) or "it has none"


def _without_nan(rows: Floats) -> list[list[float | None]]:
    return [[None if math.isnan(value) else value for value in row] for row in rows.tolist()]
