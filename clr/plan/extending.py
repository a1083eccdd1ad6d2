"""A plan and what is to be added to it -> the longer plan, or everything that is wrong with the wish: pure.

No trial is repeated. The slots that are there keep their numbers; a search goes on from its arm's whole history; the
k-th confirm seed is the same whether it was asked for at first or later.
"""

from __future__ import annotations

from collections.abc import Iterator

from clr import search_space
from clr.errors import FieldError, InvalidSpec
from clr.plan import ledger, meaning, notes
from clr.plan.ledger import ArmPlan, Plan, PlanExtension
from clr.spec import MAX_SEEDS, MAX_SLOTS, MAX_TRIALS_PER_ARM, Extension, Interval, StudySpec


def extended(plan: Plan, spec: StudySpec, extension: Extension, interval: Interval | None) -> Plan:
    """The plan with a further extension: the same for every arm.

    Args:
        plan: of the study, with the extensions so far. spec: as it was submitted.
        interval: in which peak rates are searched so far; None while the range test runs.

    Raises:
        InvalidSpec: with everything that is wrong with the extension, by field.
    """
    if wrong := check_extension(plan, spec, extension, interval):
        raise InvalidSpec(wrong)
    return _longer(plan, spec, extension)


def check_extension(
    plan: Plan, spec: StudySpec, extension: Extension, interval: Interval | None
) -> tuple[FieldError, ...]:
    """Everything that is wrong with an extension's meaning, by field; arguments as in `extended`."""
    return tuple(_errors(plan, spec, extension, interval))


def asked_at_once(plan: Plan, spec: StudySpec) -> StudySpec:
    """The spec that would have asked for as many trials and seeds as an extended plan has."""
    trials = max(arm.trials for arm in plan.arms)
    return spec.model_copy(update={"trials": trials, "confirm_seeds": len(plan.all_confirm_seeds)})


def _errors(plan: Plan, spec: StudySpec, extension: Extension, interval: Interval | None) -> Iterator[FieldError]:
    if plan.replicates > 1:
        yield FieldError(
            "",
            f"a study of {plan.replicates} replicates can't be extended: each has its own search and seeds, and more "
            "of one would be less of another; submit a new study with more replicates",
        )
        return
    yield from _trials(plan, extension)
    if len(plan.all_confirm_seeds) + extension.confirm_seeds > MAX_SEEDS:
        yield FieldError(
            "/confirm_seeds",
            f"{extension.confirm_seeds} more than the {len(plan.all_confirm_seeds)} of the plan; an arm has at most "
            f"{MAX_SEEDS:,}",
        )
    if extension.peak_lr is not None:
        yield from _peak_lr(plan, spec, extension, extension.peak_lr, interval)
    slots, how = meaning.slots(asked_at_once(_longer(plan, spec, extension), spec))
    if slots > MAX_SLOTS:
        yield FieldError(
            "/trials" if extension.trials else "/confirm_seeds", f"{how}; a study has at most {MAX_SLOTS:,}"
        )


def _trials(plan: Plan, extension: Extension) -> Iterator[FieldError]:
    most = max(arm.trials for arm in plan.arms)
    if most + extension.trials > MAX_TRIALS_PER_ARM:
        detail = f"{extension.trials:,} more than {most:,} search trials; an arm has at most {MAX_TRIALS_PER_ARM:,}"
        yield FieldError("/trials", detail)
    if extension.trials and not any(_space(plan, arm) for arm in plan.arms):
        yield FieldError("/trials", "nothing is searched in any arm: another trial would be the same run again")


def _peak_lr(
    plan: Plan, spec: StudySpec, extension: Extension, wider: Interval, interval: Interval | None
) -> Iterator[FieldError]:
    if not extension.trials:
        yield FieldError("/peak_lr", "nothing is searched there without more trials: give trials, too")
    if interval is None:
        yield FieldError("/peak_lr", "the range test has not found the interval yet that this would widen: wait for it")
    elif wider.low > interval.low or wider.high < interval.high:
        yield FieldError(
            "/peak_lr",
            f"must hold the interval that was searched so far, {interval.low!r} to {interval.high!r}, "
            f"got {wider.low!r} to {wider.high!r}",
        )
    rule = search_space.rule("peak_lr", plan.iterations)
    for end in ("low", "high"):
        if fault := rule.fault(getattr(wider, end)):
            yield FieldError(f"/peak_lr/{end}", fault)
    if not any("peak_lr" in _space(plan, arm) and "peak_lr" not in arm.ranges for arm in plan.arms):
        yield FieldError("/peak_lr", "no arm searches its peak rate in the common interval")
    judged = meaning.check(spec.model_copy(update={"bounds": wider}), plan.facts, [spec.task.name])
    for error in judged:  # the spec itself was found good: what is wrong now comes of the interval
        yield FieldError("/peak_lr", f"{error.pointer}: {error.detail}")


def _space(plan: Plan, arm: ArmPlan) -> dict[str, object]:
    interval = plan.interval or plan.default_interval
    return {**search_space.space(arm.family, arm.constants, arm.parameters, arm.ranges, interval, plan.cycles)}


def _longer(plan: Plan, spec: StudySpec, extension: Extension) -> Plan:
    added = {arm.name: _rounds(extension.trials, spec.round_size) if _space(plan, arm) else () for arm in plan.arms}
    before, more = len(plan.all_confirm_seeds), extension.confirm_seeds
    part = PlanExtension(
        rounds=added,
        seeds=ledger.seeds(spec.seed, "confirm", before + more)[before:],
        interval=extension.peak_lr,
    )
    arms = tuple(arm.model_copy(update={"rounds": (*arm.rounds, *added[arm.name])}) for arm in plan.arms)
    longer = plan.changed(arms=arms, extensions=(*plan.extensions, part))
    return longer.changed(notes=notes.of(longer, spec.trials))


def _rounds(trials: int, size: int) -> tuple[int, ...]:
    full, rest = divmod(trials, size)
    return (*[size] * full, *([rest] if rest else []))
