"""Tasks by name. A name resolves to "module:attribute" and is imported when made: listing loads no torch.

Three sources: the built-in tasks, the entry point group `clr.tasks` of installed distributions, and `register`.
A built-in name can't be taken by another source. A name stands for a `Task` class, or for what trains itself.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from clr.errors import MissingExtra, TaskError, UnknownName
from clr.protocol import TaskFacts
from clr.tasks.facts import DIGITS, IMAGE_FOLDER, IMAGE_SETS

if TYPE_CHECKING:
    from clr.tasks.base import Task
    from clr.tasks.self_trained import SelfTrained

GROUP = "clr.tasks"
_HOW = f"Yours becomes one by --tasks FILE, by `clr tasks add task.yaml`, or by an entry point of the group {GROUP}."

_BUILT_IN = {
    "digits": "clr.tasks.digits:Digits",
    "image-folder": "clr.tasks.image_folder:ImageFolder",
    "mnist": "clr.tasks.image_sets:Mnist",
    "fashion-mnist": "clr.tasks.image_sets:FashionMnist",
    "cifar10": "clr.tasks.image_sets:Cifar10",
    "cifar100": "clr.tasks.image_sets:Cifar100",
    "svhn": "clr.tasks.image_sets:SvhnDigits",
}
_registered: dict[str, str | SelfTrained] = {}


def names() -> tuple[str, ...]:
    """The known tasks' names, sorted. Imports none of them."""
    return tuple(sorted(_targets()))


def register(name: str, target: str | SelfTrained) -> None:
    """Makes a task known in this process.

    Args:
        name: what specs will call it.
        target: "module:attribute" of a `Task` subclass, imported when the task is first made; or what trains itself.

    Raises:
        ValueError: the name is a built-in task's, or the target is not "module:attribute".
    """
    if name in _BUILT_IN and target != _BUILT_IN[name]:
        raise ValueError(f"name must not be that of a built-in task, got {name!r}.")
    if isinstance(target, str) and not all(target.partition(":")):
        raise ValueError(f'target of task {name!r} must be "module:attribute", got {target!r}.')
    _registered[name] = target


def make(name: str, options: Mapping[str, Any] | None = None) -> Task:
    """The task of that name with these options.

    Raises:
        UnknownName: no task of that name.
        TaskError: its code can't be imported, an option is wrong, or it trains itself.
        MissingExtra: torch or another optional dependency is not installed.
    """
    cls = _load(name)
    if not isinstance(cls, type):
        raise TaskError(f"Task {name} trains itself, by a script: it has no data and no model to hand out.")
    fields = set(getattr(cls, "__dataclass_fields__", {}))
    if unknown := sorted(set(options or {}) - fields):
        raise TaskError(
            f"Task {name} has no option {', '.join(unknown)}. Options: {', '.join(sorted(fields)) or 'none'}."
        )
    try:
        return cls(**(options or {}))
    except TypeError as error:
        raise TaskError(f"Task {name} can't be made with options {dict(options or {})!r}: {error}.") from error


def self_trained(name: str) -> SelfTrained | None:
    """What trains itself under that name; None where it stands for a `Task`.

    Raises:
        as `make`.
    """
    found = _load(name)
    return None if isinstance(found, type) else found


def built_in_facts() -> tuple[TaskFacts, ...]:
    """Facts of the built-in tasks, as constants: imports no task and no torch."""
    return (DIGITS, IMAGE_FOLDER, *IMAGE_SETS.values())


def all_facts() -> tuple[TaskFacts, ...]:
    """Facts of every known task, by name, as a worker announces them. Imports those that are not built in."""
    facts = {fact.name: fact for fact in built_in_facts()}
    facts |= {name: _load(name).announced() for name in names() if name not in _BUILT_IN}
    return tuple(facts[name] for name in sorted(facts))


def _targets() -> dict[str, str | SelfTrained]:
    installed: dict[str, str | SelfTrained] = {point.name: point.value for point in entry_points(group=GROUP)}
    return installed | _registered | _BUILT_IN


def _load(name: str) -> type[Task] | SelfTrained:
    targets = _targets()
    if name not in targets:
        raise UnknownName("task", name, names(), hint=_HOW)
    target = targets[name]
    if not isinstance(target, str):
        return target
    module, _, attribute = target.partition(":")
    try:
        loaded: type[Task] | SelfTrained = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name in {"torch", "torchvision", "sklearn", "PIL"}:
            raise MissingExtra(error.name, "train") from error
        raise TaskError(f"Task {name} can't be loaded from {target}: {error}.") from error
    except AttributeError as error:
        raise TaskError(f"Task {name} can't be loaded from {target}: {error}.") from error
    return loaded
