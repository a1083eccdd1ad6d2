"""Calls a function task: `python -m clr.scripts.call MODULE NAME FOLDER`, under a worker's `CLR_RUN`."""

from __future__ import annotations

import sys
from functools import reduce
from importlib import import_module
from typing import Any

from clr.scripts.run import run


def main() -> None:
    module, name, folder = sys.argv[1:]
    if folder:
        sys.path.append(folder)  # last: a user's file shadows no installed module
    function: Any = reduce(getattr, name.split("."), import_module(module))
    function(run())


if __name__ == "__main__":
    main()
