"""What a study says: arms ranked by confirmed test metric, with evidence. From plan and trials alone.

Bounds and parameters were chosen on validation data; what is reported here was measured once on test data, on seeds
that the search never saw, the same for every arm. A result that favours the baseline is reported the same way.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any, Literal

from clr import optimizers, recipe, search_space
from clr.analysis import (
    accounts,
    confirmed,
    confounds,
    decision,
    device_kinds,
    edges,
    extensions,
    intervals,
    lengths,
    peak_interval,
    price,
    reaching,
    selection,
    stages,
    target,
    tuning,
    verdict,
)
from clr.analysis.decision import Decision
from clr.analysis.intervals import clopper_pearson
from clr.analysis.peak_interval import PeakInterval
from clr.plan import ArmPlan, Plan
from clr.resources import (
    Answer,
    AnswerStatus,
    ArmAnswer,
    BestSchedule,
    Bounds,
    Confounds,
    Difference,
    Reported,
    Settings,
    Share,
)
from clr.results import Trial
from clr.spec import Interval


def answer(study: str, plan: Plan, trials: Sequence[Trial], *, ended: bool = False) -> Answer:
    """The answer so far.

    Args:
        study: its id. plan: its ledger. trials: its slots; range-test and confirm trials with their curves.
        ended: the study is over: no slot opens any more.

    provisional: the study goes on; arms are ranked by the best validation value of their search, "not confirmed", no
    verdict, and no confirm figure: a look before the last seed would be one more chance to find a winner.
    screen-only: the same of a study that is over, or was cancelled, before its confirm phase was.
    confirmed: every confirm run has ended; ranked by mean test metric over the seeds that all confirmed arms have, arms
    with a diverged confirm run below the rest.
    """
    asked = len(plan.extensions)
    plan, trials = stages.answered(plan, trials)
    settled = peak_interval.settle(plan, peak_interval.ramp_rounds(plan, trials))
    interval = settled.interval if settled is not None else None
    arms = _told_apart(plan, [_arm(study, plan, arm, trials, interval) for arm in plan.arms])
    status = _status_of(plan, trials, arms, ended=ended)
    settings = _settings(plan, settled)
    made = decision.decide(plan, trials) if status == "confirmed" else Decision(decision.SCREENED)
    ranked = _ranked(plan, arms, trials, status, made)
    ladder = lengths.rankings(plan, trials, made.names) if status == "confirmed" else ()
    reported = _reported(plan, made, ranked, trials)
    ledger = accounts.ledger(plan, trials)
    notes = [*_plan_notes(plan, trials, ranked, settled), *lengths.notes(plan, ladder), *_kinds(plan, trials, status)]
    return Answer(
        study=study,
        status=status,
        metric=plan.facts.metric,
        direction=plan.facts.direction,
        baseline=plan.baseline,
        sentence=verdict.sentence(plan, trials, ranked, status, made, reported),
        arms=tuple(ranked),
        best=_best(study, settings, next((arm for arm in ranked if arm.arm == made.arm), ranked[0])),
        target=target.of_baseline(plan, trials) if status == "confirmed" else plan.target,
        target_reason=target.why_none(plan, trials, confirmed_all=status == "confirmed"),
        iterations=plan.iterations,
        notes=(*notes, *extensions.notes(plan, trials, asked, status)),
        settings=settings,
        action=made.action,
        recommended=made.arm,
        loss=made.loss,
        margin=decision.margin(plan),
        best_set=made.members,
        equivalent=made.among,
        level=made.level,
        identical=made.identical,
        noisy=made.noisy,
        ledger=ledger,
        unequal=accounts.unequal(plan) or accounts.starved(plan, trials, made.names),
        price=price.of(study, plan, made, ranked, trials, interval) if interval else None,
        reported=reported,
        lengths=ladder,
        crossings=lengths.crossings(ladder),
        replicates=plan.replicates,
        looks=plan.planned_looks,
        extensions=len(plan.extensions),
    )


NOT_YET: dict[str, Any] = {
    "values": {},
    "final_values": {},
    "to_target": None,
    "confirm_validation": None,
    "shrinkage": None,
}
"""What a confirm phase that is not over does not show."""


def _ranked(
    plan: Plan, arms: Sequence[ArmAnswer], trials: Sequence[Trial], status: AnswerStatus, made: Decision
) -> list[ArmAnswer]:
    """The arms by rank, with their confirm figures where these may be shown."""
    if status == "confirmed":
        arms = reaching.with_target(plan, [_with_figures(plan, arm, made) for arm in arms], trials)
    else:
        arms = [arm.model_copy(update=NOT_YET) for arm in arms]
    return [arm.model_copy(update={"rank": k + 1}) for k, arm in enumerate(sorted(arms, key=_order(plan, status)))]


def _status_of(plan: Plan, trials: Sequence[Trial], arms: Sequence[ArmAnswer], *, ended: bool) -> AnswerStatus:
    runs = [trial for trial in trials if trial.phase == "confirm"]
    whole = bool(runs) and all(trial.outcome in ("done", "diverged", "failed") for trial in runs)
    if whole and not stages.due(plan, trials) and any(arm.status == "confirmed" for arm in arms):
        return "confirmed"
    over = ended or any(trial.outcome == "cancelled" for trial in trials)
    return "screen-only" if over else "provisional"


def _settings(plan: Plan, settled: PeakInterval | None) -> Settings:
    base = plan.base
    return Settings(
        task=base.task,
        task_options=base.task_options,
        model=base.model,
        model_options=base.model_options,
        optimizer=base.optimizer,
        optimizer_options=optimizers.complete(base.optimizer, base.optimizer_options),
        training=base.training,
        batch_size=base.batch_size,
        iterations=plan.iterations,
        epochs=plan.iterations / plan.epoch_iterations,
        trials=max(arm.trials for arm in plan.arms),
        sampler=plan.sampler,
        seeds=len(plan.all_confirm_seeds) // plan.replicates,
        low=settled.interval.low if settled else None,
        high=settled.interval.high if settled else None,
        source=settled.source if settled else None,
        self_trained=plan.facts.updates_per_epoch is not None,
        confirmed_on="test" if plan.facts.test_size else "validation",
    )


def _order(plan: Plan, status: AnswerStatus) -> Callable[[ArmAnswer], tuple[int, float, str]]:
    """Sort key: confirmed and stable, confirmed with a diverged run, not confirmed, failed; best value first; name.

    The mean of the runs that survived flatters an arm whose others diverged: such an arm ranks below the stable ones.
    """
    sign = -1.0 if plan.facts.direction == "maximize" else 1.0

    def key(arm: ArmAnswer) -> tuple[int, float, str]:
        value = arm.mean if status == "confirmed" else arm.search_value
        return _group(arm, status), math.inf if value is None else sign * value, arm.arm

    return key


def _group(arm: ArmAnswer, status: AnswerStatus) -> int:
    if arm.status == "failed":
        return 3
    if status != "confirmed":
        return 0
    if arm.status == "not confirmed":
        return 2
    return 1 if arm.confirm_diverged else 0


def _of(trials: Sequence[Trial], phase: str, arm: ArmPlan) -> list[Trial]:
    return sorted((t for t in trials if t.phase == phase and t.arm == arm.name), key=lambda t: t.number)


def _arm(study: str, plan: Plan, arm: ArmPlan, trials: Sequence[Trial], interval: Interval | None) -> ArmAnswer:
    """One arm by itself; what compares it with others comes once every confirm run has ended."""
    search, confirm = _of(trials, "search", arm), confirmed.runs(plan, trials, arm.name)
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
        search_failed=confirmed.count(search, "failed"),
        search_diverged=confirmed.count(search, "diverged"),
        mean=None,
        interval=None,
        prediction=None,
        values=confirmed.values(confirm),
        confirm_failed=confirmed.count(confirm, "failed"),
        confirm_diverged=confirmed.count(confirm, "diverged"),
        difference=None,
        to_target=None,
        seconds=sum(t.seconds for t in [*search, *confirm, *confirmed.superseded(plan, trials, arm.name)]),
        trials=tuple(t.number for t in confirm),
        search_trial=finalist.number if finalist else None,
        diverged=_share(confirm, "diverged"),
        failed=_share(confirm, "failed"),
        final_values=confirmed.values(confirmed.final_runs(plan, trials, arm.name)),
        edges=edges.flags(study, plan, arm, finalist.params, interval) if finalist and interval else (),
        confounds=confounds.of(plan, schedule) if schedule else None,
        tuning=tuning.curve(plan, search),
        **_shrunk(plan, finalist, confirm),
    )


def _told_apart(plan: Plan, arms: Sequence[ArmAnswer]) -> list[ArmAnswer]:
    """The arms, each with what sets it apart from the baseline besides its shape."""
    own = {arm.arm: arm.confounds for arm in arms}
    baseline = own[plan.baseline]
    return [
        arm.model_copy(update={"confounds": _apart(plan, arm.confounds, baseline)}) if arm.arm != plan.baseline else arm
        for arm in arms
    ]


def _apart(plan: Plan, arm: Confounds | None, baseline: Confounds | None) -> Confounds | None:
    if arm is None or baseline is None:
        return arm
    return arm.model_copy(update={"differences": confounds.in_words(arm, baseline, plan.baseline)})


def _share(confirm: Sequence[Trial], outcome: Literal["diverged", "failed"]) -> Share | None:
    ended = [trial for trial in confirm if trial.ended]
    if not ended:
        return None
    count = confirmed.count(ended, outcome)
    found = clopper_pearson(count, len(ended))
    return Share(count=count, of=len(ended), interval=Bounds(low=found.low, high=found.high, level=found.level))


def _shrunk(plan: Plan, finalist: Trial | None, confirm: Sequence[Trial]) -> dict[str, float | None]:
    """What is left of the search's best value on fresh seeds, on the same kind of data: validation at the end."""
    last = [
        trial.curve[-1].metrics[plan.facts.metric]
        for trial in confirm
        if trial.outcome == "done" and trial.curve and plan.facts.metric in trial.curve[-1].metrics
    ]
    if not last or finalist is None or finalist.value is None:
        return {}
    sign = 1.0 if plan.facts.direction == "maximize" else -1.0
    return {"confirm_validation": fmean(last), "shrinkage": sign * (finalist.value - fmean(last))}


def _arm_status(
    finalist: Trial | None, search: Sequence[Trial], confirm: Sequence[Trial]
) -> Literal["confirmed", "not confirmed", "failed"]:
    """Confirmed: at least half of its confirm runs are done; one that lost more would take its seeds from every arm.

    Failed says something of the arm's runs: one whose slots were cancelled has not failed.
    """
    if confirm and all(trial.ended for trial in confirm):
        if confirmed.holds(confirm):
            return "confirmed"
        return "not confirmed" if confirmed.count(confirm, "cancelled") else "failed"
    lost = confirmed.count(search, "failed") + confirmed.count(search, "diverged")
    searched_in_vain = finalist is None and bool(search) and lost == len(search)
    return "failed" if searched_in_vain else "not confirmed"


def _with_figures(plan: Plan, arm: ArmAnswer, made: Decision) -> ArmAnswer:
    """Mean, intervals and difference of a confirmed arm, over the seeds that every confirmed arm has."""
    if arm.arm not in made.names or not made.seeds:
        return arm
    summary = intervals.mean([made.values[arm.arm][seed] for seed in made.seeds], resolution=decision.resolution(plan))
    figures = {
        "mean": summary.mean,
        "interval": _bounds(summary.interval),
        "prediction": _bounds(summary.prediction),
        "difference": _difference(arm.arm, made),
    }
    return arm.model_copy(update=figures)


def _reported(plan: Plan, made: Decision, arms: Sequence[ArmAnswer], trials: Sequence[Trial]) -> Reported | None:
    """The recommended arm on final seeds where there are any, else on the seeds that it was chosen by."""
    arm = next((arm for arm in arms if arm.arm == made.arm), None)
    if arm is None:
        return None
    final = confirmed.final_runs(plan, trials, arm.arm)
    values = arm.final_values or {seed: made.values[arm.arm][seed] for seed in made.seeds}
    summary = intervals.mean(list(values.values()), resolution=decision.resolution(plan))
    return Reported(
        arm=arm.arm,
        mean=summary.mean,
        interval=_bounds(summary.interval),
        prediction=_bounds(summary.prediction),
        values=values,
        of=len(final) if arm.final_values else len(values),
        fresh=bool(arm.final_values),
    )


def _difference(arm: str, made: Decision) -> Difference | None:
    """To the baseline: the intervals that the answer rests on, and those of both tables."""
    if made.found is None or arm == made.names[made.found.baseline]:
        return None
    others = [name for k, name in enumerate(made.names) if k != made.found.baseline]
    row = others.index(arm)
    used, pooled, separate = (table[row] for table in (made.found.differences, made.found.pooled, made.found.separate))
    return Difference(
        mean=used.mean,
        interval=_bounds(used.interval),
        pairs=used.pairs,
        identical=used.identical,
        note=used.note,
        pooled=_bounds(pooled.interval),
        separate=_bounds(separate.interval),
        correlation=made.found.correlations[row],
    )


def _bounds(pair: intervals.Interval | None) -> Bounds | None:
    return Bounds(low=pair.low, high=pair.high, level=pair.level) if pair else None


def _best(study: str, settings: Settings, first: ArmAnswer) -> BestSchedule | None:
    if first.schedule is None:
        return None
    text = recipe.snippet(settings, first.schedule, study=study, arm=first.arm)
    return BestSchedule(arm=first.arm, schedule=first.schedule, snippet=text)


def _plan_notes(
    plan: Plan,
    trials: Sequence[Trial],
    arms: Sequence[ArmAnswer],
    settled: PeakInterval | None,
) -> list[str]:
    """What pruning saved, and what is to be known of bounds and arms."""
    return [*filter(None, [accounts.saved(accounts.ledger(plan, trials))]), *_notes(plan, arms, settled)]


def _kinds(plan: Plan, trials: Sequence[Trial], status: AnswerStatus) -> Sequence[str]:
    """That arms were confirmed on different kinds of device, once they are."""
    return device_kinds.notes(plan, trials) if status == "confirmed" else ()


def _notes(plan: Plan, arms: Sequence[ArmAnswer], settled: PeakInterval | None) -> list[str]:
    notes = [*plan.notes, *(settled.notes if settled else ())]
    if plan.replicates > 1:
        notes.append("Each arm's schedule is that of its replicate with the best validation value.")
    for arm in arms:
        if arm.search_failed:
            notes.append(f"{arm.arm}: {arm.search_failed} of {arm.search_trials} search trials failed: searched less.")
        lost = arm.confirm_failed + arm.confirm_diverged
        if not lost:
            continue
        runs = (
            f"{arm.arm}: of {len(arm.trials)} confirm runs {arm.confirm_diverged} diverged, {arm.confirm_failed} failed"
        )
        kept = arm.status == "confirmed"
        notes.append(f"{runs}; {'their seeds left the comparison of every arm' if kept else 'it was not compared'}.")
    notes += [f"{arm.arm}: {arm.difference.note}." for arm in arms if arm.difference and arm.difference.note]
    notes += [flag.advice for arm in arms for flag in arm.edges]
    return notes
