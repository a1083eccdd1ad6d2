"""Learning rates as closed-form functions of the 0-based iteration (NumPy only).

>>> from clr.schedules import Triangular2
>>> schedule = Triangular2(base_lr=0.001, max_lr=0.006, step_size=2000)
>>> schedule(2000)
0.006
>>> schedule.rates(3)
array([0.001    , 0.0010025, 0.001005 ])
"""

from clr.schedules.base import Schedule
from clr.schedules.cyclical import Custom, ExpRange, Triangular, Triangular2
from clr.schedules.decaying import Cosine, Decay, Exponential, Fixed, Inverse, Linear, MultiStep, Polynomial, Step
from clr.schedules.one_cycle import OneCycle
from clr.schedules.piecewise import Piecewise
from clr.schedules.registry import from_dict, json_schema, make, names
from clr.schedules.restarts import CosineRestarts
from clr.schedules.scaling import trust
from clr.schedules.warmup import Warmup, WarmupStableDecay

__all__ = [
    "Cosine",
    "CosineRestarts",
    "Custom",
    "Decay",
    "ExpRange",
    "Exponential",
    "Fixed",
    "Inverse",
    "Linear",
    "MultiStep",
    "OneCycle",
    "Piecewise",
    "Polynomial",
    "Schedule",
    "Step",
    "Triangular",
    "Triangular2",
    "Warmup",
    "WarmupStableDecay",
    "from_dict",
    "json_schema",
    "make",
    "names",
    "trust",
]
