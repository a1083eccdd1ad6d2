"""Spec and task facts -> the plan of a study (its ledger): pure.

The plan is fair by construction: every arm gets the same trials, seeds and iterations. It fixes each slot's number
(`clr.plan.numbers`).
"""

from __future__ import annotations

import itertools
import math
from functools import cached_property
from typing import Any, Literal

import numpy as np
from pydantic import Field

from clr import optimizers, search_space
from clr.plan import notes
from clr.plan.numbers import Numbers
from clr.protocol import Message, TaskFacts, TrialConfig
from clr.results import Phase, Trial
from clr.spec import ArmSpec, Interval, Range, StudySpec

RAMP_EVALUATIONS = 120  # range-test: 20 per decade over six decades
RAMP_ITERATIONS = 1_000  # at least; or 4 epochs
RAMP_EPOCHS = 4
DEFAULT_EVALUATIONS = 20
FIRST_ROUND = 10  # the random part of a search: half of the trials, at most this

SGD_RAMP, SGD_INTERVAL = Interval(low=1e-5, high=10.0), Interval(low=1e-3, high=1.0)
ADAM_RAMP, ADAM_INTERVAL = Interval(low=1e-6, high=1.0), Interval(low=1e-5, high=1e-2)


class PlannedSlot(Message):
    """A slot as it is written when its round opens."""

    phase: Phase
    arm: str
    round: int
    position: int
    number: int
    params: dict[str, Any] = Field(default_factory=dict)
    config: TrialConfig

    def trial(self, **found: Any) -> Trial:
        """The trial of this slot; `found`: what came of it, as fields of `Trial`. Without any it is open."""
        return Trial(
            number=self.number,
            phase=self.phase,
            arm=self.arm,
            round=self.round,
            position=self.position,
            params=self.params,
            seed=self.config.seed,
            split_seed=self.config.split_seed,
            iterations=self.config.iterations,
            **found,
        )


class RangeTestPlan(Message):
    """Three seeds of one ramp; all validate on the same split."""

    seeds: tuple[int, ...]
    split_seed: int
    iterations: int
    evaluate_every: int
    low: float
    high: float


class ArmPlan(Message):
    """What one arm may use. `rounds`: trials of each search round."""

    name: str
    family: str
    constants: dict[str, float]
    parameters: dict[str, Any]
    ranges: dict[str, Range]
    rounds: tuple[int, ...]

    @property
    def trials(self) -> int:
        return sum(self.rounds)


class PlanExtension(Message):
    """What was added to a plan after it was made.

    rounds: search trials of each arm's added rounds, which its `ArmPlan.rounds` hold, too. seeds: added confirm seeds.
    interval: of every arm's peak rate from these rounds on; None: as before.
    """

    rounds: dict[str, tuple[int, ...]]
    seeds: tuple[int, ...] = ()
    interval: Interval | None = None


class Plan(Message):
    """The ledger of a study.

    `base` is the config that every search trial shares; schedule and seeds are filled in per slot.
    `interval`: of every arm's peak rate where the user gave it; else the range test finds it.
    `confirm_seeds`: as submitted; those that were added later are in `extensions`.
    """

    facts: TaskFacts
    base: TrialConfig
    epoch_iterations: int
    range_test: RangeTestPlan | None
    interval: Interval | None
    default_interval: Interval
    arms: tuple[ArmPlan, ...]
    cycles: tuple[int, int]
    sampler: str
    sampler_seed: int
    search_seed: int
    confirm_seeds: tuple[int, ...]
    baseline: str
    target: float | None
    notes: tuple[str, ...]
    margin: float | None = None
    confirm: Literal["all", "finalists"] = "all"
    looks: tuple[int, ...] = ()
    final_seeds: tuple[int, ...] = ()
    lengths: tuple[float, ...] = ()
    target_seeds: tuple[int, ...] = ()
    replicates: int = 1
    pruner: Literal["none", "median", "asha"] = "none"
    extensions: tuple[PlanExtension, ...] = ()

    def arm(self, name: str) -> ArmPlan:
        return next(arm for arm in self.arms if arm.name == name)

    @property
    def iterations(self) -> int:
        return self.base.iterations

    @property
    def seeds_each(self) -> int:
        """Confirm seeds of an arm in each replicate."""
        return len(self.confirm_seeds) // self.replicates

    @property
    def planned_looks(self) -> tuple[int, ...]:
        """Seeds at which the confirmed values are looked at; the last is the number of all seeds."""
        return self.looks or (self.seeds_each,)

    @property
    def shorter(self) -> tuple[int, ...]:
        """The lengths below the study's own [iterations]."""
        return tuple(iterations_at(length, self.iterations) for length in self.lengths if length < 1)

    @property
    def slots(self) -> int:
        """Slots of the plan at most, reruns of the range test aside."""
        return self.numbers.slots

    @property
    def all_confirm_seeds(self) -> tuple[int, ...]:
        """Those of every extension included."""
        return (*self.confirm_seeds, *(seed for extension in self.extensions for seed in extension.seeds))

    def after(self, part: int) -> Plan:
        """The plan as it was after its first `part` extensions; 0: as it was submitted."""
        later = self.extensions[part:]
        if not later:
            return self
        added = {arm.name: sum(len(extension.rounds.get(arm.name, ())) for extension in later) for arm in self.arms}
        arms = tuple(
            arm.model_copy(update={"rounds": arm.rounds[: len(arm.rounds) - added[arm.name]]}) for arm in self.arms
        )
        return self.changed(arms=arms, extensions=self.extensions[:part])

    def changed(self, **fields: Any) -> Plan:
        """The plan with other values of these fields; unlike `model_copy` it takes over nothing that was derived."""
        return Plan(**{name: getattr(self, name) for name in Plan.model_fields} | fields)

    def widenings(self, arm: str) -> tuple[int, ...]:
        """Search rounds of an arm from which on every arm's peak rate was searched in a wider interval."""
        first, found = len(self.after(0).arm(arm).rounds), []
        for extension in self.extensions:
            found += [first] if extension.interval is not None else []
            first += len(extension.rounds.get(arm, ()))
        return tuple(found)

    def replicate_seeds(self, replicate: int) -> tuple[int, int]:
        """Of a replicate's sampler, and of its search trials."""
        if replicate == 0:
            return self.sampler_seed, self.search_seed
        sampler, search = (seeds(of, "replicate", replicate)[-1] for of in (self.sampler_seed, self.search_seed))
        return sampler, search

    @property
    def training_iterations(self) -> int:
        """Iterations of all slots, reruns of the range test aside."""
        ramps = self._ramps * self.range_test.iterations if self.range_test else 0
        stretched = len(self.arms) * sum(map(self._seeds_after, range(len(self.extensions) + 1)))
        whole = self.slots - self._ramps - stretched * len(self.shorter)
        return ramps + whole * self.iterations + stretched * sum(self.shorter)

    @property
    def _ramps(self) -> int:
        return len(self.range_test.seeds) if self.range_test else 0

    def _seeds_after(self, part: int) -> int:
        """Confirm seeds of an arm, once so many extensions are made: all of them where its finalist has changed."""
        return len(self.confirm_seeds) + sum(len(extension.seeds) for extension in self.extensions[:part])

    @cached_property
    def numbers(self) -> Numbers:
        """Of the slots. An arm's numbers in confirm, in order: its seeds, the final ones, its seeds at each shorter
        length, the target's, whether or not all of them are run."""
        parts = range(len(self.extensions) + 1)
        submitted = self.after(0)
        added = [[sum(extension.rounds.get(arm.name, ())) for arm in self.arms] for extension in self.extensions]
        beside = len(self.final_seeds) + len(self.target_seeds)
        return Numbers(
            ramps=self._ramps,
            arms=tuple(arm.name for arm in self.arms),
            trials=(tuple(arm.trials * self.replicates for arm in submitted.arms), *map(tuple, added)),
            confirm=tuple((1 + len(self.shorter)) * self._seeds_after(part) + beside for part in parts),
        )


def seeds(seed: int, purpose: str, count: int) -> tuple[int, ...]:
    """Independent seeds for one purpose of a study, all different; the k-th does not depend on count."""
    found: dict[int, None] = {}
    for k in itertools.count():
        if len(found) == count:
            return tuple(found)
        found[int(np.random.SeedSequence([seed, *purpose.encode(), k]).generate_state(1)[0])] = None
    raise AssertionError("the count has no end")


def rounds(trials: int, size: int) -> tuple[int, ...]:
    """Trials of each round: half (at most 10) first, then `size` each."""
    first = min(FIRST_ROUND, math.ceil(trials / 2))
    full, rest = divmod(trials - first, size)
    return (first, *[size] * full, *([rest] if rest else []))


def iterations_at(length: float, iterations: int) -> int:
    """A share of a run, in iterations: at least one."""
    return max(1, round(length * iterations))


def epoch_iterations(facts: TaskFacts, batch_size: int) -> int:
    """Updates of one pass over the training split; the last, smaller batch is dropped. A script says it itself."""
    if facts.updates_per_epoch is not None:
        return facts.updates_per_epoch
    return max(1, facts.train_size // batch_size)


def iterations(spec: StudySpec, facts: TaskFacts) -> int:
    if spec.budget.iterations is not None:
        return spec.budget.iterations
    assert spec.budget.epochs is not None
    return max(1, round(spec.budget.epochs * epoch_iterations(facts, spec.batch_size)))


def make(spec: StudySpec, facts: TaskFacts) -> Plan:
    """The plan of a spec that `check` found nothing wrong with."""
    length, epoch = iterations(spec, facts), epoch_iterations(facts, spec.batch_size)
    cycles, _ = search_space.cycle_range(length, epoch)
    (search_seed,), (sampler_seed,) = seeds(spec.seed, "search", 1), seeds(spec.seed, "sampler", 1)
    given = spec.bounds if isinstance(spec.bounds, Interval) else None
    base = _base(spec, facts, length, search_seed)
    ramp = _range_test(spec, epoch) if given is None else None
    arms = tuple(arm_plan(arm, spec, given or SGD_INTERVAL, cycles) for arm in spec.arms)
    plan = Plan(
        facts=facts,
        base=base,
        epoch_iterations=epoch,
        range_test=ramp,
        interval=given,
        default_interval=ADAM_INTERVAL if _is_adam(spec) else SGD_INTERVAL,
        arms=arms,
        cycles=cycles,
        sampler=spec.sampler,
        sampler_seed=sampler_seed,
        search_seed=search_seed,
        confirm_seeds=seeds(spec.seed, "confirm", spec.confirm_seeds * spec.replicates),
        baseline=spec.baseline_arm,
        target=spec.target,
        notes=(),
        margin=spec.margin,
        confirm=spec.confirm,
        looks=spec.looks,
        final_seeds=seeds(spec.seed, "final", spec.final_seeds),
        lengths=spec.lengths,
        target_seeds=seeds(spec.seed, "target", spec.target_seeds),
        replicates=spec.replicates,
        pruner=spec.pruner,
    )
    return plan.changed(notes=notes.of(plan, spec.trials))


def describe_slot(spec: StudySpec) -> PlannedSlot:
    """The first slot of a study whose task's facts depend on its options: the worker that runs it finds them."""
    config = TrialConfig(
        phase="describe",
        task=spec.task.name,
        task_options=spec.task.options,
        model="-",
        optimizer=spec.optimizer.name,
        batch_size=spec.batch_size,
        iterations=1,
        evaluate_every=1,
        schedule={"family": "fixed", "lr": 1.0},
        seed=0,
        split_seed=0,
    )
    return PlannedSlot(phase="describe", arm="", round=0, position=0, number=0, config=config)


def _base(spec: StudySpec, facts: TaskFacts, length: int, seed: int) -> TrialConfig:
    model = spec.model.name if spec.model else facts.default_model
    return TrialConfig(
        phase="search",
        task=spec.task.name,
        task_options=spec.task.options,
        model=model,
        model_options=spec.model.options if spec.model else {},
        optimizer=spec.optimizer.name,
        optimizer_options=spec.optimizer.options,
        training=spec.training,
        batch_size=spec.batch_size,
        iterations=length,
        evaluate_every=spec.evaluate_every or max(1, length // DEFAULT_EVALUATIONS),
        schedule={"family": "fixed", "lr": 1.0},
        seed=seed,
        split_seed=seed,
    )


def _range_test(spec: StudySpec, epoch: int) -> RangeTestPlan:
    asked, (low, high) = spec.range_test, ramp_ends(spec)
    length = asked.iterations or max(RAMP_ITERATIONS, RAMP_EPOCHS * epoch)
    every = max(1, math.ceil(length / RAMP_EVALUATIONS))
    (split_seed,) = seeds(spec.seed, "range-test split", 1)
    return RangeTestPlan(
        seeds=seeds(spec.seed, "range-test", asked.seeds),
        split_seed=split_seed,
        iterations=every * math.ceil(length / every),
        evaluate_every=every,
        low=low,
        high=high,
    )


def ramp_ends(spec: StudySpec) -> tuple[float, float]:
    """First and last rate of the range test's ramp."""
    default = ADAM_RAMP if _is_adam(spec) else SGD_RAMP
    return spec.range_test.low or default.low, spec.range_test.high or default.high


def _is_adam(spec: StudySpec) -> bool:
    return optimizers.normalises(spec.optimizer.name)


def arm_plan(arm: ArmSpec, spec: StudySpec, interval: Interval, cycles: tuple[int, int]) -> ArmPlan:
    names = search_space.coordinates(arm.family)
    constants = {name: float(value) for name, value in arm.fixed.items() if name in names}
    parameters = {name: value for name, value in arm.fixed.items() if name not in names}
    varied = search_space.space(arm.family, constants, parameters, arm.search, interval, cycles)
    # An arm with nothing to search would train the same run again and again: one trial is its whole search.
    trials = rounds(spec.trials, spec.round_size) if varied else (1,)
    return ArmPlan(
        name=arm.name, family=arm.family, constants=constants, parameters=parameters, ranges=arm.search, rounds=trials
    )
