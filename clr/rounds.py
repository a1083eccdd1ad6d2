"""A study's slots so far -> the slots of the rounds now due: pure and deterministic.

A round's slots depend on ended earlier rounds alone: the range test opens first, an arm's search round when its former
one has ended, confirm when the arms' searches have ended, in stages (`clr.analysis.stages`). An extension's rounds open
when all that was asked for before it has ended. Whoever computes a round computes the same one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from clr import plan as plans
from clr import schedules, search, search_space
from clr.analysis import peak_interval, pruning, selection, stages
from clr.plan import ArmPlan, Plan, PlannedSlot
from clr.protocol import TrialConfig
from clr.resources import RangeTestResource
from clr.results import Phase, Trial
from clr.spec import Interval, Range

History = Sequence[Sequence[search.Observed]]


def due(plan: Plan, trials: Sequence[Trial]) -> tuple[PlannedSlot, ...]:
    """Every slot of every round that is due and not among `trials`; () where nothing is.

    The parts of an extended plan come one after the other, so it makes no difference when a study was extended.
    """
    for part, mine in stages.parts(plan, trials):
        slots = _due(part, mine)
        if slots or not all(trial.ended for trial in mine):
            return slots
    return ()


def _due(plan: Plan, trials: Sequence[Trial]) -> tuple[PlannedSlot, ...]:
    """What is due in the newest part of a plan."""
    ramps = peak_interval.ramp_rounds(plan, trials)
    if (ramp := peak_interval.next_ramp(plan, ramps)) is not None:
        return _range_test(plan, len(ramps), *ramp)
    settled = peak_interval.settle(plan, ramps)
    if settled is None:
        return ()
    slots = [
        slot
        for replicate in range(plan.replicates)
        for arm in plan.arms
        for slot in _search(plan, arm, replicate, settled.interval, _of(trials, "search", arm))
    ]
    if slots or not all(_search_over(plan, arm, _of(trials, "search", arm)) for arm in plan.arms):
        return tuple(slots)
    return _confirm(plan, trials)


def over(plan: Plan, trials: Sequence[Trial]) -> bool:
    """Every slot has an outcome and nothing is due: the study ends."""
    return bool(trials) and all(trial.ended for trial in trials) and not due(plan, trials)


def planned(plan: Plan, trials: Sequence[Trial]) -> dict[tuple[Phase, str], int]:
    """Slots of each phase and arm in all, as far as it is known: reruns of the range test, failed arms, looks and
    finalists change it."""
    count: dict[tuple[Phase, str], int] = {}
    if plan.range_test is not None:
        opened = sum(trial.phase == "range-test" for trial in trials)
        count["range-test", ""] = max(len(plan.range_test.seeds), opened)
    searched = all(_search_over(plan, arm, _of(trials, "search", arm)) for arm in plan.arms)
    for arm in plan.arms:
        count["search", arm.name] = arm.trials * plan.replicates
    begun = any(trial.phase == "confirm" for trial in trials)
    for arm in plan.arms:
        in_vain = searched and selection.finalist(_of(trials, "search", arm), plan.facts.direction) is None
        opened = sum(trial.phase == "confirm" and trial.arm == arm.name for trial in trials)
        left_out = in_vain or (begun and not opened)
        target = len(plan.target_seeds) if arm.name == plan.baseline else 0
        asked = len(plan.all_confirm_seeds) * (1 + len(plan.shorter)) + target
        count["confirm", arm.name] = 0 if left_out else max(opened, asked)
    return count


def range_test(plan: Plan, trials: Sequence[Trial]) -> RangeTestResource:
    """The range test's curves, reading and interval so far; its `study` is the caller's to fill in."""
    return peak_interval.resource("", plan, trials)


def _of(trials: Sequence[Trial], phase: Phase, arm: ArmPlan) -> list[Trial]:
    found = [trial for trial in trials if trial.phase == phase and trial.arm == arm.name]
    return sorted(found, key=lambda trial: (trial.round, trial.position))


def _range_test(plan: Plan, round_: int, low: float, high: float) -> tuple[PlannedSlot, ...]:
    ramp = plan.range_test
    assert ramp is not None
    schedule = schedules.make("exponential", lr=low, gamma=(high / low) ** (1 / (ramp.iterations - 1)))
    config = plan.base.model_copy(
        update={
            "phase": "range-test",
            "iterations": ramp.iterations,
            "evaluate_every": ramp.evaluate_every,
            "schedule": schedule.to_dict(),
            "split_seed": ramp.split_seed,
        }
    )
    return tuple(
        PlannedSlot(
            phase="range-test",
            arm="",
            round=round_,
            position=k,
            number=plan.numbers.of("range-test", "", round_ * len(ramp.seeds) + k),
            params={"low": low, "high": high},
            config=config.model_copy(update={"seed": seed}),
        )
        for k, seed in enumerate(ramp.seeds)
    )


def _search_over(plan: Plan, arm: ArmPlan, trials: Sequence[Trial]) -> bool:
    return len(trials) == arm.trials * plan.replicates and all(trial.ended for trial in trials)


def _search(plan: Plan, arm: ArmPlan, replicate: int, interval: Interval, trials: Sequence[Trial]) -> list[PlannedSlot]:
    """The next search round of an arm's replicate, if its former one has ended."""
    before = replicate * len(arm.rounds)
    own = [trial for trial in trials if before <= trial.round < before + len(arm.rounds)]
    opened = len({trial.round for trial in own})
    if opened == len(arm.rounds) or not all(trial.ended for trial in own):
        return []
    space = search_space.space(arm.family, arm.constants, arm.parameters, arm.ranges, interval, plan.cycles)
    history = [[_observed(trial) for trial in own if trial.round == before + r] for r in range(opened)]
    _, seed = plan.replicate_seeds(replicate)
    told, sampler_seed = _told(plan, arm, replicate, space, history)
    points = search.suggest(
        space,
        told,
        arm.rounds[opened],
        sampler=plan.sampler,
        seed=sampler_seed,
        direction=plan.facts.direction,
        trials=arm.trials,
    )
    first = replicate * arm.trials + sum(arm.rounds[:opened])
    rungs = pruning.of_round(plan, arm, points, own)
    return [
        PlannedSlot(
            phase="search",
            arm=arm.name,
            round=before + opened,
            position=k,
            number=plan.numbers.of("search", arm.name, first + k),
            params=point,
            config=_config(plan, arm, point).model_copy(update={"seed": seed, "split_seed": seed, "rungs": rungs[k]}),
        )
        for k, point in enumerate(points)
    ]


def _told(
    plan: Plan, arm: ArmPlan, replicate: int, space: Mapping[str, Range], history: History
) -> tuple[History, int]:
    """The rounds that an arm's sampler is told of, and its seed.

    A sampler that is replayed lives in one space: in a wider one it begins anew. The others hear of every trial.
    """
    seed, _ = plan.replicate_seeds(replicate)
    widened = plan.widenings(arm.name) if "peak_lr" in space and "peak_lr" not in arm.ranges else ()
    if not widened or plan.sampler not in search.STATEFUL:
        return history, seed
    return history[widened[-1] :], plans.seeds(seed, "wider", len(widened))[-1]


def _observed(trial: Trial) -> search.Observed:
    """A search trial as its sampler is told of it."""
    if trial.outcome == "done" and trial.value is not None:
        return trial.params, trial.value
    if trial.outcome == "pruned":
        return trial.params, "pruned"
    return trial.params, None if trial.outcome == "diverged" else "failed"


def _confirm(plan: Plan, trials: Sequence[Trial]) -> tuple[PlannedSlot, ...]:
    """The stages of the confirm phase that are due: each of their arms on the same seeds."""
    return tuple(
        slot
        for stage in stages.due(plan, trials)
        for name in stage.arms
        for slot in _runs(plan, stage, plan.arm(name), trials)
    )


def _runs(plan: Plan, stage: stages.Stage, arm: ArmPlan, trials: Sequence[Trial]) -> Iterator[PlannedSlot]:
    finalist = stages.finalist(plan, trials, arm, stage.replicate)
    assert finalist is not None, "an arm without a finished search trial is in no stage"
    config = _at_length(plan, _config(plan, arm, finalist.params), stage.iterations)
    for k, seed in enumerate(stage.seeds):
        yield PlannedSlot(
            phase="confirm",
            arm=arm.name,
            round=stage.round,
            position=k,
            number=plan.numbers.of("confirm", arm.name, stage.first + k, len(plan.extensions)),
            params=dict(finalist.params),
            config=config.model_copy(update={"phase": "confirm", "seed": seed, "split_seed": seed, "test": True}),
        )


def _at_length(plan: Plan, config: TrialConfig, iterations: int) -> TrialConfig:
    """The run at another length: its schedule stretched, so that cycles keep their number, evaluated as often."""
    if iterations == plan.iterations:
        return config
    schedule = schedules.from_dict(config.schedule).stretched(iterations, of=plan.iterations)
    every = max(1, round(config.evaluate_every * iterations / plan.iterations))
    return config.model_copy(
        update={"schedule": schedule.to_dict(), "iterations": iterations, "evaluate_every": min(every, iterations)}
    )


def _config(plan: Plan, arm: ArmPlan, point: search_space.Params) -> TrialConfig:
    schedule = search_space.schedule(arm.family, arm.constants, arm.parameters, point, plan.iterations)
    return plan.base.model_copy(update={"schedule": schedule.to_dict()})
