"""What a user should know of a plan before it runs, in sentences: pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from clr import search_space
from clr.plan import rungs

if TYPE_CHECKING:
    from clr.plan.ledger import ArmPlan, Plan


def of(plan: Plan, trials: int) -> tuple[str, ...]:
    """Everything about a plan that is not as one may expect; `trials`: search trials of an arm that were asked for."""
    return (*_cycles(plan), *_intervals(plan), *_single(plan, trials), *_test(plan), *_unpruned(plan))


def _cycles(plan: Plan) -> Iterator[str]:
    cyclic = [arm for arm in plan.arms if "cycles" in search_space.coordinates(arm.family)]
    length, epoch = plan.iterations, plan.epoch_iterations
    _, long_enough = search_space.cycle_range(length, epoch)
    if cyclic and not long_enough:
        yield (
            f"{length} iterations are {length / epoch:.3g} epochs: too short for a cycle with a step size of 2 epochs, "
            f"so {', '.join(arm.name for arm in cyclic)} search {plan.cycles[0]} to {plan.cycles[1]} cycles."
        )
    for arm in cyclic:
        step_size = arm.parameters.get("step_size")
        if isinstance(step_size, int | float) and length % (2 * step_size):
            yield f"{arm.name}: a run of {length} iterations does not end at the end of a cycle of 2 x {step_size:g}."


def _intervals(plan: Plan) -> Iterator[str]:
    for arm in plan.arms:
        if "peak_lr" in arm.ranges:
            yield f"{arm.name} searches its peak rate in a range of its own, not in that of the other arms."


def _single(plan: Plan, trials: int) -> Iterator[str]:
    single = [arm.name for arm in plan.arms if arm.trials == 1]
    if single and trials > 1:
        yield f"Nothing is searched in {', '.join(single)}: one search trial each."


def _test(plan: Plan) -> Iterator[str]:
    if not plan.facts.test_size:
        yield (
            f"{plan.facts.name} has no test split: a confirmed value is the last validation {plan.facts.metric} of a "
            "fresh seed, on the data that parameters were chosen on."
        )


def _unpruned(plan: Plan) -> Iterator[str]:
    """Where a pruner that was asked for can do nothing."""
    if plan.pruner == "none":
        return
    endless = [arm.name for arm in plan.arms if not _has_rungs(plan, arm)]
    if endless:
        yield f"Nothing is pruned in {', '.join(endless)}: there a run can be judged at its end alone."
    few = [arm.name for arm in plan.arms if arm.name not in endless and sum(arm.rounds[:-1]) < rungs.ENOUGH]
    if few:
        yield (
            f"Nothing is pruned in {', '.join(few)}: a trial is judged by at least {rungs.ENOUGH} trials of earlier "
            "rounds, and there are fewer; ask for more trials."
        )


def _has_rungs(plan: Plan, arm: ArmPlan) -> bool:
    """Whether any trial of an arm can be judged before its end: if so, the one with the most cycles, or drops."""
    interval = plan.interval or plan.default_interval
    space = search_space.space(arm.family, arm.constants, arm.parameters, arm.ranges, interval, plan.cycles)
    highest = {name: max(r.choices) if r.choices else r.high or 0.0 for name, r in space.items()}
    made = search_space.schedule(arm.family, arm.constants, arm.parameters, highest, plan.iterations)
    every = plan.base.evaluate_every
    return bool(rungs.at(made, plan.pruner, iterations=plan.iterations, evaluate_every=every))
