"""Tries a task out before a study depends on it: three short runs, and in plain words what is wrong.

Two runs have the same seed, the third another. What a script reports of its learning rate is compared with the
schedule; what a `Task` gives as data is searched for examples that stand in two splits.
"""

from clr.task_check.check import DEFAULT_ITERATIONS, check
from clr.task_check.findings import CheckReport, Finding, Measured

__all__ = ["DEFAULT_ITERATIONS", "CheckReport", "Finding", "Measured", "check"]
