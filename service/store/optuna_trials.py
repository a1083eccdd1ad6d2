"""What the record holds: a study's trials as Optuna's. Pure.

`<id>/search/<arm>`: a trial per search slot, its value is the validation metric.
`<id>/confirm/<arm>`: a trial per seed, its value is the test metric.
Both have the validation curve as intermediate values and the slot's number as the user attribute "slot".
`<id>`: a trial per arm, its value is the mean confirmed metric.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from clr import search, search_space
from clr.plan import Plan
from clr.resources import Answer, ArmAnswer
from clr.results import Phase, Trial
from clr.spec import Interval

PHASES: tuple[Phase, ...] = ("search", "confirm")


def name(study: str, phase: Phase, arm: str) -> str:
    """
    >>> name("s01", "confirm", "cosine")
    's01/confirm/cosine'
    """
    return f"{study}/{phase}/{arm}"


def names(study: str, plan: Plan) -> list[str]:
    """Every Optuna study that belongs to a study of ours."""
    return [study, *(name(study, phase, arm.name) for phase in PHASES for arm in plan.arms)]


def distributions(plan: Plan, arm: str, interval: Interval) -> dict[str, BaseDistribution]:
    """What an arm's search varied; `interval`: of its peak rate."""
    known = plan.arm(arm)
    space = search_space.space(known.family, known.constants, known.parameters, known.ranges, interval, plan.cycles)
    return {coordinate: search.distribution(r) for coordinate, r in space.items()}


def of_slot(trial: Trial, metric: str, varied: Mapping[str, BaseDistribution]) -> FrozenTrial:
    """A search or confirm slot that has ended; any but a finished one says why in the attribute of its outcome.

    A pruned one has the last value that it reached, as where Optuna itself prunes.
    """
    complete = trial.outcome == "done" and trial.value is not None
    curve = {e.iteration: e.metrics[metric] for e in trial.curve if metric in e.metrics}
    pruned = trial.outcome == "pruned" and bool(curve)
    attributes: dict[str, Any] = {
        "slot": trial.number,
        "round": trial.round,
        "seed": trial.seed,
        "split_seed": trial.split_seed,
        "iterations": trial.iterations,
        "seconds": trial.seconds,
    }
    if trial.test:
        attributes["test"] = dict(trial.test)
    if not complete:
        attributes[str(trial.outcome)] = trial.reason
    return create_trial(
        state=TrialState.COMPLETE if complete else TrialState.PRUNED if pruned else TrialState.FAIL,
        value=trial.value if complete else curve[max(curve)] if pruned else None,
        params=dict(trial.params),
        distributions=dict(varied),
        user_attrs=attributes,
        intermediate_values=curve,
    )


def of_arms(answer: Answer) -> list[FrozenTrial]:
    """A trial per arm, first rank first.

    Optuna calls the trial with the best value the best. An arm that ranks below one with a worse mean (a confirm run of
    it diverged) is therefore FAIL, with its mean as an attribute; an arm as good as the first one is put behind it by
    the last bit of its value.
    """
    varied = _common(answer.arms)
    return [_of_arm(arm, answer, varied) for arm in answer.arms]


def _of_arm(arm: ArmAnswer, answer: Answer, varied: Mapping[str, BaseDistribution]) -> FrozenTrial:
    params = {"family": arm.family, **arm.params}
    value = _value(arm, answer)
    attributes: dict[str, Any] = {
        "arm": arm.arm,
        "rank": arm.rank,
        "status": arm.status,
        "mean": arm.mean,
        "values": arm.values,
        "interval": [arm.interval.low, arm.interval.high] if arm.interval else None,
        "schedule": arm.schedule,
        "confirm_diverged": arm.confirm_diverged,
        "confirm_failed": arm.confirm_failed,
    }
    return create_trial(
        state=TrialState.FAIL if value is None else TrialState.COMPLETE,
        value=value,
        params=params,
        distributions={coordinate: varied[coordinate] for coordinate in params},
        user_attrs=attributes,
    )


def _value(arm: ArmAnswer, answer: Answer) -> float | None:
    first = answer.arms[0].mean
    if answer.status != "confirmed" or arm.status != "confirmed" or arm.mean is None or first is None:
        return None
    worse = -math.inf if answer.direction == "maximize" else math.inf
    if arm.rank > 1 and arm.mean == first:
        return math.nextafter(first, worse)
    better = arm.mean > first if answer.direction == "maximize" else arm.mean < first
    return None if better else arm.mean


def _common(arms: Sequence[ArmAnswer]) -> dict[str, BaseDistribution]:
    """One kind of distribution for a name, over all arms: Optuna allows no other."""
    varied: dict[str, BaseDistribution] = {"family": CategoricalDistribution(sorted({arm.family for arm in arms}))}
    for coordinate in sorted({coordinate for arm in arms for coordinate in arm.params}):
        values = [arm.params[coordinate] for arm in arms if coordinate in arm.params]
        kind = IntDistribution if all(isinstance(value, int) for value in values) else FloatDistribution
        varied[coordinate] = kind(min(values), max(values))
    return varied
