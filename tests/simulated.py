"""A study whose trials are computed, not trained: the plan's behaviour without the minutes.

Accuracy rises with ln(rate) from 0.1 to about 0.9 and collapses beyond rate 1; a trial's value depends on its rates and
seed alone.
"""

import math
import random
from collections.abc import Callable, Sequence

from clr import plan as plans
from clr import rounds, schedules
from clr.plan import Plan, PlannedSlot
from clr.protocol import TaskFacts
from clr.results import Evaluation, Trial
from clr.spec import StudySpec, parse

FACTS = TaskFacts(
    name="digits",
    metric="accuracy",
    direction="maximize",
    train_size=1100,
    validation_size=300,
    test_size=400,
    input_shape=(1, 8, 8),
    classes=10,
    models=("mlp",),
    default_model="mlp",
)


def a_spec(**changes: object) -> StudySpec:
    spec = parse(
        {"task": "digits", "arms": ["fixed", "cosine", "triangular2"], "trials": 6, "confirm_seeds": 3, **changes}
    )
    assert plans.check(spec, FACTS, ["digits"]) == ()
    return spec


def a_plan(**changes: object) -> Plan:
    return plans.make(a_spec(**changes), FACTS)


def accuracy(rate: float, edge: float = 1.0) -> float:
    rate = min(max(rate, 1e-12), 1e12)
    rise = 1 / (1 + math.exp(-2 * (math.log(rate) - math.log(1e-3))))
    fall = 1 / (1 + math.exp(12 * (math.log(rate) - math.log(edge))))
    return 0.1 + 0.8 * rise * fall


def ended(slot: PlannedSlot, edge: float = 1.0) -> Trial:
    """The slot's trial, as if it had been trained."""
    config, noise = slot.config, random.Random(slot.config.seed)
    rate = schedules.from_dict(config.schedule)
    jitter = noise.uniform(-0.004, 0.004)
    curve = ()
    if slot.phase == "range-test":
        at = range(config.evaluate_every, config.iterations + 1, config.evaluate_every)
        curve = tuple(
            Evaluation(i, {"accuracy": accuracy(rate(i - 1), edge) + noise.uniform(-0.01, 0.01), "loss": 1.0})
            for i in at
        )
    mean_rate = float(rate.rates(config.iterations).mean())
    value = None if slot.phase == "range-test" else accuracy(mean_rate, edge) + jitter
    return slot.trial(
        outcome="done",
        value=value,
        curve=curve,
        test={"accuracy": value} if slot.phase == "confirm" else {},
        seconds=1.0,
    )


def opened(slot: PlannedSlot) -> Trial:
    """The slot's trial while it is open."""
    return slot.trial()


def run(
    plan: Plan,
    end: Callable[[PlannedSlot], Trial] = ended,
    pick: Callable[[list[PlannedSlot]], int] = lambda _: 0,
    before: Sequence[Trial] = (),
) -> list[Trial]:
    """The whole study, one trial at a time; `pick` chooses which open slot ends next. Returns the trials by number.

    `before`: trials that have ended already.
    """
    done: list[Trial] = list(before)
    waiting: list[PlannedSlot] = []
    while True:
        known = {slot.number for slot in waiting} | {trial.number for trial in done}
        waiting += [s for s in rounds.due(plan, [*done, *map(opened, waiting)]) if s.number not in known]
        if not waiting:
            return sorted(done, key=lambda trial: trial.number)
        done.append(end(waiting.pop(pick(waiting))))
