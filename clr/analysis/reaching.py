"""How soon each confirmed arm reaches a target, against the baseline: judged where a user could stop."""

from __future__ import annotations

from collections.abc import Sequence

from clr import schedules
from clr.analysis import confirmed, target
from clr.analysis.intervals import clopper_pearson
from clr.analysis.time_ratio import time_ratio
from clr.plan import Plan
from clr.resources import ArmAnswer, Bounds, Share, TargetRatio, ToTarget
from clr.results import Trial

LAID_OUT = "its schedule is laid out for the whole run: its curve says little of a shorter run, `lengths` measures one"


def with_target(plan: Plan, arms: Sequence[ArmAnswer], trials: Sequence[Trial]) -> list[ArmAnswer]:
    """The arms with their iterations to target and, for all but the baseline, the ratio to its own.

    The target is the user's, or set by runs of the baseline that are used for nothing else: one set by the compared
    runs would be missed by half of the baseline's by construction.
    """
    wanted = target.of_baseline(plan, trials)
    if wanted is None:
        return list(arms)
    spacing = _spacing(plan, arms)
    found = {arm.arm: _to_target(plan, arm, trials, wanted, spacing) for arm in arms}
    return [
        arm.model_copy(update={"to_target": found[arm.arm], "target_ratio": _ratio(plan, arm, found)}) for arm in arms
    ]


def _spacing(plan: Plan, arms: Sequence[ArmAnswer]) -> float | None:
    """Of the stop points of arms without cycles: the shortest cycle among the others.

    None, so every evaluation, where no arm has cycles, and where none has two: one stop point would leave every arm
    without a number because of one whose number is missing anyway, so with nothing to be compared with alike.
    """
    cycles = [_cycle(plan, arm) for arm in arms if arm.status == "confirmed"]
    judged = [length for length in cycles if length is not None and target.leaves_two(plan, length)]
    return min(judged, default=None)


def _cycle(plan: Plan, arm: ArmAnswer) -> float | None:
    if arm.schedule is None:
        return None
    return target.cycle(plan, plan.arm(arm.arm), schedules.from_dict(arm.schedule))


def _to_target(plan: Plan, arm: ArmAnswer, trials: Sequence[Trial], wanted: float, spacing: float | None) -> ToTarget:
    cycle = _cycle(plan, arm)
    runs = [run for run in confirmed.runs(plan, trials, arm.arm) if run.outcome == "done"]
    curves = {str(run.seed): target.at_stop_points(run.curve, cycle or spacing) for run in runs}
    return target.summary(curves, plan.facts.metric, wanted, plan.facts.direction, too_few=_too_few(plan, cycle))


def _too_few(plan: Plan, cycle: float | None) -> str:
    """Why an arm has a single stop point: its cycles are too long for two."""
    if cycle is None or target.leaves_two(plan, cycle):
        return ""
    end = "the run's end" if cycle >= plan.iterations else f"iteration {cycle:.0f} of {plan.iterations}"
    return (
        f"its only cycle ends at {end}: no second stop point to hold the target at; search more cycles (at least 2), "
        "or train for longer with cycles of this length"
    )


def _ratio(plan: Plan, arm: ArmAnswer, found: dict[str, ToTarget]) -> TargetRatio | None:
    own, baseline = found[arm.arm], found[plan.baseline]
    seeds = [seed for seed in baseline.per_seed if seed in own.per_seed]
    judged = min(own.stop_points or 0, baseline.stop_points or 0) >= 2
    if arm.arm == plan.baseline or not seeds or not judged:
        return None
    times = [[row.per_seed[seed] for seed in seeds] for row in (own, baseline)]
    made = time_ratio(times[0], times[1], budget=plan.iterations)
    interval = made.interval
    whole = schedules.from_dict(arm.schedule).length if arm.schedule else None
    return TargetRatio(
        kind=made.kind,
        ratio=made.ratio,
        interval=Bounds(low=interval.low, high=interval.high, level=interval.level) if interval else None,
        reached=_share(made.arm_reached, made.pairs),
        baseline_reached=_share(made.baseline_reached, made.pairs),
        note=LAID_OUT if whole is not None else "",
    )


def _share(count: int, of: int) -> Share:
    found = clopper_pearson(count, of)
    return Share(count=count, of=of, interval=Bounds(low=found.low, high=found.high, level=found.level))
