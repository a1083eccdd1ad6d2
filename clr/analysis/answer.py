"""What a study says: arms ranked by confirmed test metric, with evidence. From plan and trials alone.

Bounds and parameters were chosen on validation data; what is reported here was measured once on test data, on seeds
that the search never saw, the same for every arm. A result that favours the baseline is reported the same way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Literal

from clr import schedules, search_space
from clr.analysis import intervals, peak_interval, selection, snippet, target, verdict
from clr.plan import ArmPlan, Plan
from clr.resources import Answer, ArmAnswer, BestSchedule, Bounds, Difference, ToTarget
from clr.results import Trial


def answer(study: str, plan: Plan, trials: Sequence[Trial]) -> Answer:
    """The answer so far.

    Args:
        study: its id. plan: its ledger. trials: its slots; range-test and confirm trials with their curves.

    provisional: arms are ranked by the best validation value of their search, "not confirmed", no verdict.
    confirmed: every confirm run has ended; ranked by mean test metric, arms with a diverged confirm run below the rest.
    """
    arms = [_arm(plan, arm, trials) for arm in plan.arms]
    arms = _with_differences(plan, arms)
    confirmed = _confirmed(plan, trials, arms)
    ranked = [arm.model_copy(update={"rank": k + 1}) for k, arm in enumerate(sorted(arms, key=_order(plan, confirmed)))]
    status: Literal["provisional", "confirmed", "none"] = "confirmed" if confirmed else "provisional"
    if all(arm.search_value is None for arm in ranked):
        status = "none"
    return Answer(
        study=study,
        status=status,
        metric=plan.facts.metric,
        direction=plan.facts.direction,
        baseline=plan.baseline,
        sentence=verdict.sentence(plan, ranked, status),
        arms=tuple(ranked),
        best=_best(plan, ranked[0]),
        target=plan.target,
        iterations=plan.iterations,
        notes=tuple(_notes(plan, ranked, trials)),
    )


def _confirmed(plan: Plan, trials: Sequence[Trial], arms: Sequence[ArmAnswer]) -> bool:
    """Every arm that can be confirmed has ended its confirm runs, and one has a value."""
    runs = [trial for trial in trials if trial.phase == "confirm"]
    return bool(runs) and all(trial.ended for trial in runs) and any(arm.status == "confirmed" for arm in arms)


def _order(plan: Plan, confirmed: bool) -> Callable[[ArmAnswer], tuple[int, float, str]]:
    """Sort key: confirmed and stable, confirmed with a diverged run, not confirmed, failed; best value first; name.

    The mean of the runs that survived flatters an arm whose others diverged: such an arm ranks below the stable ones.
    """
    sign = -1.0 if plan.facts.direction == "maximize" else 1.0

    def key(arm: ArmAnswer) -> tuple[int, float, str]:
        value = arm.mean if confirmed else arm.search_value
        return _group(arm, confirmed), math.inf if value is None else sign * value, arm.arm

    return key


def _group(arm: ArmAnswer, confirmed: bool) -> int:
    if arm.status == "failed":
        return 3
    if not confirmed:
        return 0
    if arm.status == "not confirmed":
        return 2
    return 1 if arm.confirm_diverged else 0


def _of(trials: Sequence[Trial], phase: str, arm: ArmPlan) -> list[Trial]:
    return sorted((t for t in trials if t.phase == phase and t.arm == arm.name), key=lambda t: t.number)


def _count(trials: Sequence[Trial], outcome: str) -> int:
    return sum(trial.outcome == outcome for trial in trials)


def _arm(plan: Plan, arm: ArmPlan, trials: Sequence[Trial]) -> ArmAnswer:
    search, confirm = _of(trials, "search", arm), _of(trials, "confirm", arm)
    finalist = selection.finalist(search, plan.facts.direction)
    values = {str(t.seed): t.value for t in confirm if t.outcome == "done" and t.value is not None}
    summary = intervals.mean(list(values.values()), resolution=_resolution(plan)) if values else None
    schedule = None
    if finalist is not None:
        schedule = search_space.schedule(arm.family, arm.constants, arm.parameters, finalist.params, plan.iterations)
    return ArmAnswer(
        rank=0,
        arm=arm.name,
        family=arm.family,
        status=_status(finalist, search, confirm, values),
        params=dict(finalist.params) if finalist else {},
        schedule=schedule.to_dict() if schedule else None,
        search_value=finalist.value if finalist else None,
        search_trials=len(search),
        search_failed=_count(search, "failed"),
        search_diverged=_count(search, "diverged"),
        mean=summary.mean if summary else None,
        interval=_bounds(summary.interval) if summary else None,
        prediction=_bounds(summary.prediction) if summary else None,
        values=values,
        confirm_failed=_count(confirm, "failed"),
        confirm_diverged=_count(confirm, "diverged"),
        difference=None,
        to_target=_to_target(plan, confirm),
        seconds=sum(t.seconds for t in [*search, *confirm]),
        trials=tuple(t.number for t in confirm),
        search_trial=finalist.number if finalist else None,
    )


def _status(
    finalist: Trial | None, search: Sequence[Trial], confirm: Sequence[Trial], values: Mapping[str, float]
) -> Literal["confirmed", "not confirmed", "failed"]:
    if values and all(trial.ended for trial in confirm):
        return "confirmed"
    searched_in_vain = finalist is None and bool(search) and all(trial.ended for trial in search)
    confirmed_in_vain = bool(confirm) and all(trial.ended for trial in confirm)
    return "failed" if searched_in_vain or confirmed_in_vain else "not confirmed"


def _bounds(pair: intervals.Interval | None) -> Bounds | None:
    return Bounds(low=pair.low, high=pair.high, level=pair.level) if pair else None


def _with_differences(plan: Plan, arms: Sequence[ArmAnswer]) -> list[ArmAnswer]:
    """Paired differences to the baseline over the seeds that every confirmed arm has, simultaneous over the arms."""
    confirmed = [arm for arm in arms if arm.status == "confirmed"]
    baseline = next((arm for arm in confirmed if arm.arm == plan.baseline), None)
    if baseline is None or len(confirmed) < 2:
        return list(arms)
    seeds = [seed for seed in baseline.values if all(seed in arm.values for arm in confirmed)]
    others = [arm for arm in confirmed if arm is not baseline]
    found = _differences(plan, baseline, others, seeds)
    return [arm.model_copy(update={"difference": found.get(arm.arm)}) for arm in arms]


def _differences(
    plan: Plan, baseline: ArmAnswer, others: Sequence[ArmAnswer], seeds: Sequence[str]
) -> dict[str, Difference]:
    if not seeds:
        return {}
    table = [[arm.values[seed] for seed in seeds] for arm in [baseline, *others]]
    found = intervals.dunnett(table, baseline=0, resolution=_resolution(plan))
    return {
        arm.arm: Difference(mean=d.mean, interval=_bounds(d.interval), pairs=d.pairs, note=d.note)
        for arm, d in zip(others, found, strict=True)
    }


def _resolution(plan: Plan) -> float | None:
    """The least step of an accuracy: one test image. It stands for the spread where runs show none."""
    size = plan.facts.test_size
    return 1 / size if size and plan.facts.metric == "accuracy" else None


def _to_target(plan: Plan, confirm: Sequence[Trial]) -> ToTarget | None:
    if plan.target is None:
        return None
    curves = {str(t.seed): t.curve for t in confirm if t.outcome == "done"}
    return target.summary(curves, plan.facts.metric, plan.target, plan.facts.direction)


def _best(plan: Plan, first: ArmAnswer) -> BestSchedule | None:
    if first.schedule is None:
        return None
    text = snippet.torch(schedules.from_dict(first.schedule), plan.iterations)
    return BestSchedule(arm=first.arm, schedule=first.schedule, snippet=text)


def _notes(plan: Plan, arms: Sequence[ArmAnswer], trials: Sequence[Trial]) -> list[str]:
    settled = peak_interval.settle(plan, peak_interval.ramp_rounds(plan, trials))
    notes = [*plan.notes, *(settled.notes if settled else ())]
    for arm in arms:
        if arm.confirm_failed or arm.confirm_diverged:
            notes.append(
                f"{arm.arm}: of {len(arm.trials)} confirm runs {arm.confirm_diverged} diverged and "
                f"{arm.confirm_failed} failed; their seeds left the paired analysis of every arm."
            )
    return notes
