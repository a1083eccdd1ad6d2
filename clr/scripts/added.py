"""The tasks that a user has added once for all workers: a folder of task files."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import yaml

from clr.errors import InvalidSpec, NotFound
from clr.scripts import definition
from clr.scripts.definition import TaskDefinition


def folder() -> Path:
    """CLR_TASKS, or clr/tasks among the user's settings (XDG_CONFIG_HOME, ~/.config)."""
    if named := os.environ.get("CLR_TASKS"):
        return Path(named)
    base = os.environ.get("XDG_CONFIG_HOME")
    return (Path(base) if base else Path.home() / ".config") / "clr" / "tasks"


def add(task: TaskDefinition) -> Path:
    """Writes the task where workers of this user look; one of the same name is replaced. Returns its file."""
    path = folder() / f"{task.name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    written = task.model_dump(mode="json", exclude_defaults=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(yaml.safe_dump(written, sort_keys=False), encoding="utf-8")
    fresh.replace(path)
    return path


def remove(name: str) -> Path:
    """Takes an added task away; workers that run keep it.

    Raises:
        NotFound: none of that name was added.
    """
    if name not in names():
        raise NotFound(f"No task {name!r} was added in {folder()}; there: {', '.join(names()) or 'none'}.")
    path = folder() / f"{name}.yaml"
    path.unlink()
    return path


def tasks() -> Iterator[tuple[Path, TaskDefinition | InvalidSpec]]:
    """Every added task by its file, or what is wrong with it by now."""
    for path in _files():
        try:
            yield path, definition.load(path)
        except InvalidSpec as wrong:
            yield path, wrong


def names() -> tuple[str, ...]:
    """The added tasks' names; reads none of their files."""
    return tuple(path.stem for path in _files())


def _files() -> list[Path]:
    return sorted(folder().glob("*.yaml"))
