"""A submitted document -> a spec that can run, or everything wrong with it."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import Any

from clr import plan, rounds
from clr.errors import FieldError, InvalidSpec
from clr.plan import Plan, PlannedSlot
from clr.protocol import TaskFacts
from clr.scripts import added
from clr.spec import StudySpec, parse
from clr.tasks import built_in_facts, registry
from service.caps import Caps
from service.stand_ins import Remainder


@dataclass(frozen=True)
class Submission:
    """A checked study before it is stored. `plan` is None where a describe slot finds the task's facts first."""

    spec: StudySpec
    facts: TaskFacts
    plan: Plan | None
    first: tuple[PlannedSlot, ...]
    body_hash: str


def prepare(document: Any, known: Mapping[str, TaskFacts], caps: Caps | None = None) -> Submission:
    """The study that a document asks for, with its first slots.

    Args:
        document: as read from JSON.
        known: facts of every task that a worker announced, by name.
        caps: what one study may ask of this service; None: whatever a spec can say.

    Raises:
        InvalidSpec: with every error of form and meaning, by field.
    """
    spec = _checked(document, known, list(known), caps)
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
    # What this process has registered is nothing to the workers, which are processes of their own.
    others = own_tasks or added.names() or set(entry_points(group=registry.GROUP).names) - set(facts)
    _checked(document, facts, None if others else list(facts))


def body_hash(document: Any) -> str:
    """The same for two documents that say the same, whatever the order of their keys."""
    return hashlib.sha256(json.dumps(document, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _checked(
    document: Any, known: Mapping[str, TaskFacts], names: Sequence[str] | None, caps: Caps | None = None
) -> StudySpec:
    """The document's spec, judged. `names`: of every task there can be; None where there may be any."""
    try:
        spec = parse(document)
    except InvalidSpec as form:
        raise InvalidSpec([*form.errors, *_meaning_beside(document, known, names)]) from None
    if wrong := [*_meaning(spec, known, names), *(caps.exceeded(spec) if caps else ())]:
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


def _meaning_beside(document: Any, known: Mapping[str, TaskFacts], names: Sequence[str] | None) -> list[FieldError]:
    """What is wrong in meaning with the rest of a document whose form is wrong: one answer then lists everything.

    What is wrong only with one stand-in, or says its value, hangs on what is not known.
    """
    rest = Remainder(document)
    judged = [_meaning(spec, {} if "/task" in rest.gone else known, names) for spec in rest.specs()]
    everywhere = set.intersection(*map(set, judged)) if judged else set()
    return [error for error in judged[0] if error in everywhere and not rest.hangs_on(error.pointer)] if judged else []
