"""Spec and task facts -> the plan of a study, and everything that is wrong with a spec's meaning: pure."""

from clr.plan.ledger import RAMP_RERUNS, ArmPlan, Plan, PlannedSlot, RangeTestPlan, describe_slot, make, rounds, seeds
from clr.plan.meaning import check

__all__ = [
    "RAMP_RERUNS",
    "ArmPlan",
    "Plan",
    "PlannedSlot",
    "RangeTestPlan",
    "check",
    "describe_slot",
    "make",
    "rounds",
    "seeds",
]
