"""What is trained: tasks under a name (data splits, loss, metric) and the models that they can train.

Listing names and facts of the built-in tasks loads no torch. `clr.tasks.base` says what a task must give.
"""

from clr.tasks.registry import all_facts, built_in_facts, make, names, register

__all__ = ["all_facts", "built_in_facts", "make", "names", "register"]
