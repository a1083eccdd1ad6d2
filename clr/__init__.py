"""clr: learning-rate schedules, the LR range test, and the client of the CLR sweep service.

`import clr` loads nothing but this file; each public name is loaded on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clr import errors as errors
    from clr import plots as plots
    from clr import schedules as schedules
    from clr.client import Client as Client
    from clr.lr_range_test import range_test as range_test
    from clr.lr_scheduler import ScheduleLR as ScheduleLR
    from clr.schedules import Schedule as Schedule
    from clr.scripts.functions import task as task
    from clr.scripts.run import Run as Run
    from clr.scripts.run import run as run
    from clr.spec import StudySpec as StudySpec

_HOMES = {
    "Client": "clr.client",
    "Run": "clr.scripts.run",
    "Schedule": "clr.schedules",
    "ScheduleLR": "clr.lr_scheduler",
    "StudySpec": "clr.spec",
    "range_test": "clr.lr_range_test",
    "run": "clr.scripts.run",
    "task": "clr.scripts.functions",
}
_MODULES = ("errors", "plots", "schedules")
_EXTRAS = {"Client": "client", "StudySpec": "client", "ScheduleLR": "train", "range_test": "train", "plots": "plots"}

__all__ = [
    "Client",
    "Run",
    "Schedule",
    "ScheduleLR",
    "StudySpec",
    "errors",
    "plots",
    "range_test",
    "run",
    "schedules",
    "task",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version  # a third of the import's time: only where it is asked for

        return version("clr-sweep")
    if name not in _HOMES and name not in _MODULES:
        raise AttributeError(f"module 'clr' has no attribute {name!r}")
    try:
        home = import_module(_HOMES.get(name, f"clr.{name}"))
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "clr" or name not in _EXTRAS:
            raise
        raise import_module("clr.errors").MissingExtra(error.name, _EXTRAS[name]) from None
    return getattr(home, name) if name in _HOMES else home


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
