"""Where a user's own tasks come from: modules, task files, and those that this user has added.

What runs a task is imported where tasks are loaded: a worker's supervisor checks them, and stays without NumPy.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from clr.errors import FieldError, InvalidSpec
from clr.scripts import added, definition
from clr.tasks import registry

TASK_FILES = (".yaml", ".yml", ".json")


def load(sources: Sequence[str], command: str = "") -> None:
    """Registers every task of these sources, and those of `clr tasks add`; a source's name comes before an added one.

    Args:
        sources: modules by name, files.py whose folder is put last on the import path, task files.
        command: takes the place of the one task file's own.

    Raises:
        InvalidSpec: a task file is wrong, by field.
    """
    from clr.scripts import functions

    for path, task in added.tasks():
        if isinstance(task, InvalidSpec):
            sys.stderr.write(f"Task file {path} is left out: {task}\n")
        else:
            _register(task)
    for source in sources:
        if Path(source).suffix in TASK_FILES:
            _register(definition.load(Path(source), command))
        else:
            _import(source)
    for name, function in functions.declared.items():
        registry.register(name, function)


def check(sources: Sequence[str], command: str = "") -> None:
    """Refuses what is wrong with task files before anything is started.

    Raises:
        InvalidSpec: a task file is wrong, by field; or there is not one for the command.
    """
    files = [source for source in sources if Path(source).suffix in TASK_FILES]
    if command and len(files) != 1:
        raise InvalidSpec([FieldError("", f"--command needs one task file, by --tasks task.yaml; got {len(files)}")])
    for file in files:
        definition.load(Path(file), command)


def _register(task: definition.TaskDefinition) -> None:
    from clr.scripts.command import CommandTask

    registry.register(task.name, CommandTask(task))


def _import(module: str) -> None:
    path = Path(module)
    if path.suffix == ".py":
        sys.path.append(str(path.resolve().parent))
        module = path.stem
    importlib.import_module(module)
