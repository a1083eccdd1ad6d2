"""A study's task options against the JSON schema that the task announced: before a worker meets them.

jsonschema judges the values: a user's own task may announce any schema, and nested ones (a list of names or of sized
entries) are past what a table of types can tell.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, ValidationError, best_match

from clr.errors import FieldError
from clr.protocol import TaskFacts

POINTER = "/task/options"


def check(options: Mapping[str, Any], facts: TaskFacts) -> Iterator[FieldError]:
    """Every option that the task does not have, must have, or does not take with this value."""
    known: Mapping[str, Any] = facts.options_schema.get("properties", {})
    for name, value in options.items():
        if name in known:
            yield from _value(name, value, known[name])
        elif facts.options_schema.get("additionalProperties", False) is False:
            yield FieldError(
                f"{POINTER}/{name}", f"{facts.name} has no such option; it has: {', '.join(known) or 'none'}"
            )
    for name in facts.options_schema.get("required", []):
        if name not in options:
            detail = f"{facts.name} needs it: {known.get(name, {}).get('description', 'see its schema')}"
            yield FieldError(f"{POINTER}/{name}", detail)


def _value(name: str, value: object, schema: Mapping[str, Any]) -> Iterator[FieldError]:
    plain = json.loads(json.dumps(value))  # a tuple is an array
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        yield FieldError(f"{POINTER}/{name}", f"the task announced a schema that is none: {error.message}")
        return
    for wrong in Draft202012Validator(schema).iter_errors(plain):
        yield _said(name, wrong, schema)


def _said(name: str, error: ValidationError, schema: Mapping[str, Any]) -> FieldError:
    """The innermost reason of a union; where the schema describes the option, its words beside."""
    inner = best_match([error])
    assert inner is not None
    where = "".join(f"/{part}" for part in inner.absolute_path)
    about = f" ({schema['description']})" if "description" in schema else ""
    return FieldError(f"{POINTER}/{name}{where}", f"{inner.message}{about}")
