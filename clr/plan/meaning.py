"""Everything that is wrong with a spec's meaning, by field, before any work starts: pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from clr import optimizers, sampler_process, schedules, search_space
from clr.errors import FieldError, InvalidSchedule
from clr.plan import ledger, task_options
from clr.protocol import TaskFacts
from clr.spec import MAX_ITERATIONS, MAX_SLOTS, ArmSpec, Interval, Range, StudySpec
from clr.tasks.models import registry as model_registry

MIN_RAMP = 10.0  # highest / lowest rate of a range test: less holds no rise and no edge
CONFIGURATION_OPTIONS = ("confirm", "looks", "final_seeds", "lengths", "target_seeds")
UNKNOWN_LENGTH = 10_000  # stands for a run's length while the task's size is not known


def check(spec: StudySpec, facts: TaskFacts | None, known_tasks: Sequence[str]) -> tuple[FieldError, ...]:
    """Everything wrong with a spec's meaning, by field; () where it can run.

    Args:
        facts: of the task; None where nobody announced it. Where they depend on options (fixed=False, sizes 0) the
            checks that need sizes wait until a describe slot has found them.
        known_tasks: names that workers announced.
    """
    found = [
        *_task(spec, known_tasks),
        *_size(spec),
        *_optimizer(spec),
        *_ramp(spec),
        *_names(spec),
        *_sampler(spec),
        *_confirm(spec),
    ]
    sized = facts is not None and (facts.train_size > 0 or facts.updates_per_epoch is not None)
    if facts is not None and spec.task.name in known_tasks:
        found += [*task_options.check(spec.task.options, facts), *_fractions(spec, facts)]
        found += [*_against_facts(spec, facts)] if sized or facts.fixed else []
    length = ledger.iterations(spec, facts) if facts is not None and sized else spec.budget.iterations
    epoch = ledger.epoch_iterations(facts, spec.batch_size) if facts is not None and sized else 1
    for index, arm in enumerate(spec.arms):
        found += _arm(f"/arms/{index}", arm, spec, length, epoch)
    found += _lengths(spec, length)
    lengths = [error for error in found if error.pointer == "/lengths"]
    return tuple(error for error in found if error not in lengths[1:])


def _task(spec: StudySpec, known: Sequence[str]) -> Iterator[FieldError]:
    if spec.task.name not in known:
        names = ", ".join(sorted(known)) or "none yet"
        yield FieldError(
            "/task",
            f"no worker announced a task {spec.task.name!r}; announced: {names}. "
            "A worker announces its tasks when it starts: clr worker --tasks FILE (a task file or module).",
        )


def slots(spec: StudySpec) -> tuple[int, str]:
    """How many slots a spec asks for at most, the range test aside, and how they come about."""
    confirm = spec.confirm_seeds * max(1, len(spec.lengths)) + spec.final_seeds + spec.target_seeds
    found = len(spec.arms) * (spec.trials + confirm) * spec.replicates
    times = f", {spec.replicates} times over," if spec.replicates > 1 else ""
    each = f"{len(spec.arms)} arms of {spec.trials} search and {confirm} confirm trials"
    return found, f"{each}{times} are {found:,} trials"


def _size(spec: StudySpec) -> Iterator[FieldError]:
    found, how = slots(spec)
    if found > MAX_SLOTS:
        yield FieldError("/trials", f"{how}; a study has at most {MAX_SLOTS:,}")


def _sampler(spec: StudySpec) -> Iterator[FieldError]:
    if spec.sampler == "gp" and not sampler_process.available():
        yield FieldError(
            "/sampler", "gp needs torch where the service runs: pip install 'clr-sweep[train]', or take another sampler"
        )


def _confirm(spec: StudySpec) -> Iterator[FieldError]:
    if spec.looks and spec.looks[-1] != spec.confirm_seeds:
        yield FieldError(
            "/looks", f"the last look must be at all {spec.confirm_seeds} confirm_seeds, got {spec.looks[-1]}"
        )
    if len(spec.arms) == 1 and (len(spec.looks) > 1 or spec.confirm == "finalists"):
        field = "looks" if len(spec.looks) > 1 else "confirm"
        yield FieldError(f"/{field}", "has no meaning with one arm: there is nothing to compare")
    if spec.target is not None and spec.target_seeds:
        yield FieldError("/target_seeds", "set the target that is given as a number already: give one of the two")
    if spec.replicates > 1 and (beside := [name for name in CONFIGURATION_OPTIONS if _is_asked(spec, name)]):
        yield FieldError(
            "/replicates",
            f"judge a family, {', '.join(beside)} one configuration of it: leave out one or the other",
        )


def _is_asked(spec: StudySpec, option: str) -> bool:
    return bool(getattr(spec, option) != StudySpec.model_fields[option].default)


def _optimizer(spec: StudySpec) -> Iterator[FieldError]:
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


def _ramp(spec: StudySpec) -> Iterator[FieldError]:
    low, high = ledger.ramp_ends(spec)
    if high < MIN_RAMP * low:
        yield FieldError(
            "/range_test",
            f"its rates must rise {MIN_RAMP:g} times at least, got {low:g} to {high:g} (defaults included)",
        )


def _names(spec: StudySpec) -> Iterator[FieldError]:
    names = [arm.name for arm in spec.arms]
    for index, arm in enumerate(spec.arms):
        if arm.name in names[:index]:
            yield FieldError(f"/arms/{index}/name", f"another arm has the name {arm.name!r} already: give each its own")
    if spec.baseline and spec.baseline not in names:
        yield FieldError("/baseline", f"no arm has the name {spec.baseline!r}; arms: {', '.join(names)}")


def _fractions(spec: StudySpec, facts: TaskFacts) -> Iterator[FieldError]:
    if spec.target is not None and facts.metric == "accuracy" and not 0 < spec.target <= 1:
        yield FieldError("/target", f"an accuracy is a fraction: must lie in 0 to 1, got {spec.target:g}")
    if spec.margin is not None and facts.metric == "accuracy" and spec.margin >= 1:
        detail = f"a difference of accuracies is a fraction: must lie in 0 to 1, got {spec.margin:g}"
        yield FieldError("/margin", detail)


def _against_facts(spec: StudySpec, facts: TaskFacts) -> Iterator[FieldError]:
    yield from _splits(spec, facts) if facts.updates_per_epoch is None else _self_trained(spec, facts)
    if spec.model is not None and not model_registry.offers(facts.models, spec.model.name):
        models = ", ".join(facts.models)
        yield FieldError("/model", f"{facts.name} has no model {spec.model.name!r}; it has: {models}")
    elif spec.model is not None and model_registry.known(spec.model.name):
        for detail in model_registry.check(spec.model.name, spec.model.options):
            yield FieldError("/model/options", detail)
    length = ledger.iterations(spec, facts)
    if length > MAX_ITERATIONS:
        detail = f"{spec.budget.epochs} epochs are {length:,} iterations; at most {MAX_ITERATIONS:,}"
        yield FieldError("/budget/epochs", detail)
    if spec.evaluate_every is not None and spec.evaluate_every > length:
        detail = f"must not be above the run's {length} iterations, got {spec.evaluate_every}"
        yield FieldError("/evaluate_every", detail)


def _splits(spec: StudySpec, facts: TaskFacts) -> Iterator[FieldError]:
    for split in ("train", "validation", "test"):
        if not getattr(facts, f"{split}_size"):
            yield FieldError("/task", f"the {split} split of {facts.name} is empty")
    if spec.batch_size > facts.train_size:
        detail = f"must not be above the training split's {facts.train_size} examples, got {spec.batch_size}"
        yield FieldError("/batch_size", detail)


def _self_trained(spec: StudySpec, facts: TaskFacts) -> Iterator[FieldError]:
    """What the spec asks of an update that a script makes itself."""
    for name in spec.training.model_fields_set:
        if getattr(spec.training, name) != type(spec.training).model_fields[name].default:
            detail = f"{facts.name} trains itself: its script decides that; make it an option of the task"
            yield FieldError(f"/training/{name}", detail)


def _arm(pointer: str, arm: ArmSpec, spec: StudySpec, length: int | None, epoch: int) -> Sequence[FieldError]:
    """What is wrong with one arm. `length`: None while the run's length is not known."""
    if arm.family not in schedules.names():
        known = ", ".join(schedules.names())
        return [FieldError(f"{pointer}/family", f"no schedule family {arm.family!r}; known: {known}")]
    wrong = [*_keys(pointer, arm), *_values(pointer, arm, length or UNKNOWN_LENGTH)]
    if wrong:
        return wrong
    return [*_corners_fault(pointer, arm, spec, length or UNKNOWN_LENGTH, epoch), *_long_cycle(pointer, arm, length)]


def _keys(pointer: str, arm: ArmSpec) -> Iterator[FieldError]:
    own = list(schedules.json_schema(arm.family)["properties"])
    coordinates = search_space.coordinates(arm.family)
    for name in arm.fixed:
        if name not in own and name not in coordinates:
            known = ", ".join([*own, *coordinates])
            yield FieldError(f"{pointer}/fixed/{name}", f"{arm.family} has no such parameter; it has: {known}")
    for name in arm.search:
        if name not in coordinates:
            known = ", ".join(coordinates) or "nothing"
            yield FieldError(f"{pointer}/search/{name}", f"{arm.family} can't search it; it can search: {known}")
        elif name in arm.fixed or name in search_space.replaced(arm.family, arm.fixed):
            yield FieldError(f"{pointer}/search/{name}", "is fixed in the same arm: fix it or search it")
    for name in search_space.replaced(arm.family, arm.fixed) & set(arm.fixed):
        yield FieldError(f"{pointer}/fixed/{name}", "and the parameter that it stands for are both fixed: give one")
    required = schedules.json_schema(arm.family)["required"]
    if not coordinates and (missing := [name for name in required if name not in arm.fixed]):
        detail = f"{arm.family} has no default search: fix its parameters; missing: {', '.join(missing)}"
        yield FieldError(f"{pointer}/fixed", detail)


def _values(pointer: str, arm: ArmSpec, length: int) -> Iterator[FieldError]:
    """Each value by its own rule, so that every wrong one is listed."""
    coordinates = search_space.coordinates(arm.family)
    properties = schedules.json_schema(arm.family)["properties"]
    for name, value in arm.fixed.items():
        fault = ""
        if name in coordinates:
            fault = search_space.rule(name, length).fault(value)
        elif name in properties:
            fault = _schema_fault(properties[name], value)
        if fault:
            yield FieldError(f"{pointer}/fixed/{name}", fault)
    for name, asked in arm.search.items():
        ends = asked.choices or (asked.low, asked.high)
        faults = [search_space.rule(name, length).fault(end) for end in ends] if name in coordinates else []
        if fault := next(filter(None, faults), ""):
            yield FieldError(f"{pointer}/search/{name}", fault)


def _schema_fault(schema: Mapping[str, Any], value: object) -> str:
    """The bounds of a number in JSON schema; the rest is the schedule's own business."""
    if "minimum" not in schema and "exclusiveMinimum" not in schema and "maximum" not in schema:
        return ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return f"must be a number, got {value!r}"
    if value < schema.get("minimum", -math.inf):
        return f"must be at least {schema['minimum']:g}, got {value!r}"
    if value <= schema.get("exclusiveMinimum", -math.inf):
        return f"must be above {schema['exclusiveMinimum']:g}, got {value!r}"
    return f"must be at most {schema['maximum']:g}, got {value!r}" if value > schema.get("maximum", math.inf) else ""


def _corners_fault(pointer: str, arm: ArmSpec, spec: StudySpec, length: int, epoch: int) -> Iterator[FieldError]:
    """Builds the arm's schedule at the corners of its space: what no point can satisfy is found before any work."""
    interval = spec.bounds if isinstance(spec.bounds, Interval) else ledger.SGD_INTERVAL
    cycles, _ = search_space.cycle_range(length, epoch)
    plan = ledger.arm_plan(arm, spec, interval, cycles)
    space = search_space.space(arm.family, plan.constants, plan.parameters, arm.search, interval, cycles)
    try:
        for corner in _corners(space):
            made = search_space.schedule(arm.family, plan.constants, plan.parameters, corner, length)
            if not all(math.isfinite(made(i)) for i in (0, length // 2, length - 1)):
                raise ValueError("its rates are not finite")
            yield from _stretched_fault(arm, spec, made, length)
    except InvalidSchedule as error:
        yield FieldError(f"{pointer}/{_blamed(arm, error.parameter)}", f"{error.rule}, got {error.value!r}")
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        yield FieldError(f"{pointer}/fixed", f"no schedule can be made of these values: {error}")
    if isinstance(spec.bounds, Interval) and (base := _lowest(arm)) is not None and base >= spec.bounds.high:
        detail = f"must be below the highest peak rate that is searched ({spec.bounds.high:g}), got {base:g}"
        yield FieldError(f"{pointer}/fixed/{'base_lr' if 'base_lr' in arm.fixed else 'end_lr'}", detail)


def _lengths(spec: StudySpec, length: int | None) -> Iterator[FieldError]:
    """A share of a run that is none: less than one iteration, or the iterations of another share.

    Args:
        length: of the run [iterations]; None where it takes the task's size, which is not known yet.
    """
    if length is None:
        return
    whole = [round(share * length) for share in spec.lengths]
    if whole and not whole[0]:
        yield FieldError("/lengths", f"{spec.lengths[0]:g} of the run's {length} iterations is less than one")
    elif len(set(whole)) < len(whole):
        yield FieldError("/lengths", f"two of them are the same number of iterations: {whole} of {length}")


def _stretched_fault(arm: ArmSpec, spec: StudySpec, made: schedules.Schedule, length: int) -> Iterator[FieldError]:
    """A schedule that can't be laid over one of the shorter lengths."""
    for share in spec.lengths:
        shorter = ledger.iterations_at(share, length)
        try:
            made.stretched(shorter, of=length)
        except InvalidSchedule as error:
            detail = f"at {share:g} of the run, {shorter} iterations, {arm.name} can't be stretched: {error}"
            yield FieldError("/lengths", detail)


def _lowest(arm: ArmSpec) -> float | None:
    """A lowest rate that is fixed while the peak is searched."""
    value = arm.fixed.get("base_lr", arm.fixed.get("end_lr"))
    searched = not {"lr", "max_lr", "peak_lr"} & set(arm.fixed)
    return float(value) if searched and isinstance(value, int | float) else None


def _blamed(arm: ArmSpec, parameter: str) -> str:
    """Where a wrong own parameter came from: it itself, or a coordinate that sets it."""
    if parameter in arm.fixed:
        return f"fixed/{parameter}"
    known = search_space.COORDINATES.get(arm.family)
    for name in known.stands_for if known else ():
        if name in arm.search:
            return f"search/{name}"
    return "fixed"


def _corners(space: Mapping[str, Range]) -> Iterator[dict[str, float]]:
    ends = [(min(r.choices), max(r.choices)) if r.choices else (r.low or 0.0, r.high or 0.0) for r in space.values()]
    for values in itertools.product(*ends):
        yield dict(zip(space, values, strict=True))


def _long_cycle(pointer: str, arm: ArmSpec, length: int | None) -> Iterator[FieldError]:
    step_size = arm.fixed.get("step_size")
    if length is None or "cycles" not in search_space.coordinates(arm.family) or not isinstance(step_size, int | float):
        return
    if 2 * step_size > length:
        detail = f"a cycle of 2 x {step_size:g} iterations is longer than the run's {length}"
        yield FieldError(f"{pointer}/fixed/step_size", detail)
