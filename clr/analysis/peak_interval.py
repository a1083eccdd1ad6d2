"""Where every arm's peak rate is searched: given by the user, read from the range test, or the default."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from clr.analysis import bounds
from clr.errors import InvalidNumbers
from clr.plan import RAMP_RERUNS, Plan
from clr.resources import RampCurve, RangeTestResource
from clr.results import Trial
from clr.spec import Interval


@dataclass(frozen=True)
class RampRound:
    """One round of the range test: the same ramp on each seed. `reading`: None while it runs, or nothing was read."""

    low: float
    high: float
    trials: tuple[Trial, ...]
    reading: bounds.Reading | None

    @property
    def ended(self) -> bool:
        return all(trial.ended for trial in self.trials)


@dataclass(frozen=True)
class PeakInterval:
    """interval: [low, high] of every arm's peak rate. notes: what the answer has to say of it."""

    interval: Interval
    source: Literal["given", "range-test", "default"]
    notes: tuple[str, ...] = ()


def ramp_rates(low: float, high: float, length: int, iterations: Sequence[int]) -> list[float]:
    """Rate of the last update before each evaluation: low (high/low)^((i - 1) / (length - 1))."""
    return [low * (high / low) ** ((i - 1) / (length - 1)) for i in iterations]


def ramp_rounds(plan: Plan, trials: Sequence[Trial]) -> tuple[RampRound, ...]:
    """The range test's rounds so far, in order."""
    found: dict[int, list[Trial]] = {}
    for trial in sorted(trials, key=lambda t: (t.round, t.position)):
        if trial.phase == "range-test":
            found.setdefault(trial.round, []).append(trial)
    return tuple(_round(plan, tuple(group)) for _, group in sorted(found.items()))


def _round(plan: Plan, trials: tuple[Trial, ...]) -> RampRound:
    low, high = float(trials[0].params["low"]), float(trials[0].params["high"])
    reading = _read(plan, low, high, trials) if all(trial.ended for trial in trials) else None
    return RampRound(low, high, trials, reading)


def _read(plan: Plan, low: float, high: float, trials: Sequence[Trial]) -> bounds.Reading | None:
    """A seed that failed (its process died three times, its data is gone) has no curve; a diverged one has."""
    assert plan.range_test is not None
    curves = [trial for trial in trials if trial.outcome in ("done", "diverged") and trial.curve]
    if not curves:
        return None
    length, every = plan.range_test.iterations, plan.range_test.evaluate_every
    grid = list(range(every, length + 1, every))
    values = np.full((len(curves), len(grid)), np.nan)
    for row, trial in enumerate(curves):
        for evaluation in trial.curve:
            if evaluation.iteration % every == 0 and plan.facts.metric in evaluation.metrics:
                values[row, evaluation.iteration // every - 1] = evaluation.metrics[plan.facts.metric]
    if plan.facts.direction == "minimize":
        values = _as_rising(values)
    try:
        return bounds.read(np.array(ramp_rates(low, high, length, grid)), values, ramp="exponential", iterations=length)
    except InvalidNumbers:  # no seed has a value at the ramp's start: there is nothing to read
        return None


def _as_rising(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """A metric to minimise, turned over; beyond its start it only says that training has failed, however large."""
    turned = -values
    return np.maximum(turned, np.nanmedian(turned[:, : max(5, turned.shape[1] // 10)]))


def next_ramp(plan: Plan, rounds: Sequence[RampRound]) -> tuple[float, float] | None:
    """The ramp of the round that is due, or None: the range test runs, or is over."""
    if plan.range_test is None:
        return None
    if not rounds:
        return plan.range_test.low, plan.range_test.high
    last = rounds[-1]
    if not last.ended or last.reading is None or len(rounds) > RAMP_RERUNS:
        return None
    if len(last.reading.per_seed) < bounds.MIN_SEEDS:  # another ramp could not be clear either
        return None
    return bounds.next_ramp(last.reading, last.low, last.high, reruns=len(rounds) - 1)


def settle(plan: Plan, rounds: Sequence[RampRound]) -> PeakInterval | None:
    """The interval, or None while the range test runs; that of the last extension which widened it."""
    found = _submitted(plan, rounds)
    wider = [extension.interval for extension in plan.extensions if extension.interval is not None]
    if found is None or not wider:
        return found
    note = (
        f"Peak rates were first searched in {found.interval.low:.3g} to {found.interval.high:.3g}; an extension "
        f"widened that to {wider[-1].low:.3g} to {wider[-1].high:.3g}, for every arm."
    )
    return PeakInterval(wider[-1], found.source, (*found.notes, note))


def _submitted(plan: Plan, rounds: Sequence[RampRound]) -> PeakInterval | None:
    """The interval before any extension."""
    if plan.interval is not None:
        return PeakInterval(plan.interval, "given")
    if not rounds or not rounds[-1].ended or next_ramp(plan, rounds) is not None:
        return None
    reading = rounds[-1].reading
    if reading is None or reading.interval is None:
        return PeakInterval(plan.default_interval, "default", (_fallback(plan.default_interval, reading),))
    low, high = reading.interval
    return PeakInterval(Interval(low=low, high=high), "range-test")


def _fallback(default: Interval, reading: bounds.Reading | None) -> str:
    reasons = [reason.detail for reason in reading.reasons if reason.bound in ("edge", "both")] if reading else []
    return (
        f"The range test is unclear ({'; '.join(reasons) or 'no seed gave a curve'}): peak rates were searched in the "
        f"optimizer's default interval {default.low:g} to {default.high:g}."
    )


def resource(study: str, plan: Plan, trials: Sequence[Trial]) -> RangeTestResource:
    """GET /v1/studies/{id}/range-test: the last round's curves, its reading, and the interval."""
    rounds = ramp_rounds(plan, trials)
    settled = settle(plan, rounds)
    last = rounds[-1] if rounds else None
    status: Literal["waiting", "running", "done", "not-asked"] = "waiting"
    if plan.range_test is None:
        status = "not-asked"
    elif last is not None:
        status = "done" if settled is not None else "running"
    return RangeTestResource(
        study=study,
        status=status,
        low=last.low if last else None,
        high=last.high if last else None,
        ramp_iterations=plan.range_test.iterations if plan.range_test else None,
        curves=tuple(_curve(plan, last, trial) for trial in last.trials) if last else (),
        reading=last.reading.to_dict() if last and last.reading else None,
        interval=settled.interval.model_dump() if settled else None,
        interval_source=settled.source if settled else None,
        notes=settled.notes if settled else (),
    )


def _curve(plan: Plan, ramp: RampRound, trial: Trial) -> RampCurve:
    assert plan.range_test is not None
    curve = [e for e in trial.curve if plan.facts.metric in e.metrics]
    at = [e.iteration for e in curve]
    return RampCurve(
        seed=trial.seed,
        state=trial.outcome or "running",
        iterations=tuple(at),
        rates=tuple(ramp_rates(ramp.low, ramp.high, plan.range_test.iterations, at)),
        accuracy=tuple(e.metrics[plan.facts.metric] for e in curve),
        loss=tuple(e.metrics.get("loss", e.metrics[plan.facts.metric]) for e in curve),
    )
