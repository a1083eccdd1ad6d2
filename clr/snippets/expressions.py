"""A schedule as a Python expression, and what it has to import."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from clr.schedules import Custom, Schedule

_WIDTH = 100  # columns


def imports(schedule: Schedule) -> str:
    """The line that imports every class in the expression."""
    names = {type(part).__name__ for part in _parts(schedule)}
    return f"from clr.schedules import {', '.join(sorted(names | ({'trust'} if _modules(schedule) else set())))}"


def statement(schedule: Schedule) -> str:
    """The lines that make `schedule`; modules that scale functions come from are trusted first."""
    trusted = [f'trust("{module}")' for module in _modules(schedule)]
    return "\n".join([*trusted, f"schedule = {_expression(schedule)}"])


def _expression(value: Any, indent: str = "") -> str:
    """The value's repr, broken into a line per argument where it is too long for one."""
    flat = repr(value)
    if len(indent) + len(flat) <= _WIDTH or not isinstance(value, Schedule | tuple):
        return flat
    inner = indent + "    "
    if isinstance(value, tuple):
        opening, closing = "(", ")"
        parts = [_expression(part, inner) for part in value]
    else:
        opening, closing = f"{type(value).__name__}(", ")"
        stated = {f.name: getattr(value, f.name) for f in fields(value) if getattr(value, f.name) != f.default}
        parts = [f"{name}={_expression(part, inner)}" for name, part in stated.items()]
    return "\n".join([opening, *(f"{inner}{part}," for part in parts), indent + closing])


def _parts(schedule: Schedule) -> Iterator[Schedule]:
    """The schedule and all within it."""
    yield schedule
    for field in fields(schedule):
        value = getattr(schedule, field.name)
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, Schedule):
                yield from _parts(part)


def _modules(schedule: Schedule) -> list[str]:
    """Modules that scale functions are imported from."""
    return sorted({path.partition(":")[0] for path in scale_functions(schedule)})


def scale_functions(schedule: Schedule) -> list[str]:
    """Import paths of the scale functions in the schedule, those that we have by name aside."""
    return [part.scale_fn for part in _parts(schedule) if isinstance(part, Custom) and ":" in part.scale_fn]
