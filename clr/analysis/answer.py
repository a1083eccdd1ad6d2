"""What a study says: arms ranked by confirmed test metric, with evidence. From plan and trials alone.

Bounds and parameters were chosen on validation data; what is reported here was measured once on test data, on seeds
that the search never saw, the same for every arm. A result that favours the baseline is reported the same way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

from clr import schedules, search_space
from clr.analysis import intervals, peak_interval, selection, snippet, target, verdict
from clr.plan import ArmPlan, Plan
from clr.resources import Answer, ArmAnswer, BestSchedule, Bounds, Difference, ToTarget
from clr.results import Trial

Status = Literal["provisional", "confirmed", "none"]


def answer(study: str, plan: Plan, trials: Sequence[Trial]) -> Answer:
    """The answer so far.

    Args:
        study: its id. plan: its ledger. trials: its slots; range-test and confirm trials with their curves.

    provisional: arms are ranked by the best validation value of their search, "not confirmed", no verdict, and no
    confirm figure: a look before the last seed would be one more chance to find a winner.
    confirmed: every confirm run has ended; ranked by mean test metric over the seeds that all confirmed arms have, arms
    with a diverged confirm run below the rest.
    """
    arms = [_arm(plan, arm, trials) for arm in plan.arms]
    status = _status_of(trials, arms)
    if status == "confirmed":
        arms = _compared(plan, arms)
    else:
        arms = [arm.model_copy(update={"values": {}, "to_target": None}) for arm in arms]
    ranked = [arm.model_copy(update={"rank": k + 1}) for k, arm in enumerate(sorted(arms, key=_order(plan, status)))]
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


def _status_of(trials: Sequence[Trial], arms: Sequence[ArmAnswer]) -> Status:
    runs = [trial for trial in trials if trial.phase == "confirm"]
    whole = bool(runs) and all(trial.outcome in ("done", "diverged", "failed") for trial in runs)
    if whole and any(arm.status == "confirmed" for arm in arms):
        return "confirmed"
    return "none" if all(arm.search_value is None for arm in arms) else "provisional"


def _order(plan: Plan, status: Status) -> Callable[[ArmAnswer], tuple[int, float, str]]:
    """Sort key: confirmed and stable, confirmed with a diverged run, not confirmed, failed; best value first; name.

    The mean of the runs that survived flatters an arm whose others diverged: such an arm ranks below the stable ones.
    """
    sign = -1.0 if plan.facts.direction == "maximize" else 1.0

    def key(arm: ArmAnswer) -> tuple[int, float, str]:
        value = arm.mean if status == "confirmed" else arm.search_value
        return _group(arm, status), math.inf if value is None else sign * value, arm.arm

    return key


def _group(arm: ArmAnswer, status: Status) -> int:
    if arm.status == "failed":
        return 3
    if status != "confirmed":
        return 0
    if arm.status == "not confirmed":
        return 2
    return 1 if arm.confirm_diverged else 0


def _of(trials: Sequence[Trial], phase: str, arm: ArmPlan) -> list[Trial]:
    return sorted((t for t in trials if t.phase == phase and t.arm == arm.name), key=lambda t: t.number)


def _count(trials: Sequence[Trial], outcome: str) -> int:
    return sum(trial.outcome == outcome for trial in trials)


def _arm(plan: Plan, arm: ArmPlan, trials: Sequence[Trial]) -> ArmAnswer:
    """One arm by itself; what compares it with others comes once every confirm run has ended."""
    search, confirm = _of(trials, "search", arm), _of(trials, "confirm", arm)
    finalist = selection.finalist(search, plan.facts.direction)
    schedule = None
    if finalist is not None:
        schedule = search_space.schedule(arm.family, arm.constants, arm.parameters, finalist.params, plan.iterations)
    return ArmAnswer(
        rank=0,
        arm=arm.name,
        family=arm.family,
        status=_arm_status(finalist, search, confirm),
        params=dict(finalist.params) if finalist else {},
        schedule=schedule.to_dict() if schedule else None,
        search_value=finalist.value if finalist else None,
        search_trials=len(search),
        search_failed=_count(search, "failed"),
        search_diverged=_count(search, "diverged"),
        mean=None,
        interval=None,
        prediction=None,
        values={str(t.seed): t.value for t in confirm if t.outcome == "done" and t.value is not None},
        confirm_failed=_count(confirm, "failed"),
        confirm_diverged=_count(confirm, "diverged"),
        difference=None,
        to_target=_to_target(plan, confirm),
        seconds=sum(t.seconds for t in [*search, *confirm]),
        trials=tuple(t.number for t in confirm),
        search_trial=finalist.number if finalist else None,
    )


def _arm_status(
    finalist: Trial | None, search: Sequence[Trial], confirm: Sequence[Trial]
) -> Literal["confirmed", "not confirmed", "failed"]:
    """Confirmed: at least half of its confirm runs are done; one that lost more would take its seeds from every arm."""
    if confirm and all(trial.ended for trial in confirm):
        return "confirmed" if 2 * _count(confirm, "done") >= len(confirm) else "failed"
    searched_in_vain = finalist is None and bool(search) and all(trial.ended for trial in search)
    return "failed" if searched_in_vain else "not confirmed"


def _compared(plan: Plan, arms: Sequence[ArmAnswer]) -> list[ArmAnswer]:
    """Mean, intervals and difference of every confirmed arm, all over the same seeds."""
    confirmed = [arm for arm in arms if arm.status == "confirmed"]
    seeds = [seed for seed in confirmed[0].values if all(seed in arm.values for arm in confirmed)]
    if not seeds:
        return list(arms)
    differences = _differences(plan, confirmed, seeds)
    return [_with_figures(plan, arm, seeds, differences) if arm in confirmed else arm for arm in arms]


def _with_figures(plan: Plan, arm: ArmAnswer, seeds: Sequence[str], differences: dict[str, Difference]) -> ArmAnswer:
    summary = intervals.mean([arm.values[seed] for seed in seeds], resolution=_resolution(plan))
    figures = {
        "mean": summary.mean,
        "interval": _bounds(summary.interval),
        "prediction": _bounds(summary.prediction),
        "difference": differences.get(arm.arm),
    }
    return arm.model_copy(update=figures)


def _differences(plan: Plan, confirmed: Sequence[ArmAnswer], seeds: Sequence[str]) -> dict[str, Difference]:
    """Paired differences to the baseline, simultaneous over the arms."""
    baseline = next((arm for arm in confirmed if arm.arm == plan.baseline), None)
    others = [arm for arm in confirmed if arm is not baseline]
    if baseline is None or not others:
        return {}
    table = [[arm.values[seed] for seed in seeds] for arm in [baseline, *others]]
    found = intervals.dunnett(table, baseline=0, resolution=_resolution(plan))
    return {
        arm.arm: Difference(
            mean=d.mean, interval=_bounds(d.interval), pairs=d.pairs, identical=d.identical, note=d.note
        )
        for arm, d in zip(others, found, strict=True)
    }


def _resolution(plan: Plan) -> float | None:
    """The least step of an accuracy: one test image. It stands for the spread where runs show none."""
    size = plan.facts.test_size
    return 1 / size if size and plan.facts.metric == "accuracy" else None


def _bounds(pair: intervals.Interval | None) -> Bounds | None:
    return Bounds(low=pair.low, high=pair.high, level=pair.level) if pair else None


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
        lost = arm.confirm_failed + arm.confirm_diverged
        if not lost:
            continue
        runs = (
            f"{arm.arm}: of {len(arm.trials)} confirm runs {arm.confirm_diverged} diverged, {arm.confirm_failed} failed"
        )
        kept = arm.status == "confirmed"
        notes.append(f"{runs}; {'their seeds left the comparison of every arm' if kept else 'it was not compared'}.")
    notes += [f"{arm.arm}: {arm.difference.note}." for arm in arms if arm.difference and arm.difference.note]
    return notes
