"""clr: learning-rate schedules, the LR range test, and the client of the CLR sweep service.

`import clr` loads nothing but this file; each public name is loaded on first use.
"""

from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clr import errors as errors
    from clr import plots as plots
    from clr import schedules as schedules
    from clr.client import Client as Client
    from clr.lr_range_test import range_test as range_test
    from clr.lr_scheduler import ScheduleLR as ScheduleLR
    from clr.schedules import Schedule as Schedule
    from clr.spec import StudySpec as StudySpec

_HOMES = {
    "Client": "clr.client",
    "Schedule": "clr.schedules",
    "ScheduleLR": "clr.lr_scheduler",
    "StudySpec": "clr.spec",
    "range_test": "clr.lr_range_test",
}
_MODULES = ("errors", "plots", "schedules")

__all__ = ["Client", "Schedule", "ScheduleLR", "StudySpec", "errors", "plots", "range_test", "schedules"]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    if name in _MODULES:
        return import_module(f"clr.{name}")
    if name == "__version__":
        return version("clr-sweep")
    raise AttributeError(f"module 'clr' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
