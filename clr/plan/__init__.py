"""Spec and task facts -> the plan of a study, and everything that is wrong with a spec's meaning: pure."""

from clr.plan.extending import asked_at_once, check_extension, extended
from clr.plan.ledger import (
    ArmPlan,
    Plan,
    PlanExtension,
    PlannedSlot,
    RangeTestPlan,
    describe_slot,
    make,
    rounds,
    seeds,
)
from clr.plan.meaning import check
from clr.plan.numbers import RAMP_RERUNS

__all__ = [
    "RAMP_RERUNS",
    "ArmPlan",
    "Plan",
    "PlanExtension",
    "PlannedSlot",
    "RangeTestPlan",
    "asked_at_once",
    "check",
    "check_extension",
    "describe_slot",
    "extended",
    "make",
    "rounds",
    "seeds",
]
