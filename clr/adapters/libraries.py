"""Libraries that are loaded when they are used."""

from importlib import import_module
from typing import Any

from clr.errors import MissingExtra


def load(module: str, extra: str) -> Any:
    """The module, imported now.

    Raises:
        MissingExtra: its package is not installed. What else goes wrong on import (a backend that it lacks) is told in
            the library's own words.
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != package:
            raise
        raise MissingExtra(package, extra) from None
