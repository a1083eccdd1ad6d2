"""Spec and task facts -> the plan of a study (its ledger): pure.

The plan is fair by construction: every arm gets the same trials, seeds and iterations. It fixes each slot's number, so
that numbers do not depend on which worker was faster.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import Field

from clr import optimizers, schedules, search_space
from clr.errors import FieldError, InvalidSchedule
from clr.protocol import Message, TaskFacts, TrialConfig
from clr.results import Phase
from clr.spec import MAX_ITERATIONS, MAX_SLOTS, ArmSpec, Interval, Range, StudySpec

RAMP_EVALUATIONS = 120  # range-test: 20 per decade over six decades
RAMP_ITERATIONS = 1_000  # at least; or 4 epochs
RAMP_EPOCHS = 4
RAMP_RERUNS = 3  # high x 10 twice, low / 100 once
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
    parameters: dict[str, float | int | bool | str]
    ranges: dict[str, Range]
    rounds: tuple[int, ...]

    @property
    def trials(self) -> int:
        return sum(self.rounds)


class Plan(Message):
    """The ledger of a study.

    `base` is the config that every search trial shares; schedule and seeds are filled in per slot.
    `interval`: of every arm's peak rate where the user gave it; else the range test finds it.
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

    def arm(self, name: str) -> ArmPlan:
        return next(arm for arm in self.arms if arm.name == name)

    @property
    def iterations(self) -> int:
        return self.base.iterations

    @property
    def slots(self) -> int:
        """Slots of the plan, reruns of the range test aside."""
        return len(self._search()) + len(self.confirm_seeds) * len(self.arms) + self._ramps

    @property
    def training_iterations(self) -> int:
        """Iterations of all slots, reruns of the range test aside."""
        ramp = self.range_test.iterations * self._ramps if self.range_test else 0
        return ramp + (self.slots - self._ramps) * self.iterations

    @property
    def _ramps(self) -> int:
        return len(self.range_test.seeds) if self.range_test else 0

    def _search(self) -> list[tuple[int, str]]:
        """(trial of the arm, arm) in the order of their numbers: arms take turns."""
        longest = max(arm.trials for arm in self.arms)
        return [(t, arm.name) for t in range(longest) for arm in self.arms if t < arm.trials]

    def number(self, phase: Phase, arm: str, index: int) -> int:
        """A slot's number: range test from 1, then search, then confirm, then reruns of the range test; describe is 0.

        `index` counts the slots of this phase and arm over all rounds.
        """
        if phase == "describe":
            return 0
        if phase == "range-test":
            return index + 1 if index < self._ramps else self.slots + 1 + index - self._ramps
        if phase == "search":
            return self._ramps + 1 + self._search().index((index, arm))
        names = [a.name for a in self.arms]
        return self._ramps + len(self._search()) + 1 + index * len(names) + names.index(arm)


def seeds(seed: int, purpose: str, count: int) -> tuple[int, ...]:
    """Independent seeds for one purpose of a study; the k-th does not depend on count."""
    words = [seed, *purpose.encode()]
    return tuple(int(np.random.SeedSequence([*words, k]).generate_state(1)[0]) for k in range(count))


def rounds(trials: int, size: int) -> tuple[int, ...]:
    """Trials of each round: half (at most 10) first, then `size` each."""
    first = min(FIRST_ROUND, math.ceil(trials / 2))
    full, rest = divmod(trials - first, size)
    return (first, *[size] * full, *([rest] if rest else []))


def epoch_iterations(facts: TaskFacts, batch_size: int) -> int:
    """Updates of one pass over the training split; the last, smaller batch is dropped."""
    return max(1, facts.train_size // batch_size)


def iterations(spec: StudySpec, facts: TaskFacts) -> int:
    if spec.budget.iterations is not None:
        return spec.budget.iterations
    assert spec.budget.epochs is not None
    return max(1, round(spec.budget.epochs * epoch_iterations(facts, spec.batch_size)))


def make(spec: StudySpec, facts: TaskFacts) -> Plan:
    """The plan of a spec that `check` found nothing wrong with."""
    length, epoch = iterations(spec, facts), epoch_iterations(facts, spec.batch_size)
    cycles, long_enough = search_space.cycle_range(length, epoch)
    (search_seed,), (sampler_seed,) = seeds(spec.seed, "search", 1), seeds(spec.seed, "sampler", 1)
    given = spec.bounds if isinstance(spec.bounds, Interval) else None
    base = _base(spec, facts, length, search_seed)
    ramp = _range_test(spec, epoch) if given is None else None
    arms = tuple(_arm(arm, spec, given or SGD_INTERVAL, cycles) for arm in spec.arms)
    return Plan(
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
        confirm_seeds=seeds(spec.seed, "confirm", spec.confirm_seeds),
        baseline=spec.baseline_arm,
        target=spec.target,
        notes=tuple(_notes(spec, arms, length, epoch, cycles, long_enough)),
    )


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
        batch_size=spec.batch_size,
        iterations=length,
        evaluate_every=spec.evaluate_every or max(1, length // DEFAULT_EVALUATIONS),
        schedule={"family": "fixed", "lr": 1.0},
        seed=seed,
        split_seed=seed,
    )


def _range_test(spec: StudySpec, epoch: int) -> RangeTestPlan:
    asked, ramp = spec.range_test, ADAM_RAMP if _is_adam(spec) else SGD_RAMP
    length = asked.iterations or max(RAMP_ITERATIONS, RAMP_EPOCHS * epoch)
    every = max(1, math.ceil(length / RAMP_EVALUATIONS))
    (split_seed,) = seeds(spec.seed, "range-test split", 1)
    return RangeTestPlan(
        seeds=seeds(spec.seed, "range-test", asked.seeds),
        split_seed=split_seed,
        iterations=every * math.ceil(length / every),
        evaluate_every=every,
        low=asked.low or ramp.low,
        high=asked.high or ramp.high,
    )


def _is_adam(spec: StudySpec) -> bool:
    return spec.optimizer.name.startswith("adam")


def _arm(arm: ArmSpec, spec: StudySpec, interval: Interval, cycles: tuple[int, int]) -> ArmPlan:
    names = search_space.coordinates(arm.family)
    constants = {name: float(value) for name, value in arm.fixed.items() if name in names}
    parameters = {name: value for name, value in arm.fixed.items() if name not in names}
    varied = search_space.space(arm.family, constants, parameters, arm.search, interval, cycles)
    # An arm with nothing to search would train the same run again and again: one trial is its whole search.
    trials = rounds(spec.trials, spec.round_size) if varied else (1,)
    return ArmPlan(
        name=arm.name, family=arm.family, constants=constants, parameters=parameters, ranges=arm.search, rounds=trials
    )


def _notes(
    spec: StudySpec, arms: Sequence[ArmPlan], length: int, epoch: int, cycles: tuple[int, int], long_enough: bool
) -> Iterator[str]:
    cyclic = [arm.name for arm in arms if "cycles" in search_space.coordinates(arm.family)]
    if cyclic and not long_enough:
        yield (
            f"{length} iterations are {length / epoch:.3g} epochs: too short for a cycle with a step size of "
            f"2 epochs, so {', '.join(cyclic)} search {cycles[0]} to {cycles[1]} cycles."
        )
    single = [arm.name for arm in arms if arm.trials == 1]
    if single and spec.trials > 1:
        yield f"Nothing is searched in {', '.join(single)}: one search trial each."


def check(spec: StudySpec, facts: TaskFacts | None, known_tasks: Sequence[str]) -> tuple[FieldError, ...]:
    """Everything wrong with a spec's meaning, by field; () where it can run.

    Args:
        facts: of the task; None where nobody announced it or where they depend on options and are not found yet.
        known_tasks: names that workers announced.
    """
    found = [_task_error(spec, known_tasks), _size_error(spec), *_optimizer_errors(spec), *_arms_errors(spec)]
    if facts is not None and spec.task.name in known_tasks:
        found += [
            *_option_errors(spec, facts),
            *(_facts_errors(spec, facts) if facts.fixed or facts.train_size else ()),
        ]
    return tuple(error for error in found if error is not None)


def _task_error(spec: StudySpec, known: Sequence[str]) -> FieldError | None:
    if spec.task.name in known:
        return None
    names = ", ".join(sorted(known)) or "none yet"
    return FieldError(
        "/task",
        f"no worker announced a task {spec.task.name!r}; announced: {names}. "
        "A worker announces its tasks when it starts: clr worker --tasks MODULE.",
    )


def _size_error(spec: StudySpec) -> FieldError | None:
    slots = len(spec.arms) * (spec.trials + spec.confirm_seeds)
    if slots <= MAX_SLOTS:
        return None
    return FieldError(
        "/trials",
        f"{len(spec.arms)} arms of {spec.trials} search and {spec.confirm_seeds} confirm trials are "
        f"{slots:,} trials; a study has at most {MAX_SLOTS:,}",
    )


def _optimizer_errors(spec: StudySpec) -> Iterator[FieldError]:
    name, options = spec.optimizer.name, spec.optimizer.options
    if name not in optimizers.names():
        yield from (FieldError("/optimizer", detail) for detail in optimizers.check(name, {}))
        return
    wrong = [
        FieldError(f"/optimizer/options/{option}", detail)
        for option, value in options.items()
        for detail in optimizers.check(name, {option: value})
    ]
    yield from wrong
    if not wrong:  # what only the options together break
        yield from (FieldError("/optimizer/options", detail) for detail in optimizers.check(name, options))


def _option_errors(spec: StudySpec, facts: TaskFacts) -> Iterator[FieldError]:
    known = facts.options_schema.get("properties", {})
    for name in spec.task.options:
        if name not in known:
            yield FieldError(
                f"/task/options/{name}", f"{facts.name} has no such option; it has: {', '.join(known) or 'none'}"
            )
    for name in facts.options_schema.get("required", []):
        if name not in spec.task.options:
            yield FieldError(
                f"/task/options/{name}", f"{facts.name} needs it: {known[name].get('description', 'see its schema')}"
            )


def _facts_errors(spec: StudySpec, facts: TaskFacts) -> Iterator[FieldError]:
    if spec.model is not None and spec.model.name not in facts.models:
        yield FieldError("/model", f"{facts.name} has no model {spec.model.name!r}; it has: {', '.join(facts.models)}")
    if spec.batch_size > facts.train_size:
        yield FieldError(
            "/batch_size", f"must not be above the training split's {facts.train_size} examples, got {spec.batch_size}"
        )
    length = iterations(spec, facts)
    if length > MAX_ITERATIONS:
        yield FieldError(
            "/budget/epochs", f"{spec.budget.epochs} epochs are {length:,} iterations; at most {MAX_ITERATIONS:,}"
        )
    if spec.evaluate_every is not None and spec.evaluate_every > length:
        yield FieldError(
            "/evaluate_every", f"must not be above the run's {length} iterations, got {spec.evaluate_every}"
        )
    for index, arm in enumerate(spec.arms):
        yield from _schedule_errors(f"/arms/{index}", arm, spec, length, epoch_iterations(facts, spec.batch_size))


def _arms_errors(spec: StudySpec) -> Iterator[FieldError]:
    names = [arm.name for arm in spec.arms]
    for index, arm in enumerate(spec.arms):
        if arm.name in names[:index]:
            yield FieldError(f"/arms/{index}/name", f"another arm has the name {arm.name!r} already: give each its own")
        if arm.family not in schedules.names():
            yield FieldError(
                f"/arms/{index}/family", f"no schedule family {arm.family!r}; known: {', '.join(schedules.names())}"
            )
        else:
            yield from _key_errors(f"/arms/{index}", arm)
    if spec.baseline and spec.baseline not in names:
        yield FieldError("/baseline", f"no arm has the name {spec.baseline!r}; arms: {', '.join(names)}")


def _key_errors(pointer: str, arm: ArmSpec) -> Iterator[FieldError]:
    own = list(schedules.json_schema(arm.family)["properties"])
    coordinates = search_space.coordinates(arm.family)
    for name in arm.fixed:
        if name not in own and name not in coordinates:
            known = ", ".join([*own, *coordinates])
            yield FieldError(f"{pointer}/fixed/{name}", f"{arm.family} has no such parameter; it has: {known}")
    for name in arm.search:
        if name not in coordinates:
            yield FieldError(
                f"{pointer}/search/{name}",
                f"{arm.family} can't search it; it can search: {', '.join(coordinates) or 'nothing'}",
            )
        elif name in arm.fixed or name in search_space.replaced(arm.family, arm.fixed):
            yield FieldError(f"{pointer}/search/{name}", "is fixed in the same arm: fix it or search it")
    for name in search_space.replaced(arm.family, arm.fixed) & set(arm.fixed):
        yield FieldError(f"{pointer}/fixed/{name}", "and the parameter that it stands for are both fixed: give one")
    if not coordinates and (
        missing := [name for name in schedules.json_schema(arm.family)["required"] if name not in arm.fixed]
    ):
        yield FieldError(
            f"{pointer}/fixed", f"{arm.family} has no default search: fix its parameters; missing: {', '.join(missing)}"
        )


def _schedule_errors(pointer: str, arm: ArmSpec, spec: StudySpec, length: int, epoch: int) -> Iterator[FieldError]:
    """Builds the arm's schedule at the corners of its space: what no point can satisfy is found before any work."""
    if arm.family not in schedules.names() or list(_key_errors(pointer, arm)):
        return
    interval = spec.bounds if isinstance(spec.bounds, Interval) else SGD_INTERVAL
    cycles, _ = search_space.cycle_range(length, epoch)
    try:
        plan = _arm(arm, spec, interval, cycles)
        for corner in _corners(
            search_space.space(arm.family, plan.constants, plan.parameters, arm.search, interval, cycles)
        ):
            search_space.schedule(arm.family, plan.constants, plan.parameters, corner, length)
    except InvalidSchedule as error:
        where = f"fixed/{error.parameter}" if error.parameter in arm.fixed else _blamed(arm, error.parameter)
        yield FieldError(f"{pointer}/{where}", f"{error.rule}, got {error.value!r}")
        return
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        yield FieldError(f"{pointer}/fixed", f"no schedule can be made of these values: {error}")
        return
    cycle = 2 * float(arm.fixed.get("step_size", 0)) if "cycles" in search_space.coordinates(arm.family) else 0
    if cycle > length:
        yield FieldError(
            f"{pointer}/fixed/step_size",
            f"a cycle of 2 x {arm.fixed['step_size']} iterations is longer than the run's {length}",
        )


def _blamed(arm: ArmSpec, parameter: str) -> str:
    """Where a wrong own parameter came from: the coordinate that sets it."""
    known = search_space.COORDINATES.get(arm.family)
    names = [c for c, own in known.stands_for.items() if own == parameter] if known else []
    for name in names:
        if name in arm.fixed or name in arm.search:
            return f"{'fixed' if name in arm.fixed else 'search'}/{name}"
    return "fixed"


def _corners(space: Mapping[str, Range]) -> Iterator[dict[str, float]]:
    ends = [sorted({*r.choices}) if r.choices else [r.low, r.high] for r in space.values()]
    for values in itertools.islice(itertools.product(*ends), 4096):
        yield dict(zip(space, values, strict=True))  # type: ignore[arg-type]
