"""A submitted document -> a spec that can run, or everything wrong with it."""

from __future__ import annotations

import copy
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clr import plan, rounds, tasks
from clr.errors import FieldError, InvalidSpec
from clr.plan import Plan, PlannedSlot
from clr.protocol import TaskFacts
from clr.spec import StudySpec, parse
from clr.tasks import built_in_facts

# Fields whose values are judged against a task's facts and each other.
WEIGHED_TOGETHER = ("/task", "/budget", "/batch_size", "/bounds", "/optimizer")


@dataclass(frozen=True)
class Submission:
    """A checked study before it is stored. `plan` is None where a describe slot finds the task's facts first."""

    spec: StudySpec
    facts: TaskFacts
    plan: Plan | None
    first: tuple[PlannedSlot, ...]
    body_hash: str


def prepare(document: Any, known: Mapping[str, TaskFacts]) -> Submission:
    """The study that a document asks for, with its first slots.

    Args:
        document: as read from JSON.
        known: facts of every task that a worker announced, by name.

    Raises:
        InvalidSpec: with every error of form and meaning, by field.
    """
    spec = _checked(document, known, list(known))
    facts = known[spec.task.name]
    ledger = plan.make(spec, facts) if facts.fixed else None
    first = rounds.due(ledger, ()) if ledger else (plan.describe_slot(spec),)
    return Submission(spec, facts, ledger, first, body_hash(document))


def precheck(document: Any, *, own_tasks: bool = False) -> None:
    """Refuses what is wrong whatever the workers will announce, so that nothing is started for it.

    Args:
        own_tasks: the workers load modules with tasks of their own, whose names only they know.

    Raises:
        InvalidSpec: with every such error, by field.
    """
    facts = {one.name: one for one in built_in_facts()}
    others = own_tasks or set(tasks.names()) - set(facts)
    _checked(document, facts, None if others else list(facts))


def body_hash(document: Any) -> str:
    """The same for two documents that say the same, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _checked(document: Any, known: Mapping[str, TaskFacts], names: Sequence[str] | None) -> StudySpec:
    """The document's spec, judged. `names`: of every task there can be; None where there may be any."""
    try:
        spec = parse(document)
    except InvalidSpec as form:
        raise InvalidSpec([*form.errors, *_meaning_beside(document, form.errors, known, names)]) from None
    if wrong := _meaning(spec, known, names):
        raise InvalidSpec(wrong)
    return spec


def _meaning(spec: StudySpec, facts: Mapping[str, TaskFacts], names: Sequence[str] | None) -> Sequence[FieldError]:
    model = spec.model.options if spec.model else {}
    infinite = [*_not_finite("/task/options", spec.task.options), *_not_finite("/model/options", model)]
    known = [spec.task.name] if names is None else names
    return [*infinite, *plan.check(spec, facts.get(spec.task.name), known)]


def _not_finite(pointer: str, value: Any) -> Iterator[FieldError]:
    """NaN and infinity in the free-form parts, which no model checks and no database stores as JSON."""
    if isinstance(value, float) and not math.isfinite(value):
        yield FieldError(pointer, f"must be finite, got {value}")
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _not_finite(f"{pointer}/{key}", inner)


def _meaning_beside(
    document: Any, form: Sequence[FieldError], known: Mapping[str, TaskFacts], names: Sequence[str] | None
) -> Sequence[FieldError]:
    """What is wrong in meaning with the rest of a document whose form is wrong: one answer then lists everything."""
    rest, gone = copy.deepcopy(document), [error.pointer for error in form]
    for pointer in gone:
        _drop(rest, pointer)
    try:
        spec = parse(rest)
    except InvalidSpec as hollow:  # e.g. a budget whose only field is gone
        for error in hollow.errors:
            _drop(rest, error.pointer)
            gone.append(error.pointer)
        try:
            spec = parse(rest)
        except InvalidSpec:
            return ()
    # Defaults now stand in for what was dropped; what hangs on those would be judged wrongly.
    judged = {} if any(pointer.startswith(WEIGHED_TOGETHER) for pointer in gone) else known
    found = _meaning(spec, judged, names)
    return [error for error in found if not error.pointer.startswith(tuple(gone))]


def _drop(document: Any, pointer: str) -> None:
    """Takes a field out, so that its default stands; items of lists stay, since the others' pointers hang on them."""
    *path, last = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]] or [""]
    at = document
    for part in path:
        if isinstance(at, dict):
            at = at.get(part)
        elif isinstance(at, list) and part.isdigit() and int(part) < len(at):
            at = at[int(part)]
    if isinstance(at, dict):
        at.pop(last, None)
