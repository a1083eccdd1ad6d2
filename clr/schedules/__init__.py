"""Learning rates as closed-form functions of the 0-based iteration (NumPy only).

>>> from clr.schedules import Triangular2
>>> schedule = Triangular2(base_lr=0.001, max_lr=0.006, step_size=2000)
>>> schedule(2000)
0.006
>>> schedule.rates(3)
array([0.001    , 0.0010025, 0.001005 ])
"""

from clr.schedules.base import Schedule
from clr.schedules.cyclical import ExpRange, Triangular, Triangular2
from clr.schedules.decaying import Cosine, Exponential, Fixed, Linear, Step
from clr.schedules.registry import from_dict, json_schema, make, names

__all__ = [
    "Cosine",
    "ExpRange",
    "Exponential",
    "Fixed",
    "Linear",
    "Schedule",
    "Step",
    "Triangular",
    "Triangular2",
    "from_dict",
    "json_schema",
    "make",
    "names",
]
