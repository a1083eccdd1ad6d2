"""The API reference as a page shows it: operations by subject, models, problems, each with words and an example.

Pure: from the OpenAPI document alone, so that page and document can't differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
SUBJECTS = {
    "studies": "Studies: submit, follow, ask for the best schedule",
    "catalogue": "Catalogue: what can be run, and how a schedule looks",
    "workers": "Workers: register, lease, report",
    "health": "Health",
}
"""Subjects in the order of the page, with their headings; others follow."""
DEEPEST = 6
_REF = "#/components/schemas/"
_LIMITS = {
    "minimum": ">=", "exclusiveMinimum": ">", "maximum": "<=", "exclusiveMaximum": "<",
    "minLength": "length >=", "maxLength": "length <=", "minItems": "items >=", "maxItems": "items <=",
    "pattern": "matches",
}  # fmt: skip


@dataclass(frozen=True)
class Part:
    """A piece of a type's name; `model`: the model that it names, "" where it names none."""

    text: str
    model: str = ""


@dataclass(frozen=True)
class Field:
    """A parameter, or a model's field. `where`: path, query or header, "" in a model."""

    name: str
    kind: tuple[Part, ...]
    required: bool
    words: str
    where: str = ""


@dataclass(frozen=True)
class Operation:
    """One method of one path. `curl`: a command that calls it; `problems`: the statuses that refuse."""

    id: str
    method: str
    path: str
    title: str
    words: str
    parameters: tuple[Field, ...]
    body: tuple[Part, ...]
    curl: str
    status: str
    answer: tuple[Part, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Subject:
    name: str
    title: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True)
class Model:
    name: str
    title: str
    words: str
    fields: tuple[Field, ...]
    kind: tuple[Part, ...] = ()


@dataclass(frozen=True)
class Reference:
    """Everything that the page shows. `problems`: what each refusing status means."""

    title: str
    words: str
    locked: bool
    subjects: tuple[Subject, ...]
    models: tuple[Model, ...]
    problems: Mapping[str, str]


def reference(document: Mapping[str, Any]) -> Reference:
    """The reference of an OpenAPI 3.1 document as `service.openapi` makes it."""
    operations = list(_operations(document))
    names = dict.fromkeys([*SUBJECTS, *(tag for tag, _ in operations)])
    subjects = (
        Subject(name, SUBJECTS.get(name, name.capitalize()), tuple(one for tag, one in operations if tag == name))
        for name in names
    )
    schemas = document["components"]["schemas"]
    return Reference(
        title=document["info"]["title"],
        words=document["info"]["description"],
        locked="securitySchemes" in document["components"],
        subjects=tuple(subject for subject in subjects if subject.operations),
        models=tuple(_model(name, schemas[name]) for name in sorted(schemas)),
        problems=_problems(document),
    )


def _operations(document: Mapping[str, Any]) -> Iterator[tuple[str, Operation]]:
    locked = "securitySchemes" in document["components"]
    for path, methods in document["paths"].items():
        for method, asked in methods.items():
            yield asked.get("tags", ["other"])[0], _operation(document, method.upper(), path, asked, locked=locked)


def _operation(document: Mapping[str, Any], method: str, path: str, asked: Schema, *, locked: bool) -> Operation:
    status, answer = next((s, a) for s, a in asked["responses"].items() if s.startswith("2"))
    content = asked.get("requestBody", {}).get("content", {}).get("application/json", {})
    example = content.get("example", sample(document, content["schema"])) if content else None
    secret = locked and asked.get("security") != []
    return Operation(
        id=asked["operationId"],
        method=method,
        path=path,
        title=asked["summary"].capitalize(),
        words=asked.get("description", ""),
        parameters=tuple(_parameter(one) for one in asked.get("parameters", ())),
        body=kind(content["schema"]) if content else (),
        curl=_curl(method, path, example, secret=secret),
        status=status,
        answer=_answer(answer),
        problems=tuple(sorted(s for s in asked["responses"] if not s.startswith("2"))),
    )


def _answer(answer: Schema) -> tuple[Part, ...]:
    for media, content in answer.get("content", {}).items():
        return kind(content["schema"]) if media == "application/json" and content.get("schema") else (Part(media),)
    return (Part("no content"),)


def _parameter(one: Schema) -> Field:
    words = one.get("description") or one["schema"].get("description", "")
    return Field(one["name"], kind(one["schema"]), bool(one.get("required")), words, one["in"])


def _model(name: str, schema: Schema) -> Model:
    required = schema.get("required", ())
    fields = tuple(
        Field(field, kind(of), field in required, _field_words(of))
        for field, of in schema.get("properties", {}).items()
    )
    return Model(name, shown(name), schema.get("description", ""), fields, () if fields else kind(schema))


def _field_words(of: Schema) -> str:
    default = of.get("default")
    said = [] if default in (None, {}, [], "") else [f"default {json.dumps(default)}"]
    return "; ".join([*([of["description"]] if of.get("description") else []), *said])


def _problems(document: Mapping[str, Any]) -> dict[str, str]:
    found = {
        status: answer["description"]
        for methods in document["paths"].values()
        for asked in methods.values()
        for status, answer in asked["responses"].items()
        if not status.startswith("2")
    }
    return dict(sorted(found.items()))


def shown(model: str) -> str:
    """A model's name as a person reads it.

    >>> shown("Page_StudySummary_"), shown("StudySummary")
    ('page of StudySummary', 'StudySummary')
    """
    return re.sub(r"^Page_(.+)_$", r"page of \1", model)


def kind(schema: Schema) -> tuple[Part, ...]:
    """A schema's type in words; a model by its name.

    >>> "".join(part.text for part in kind({"type": "array", "items": {"$ref": "#/components/schemas/Trial"}}))
    'list of Trial'
    >>> "".join(part.text for part in kind({"anyOf": [{"type": "integer", "minimum": 1}, {"type": "null"}]}))
    'integer >= 1 or null'
    """
    if "$ref" in schema:
        name = schema["$ref"].removeprefix(_REF)
        return (Part(shown(name), name),)
    for several in ("anyOf", "oneOf", "allOf"):
        if several in schema:
            return _joined([kind(one) for one in schema[several]], " or ")
    if "const" in schema or "enum" in schema:
        return (Part(" or ".join(json.dumps(value) for value in schema.get("enum", [schema.get("const")]))),)
    if "prefixItems" in schema:
        return (Part("["), *_joined([kind(one) for one in schema["prefixItems"]], ", "), Part("]"))
    if schema.get("type") == "array":
        return (Part("list of "), *kind(schema.get("items", {})), *_limits(schema))
    if isinstance(schema.get("additionalProperties"), Mapping):
        return (Part("object of "), *kind(schema["additionalProperties"]))
    return (Part(schema.get("format") or schema.get("type") or "anything"), *_limits(schema))


def _limits(schema: Schema) -> tuple[Part, ...]:
    said = [f" {words} {_number(schema[limit])}" for limit, words in _LIMITS.items() if limit in schema]
    return (Part(",".join(said)),) if said else ()


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:g}" if isinstance(value, float) else str(value)


def _joined(kinds: Sequence[tuple[Part, ...]], by: str) -> tuple[Part, ...]:
    return tuple(part for k, one in enumerate(kinds) for part in ((Part(by), *one) if k else one))


def sample(document: Mapping[str, Any], schema: Schema, depth: int = 0) -> Any:
    """The shortest value of a schema: its example or default, else what is required, filled in by type."""
    if "$ref" in schema:
        return sample(document, document["components"]["schemas"][schema["$ref"].removeprefix(_REF)], depth)
    for known in ("example", "default", "const"):
        if known in schema:
            return schema[known]
    for several in ("examples", "enum"):
        if schema.get(several):
            return schema[several][0]
    for several in ("anyOf", "oneOf", "allOf"):
        if schema.get(several):
            return sample(document, schema[several][0], depth)
    return _by_type(document, schema, depth)


def _by_type(document: Mapping[str, Any], schema: Schema, depth: int) -> Any:
    match schema.get("type"):
        case "object" if depth < DEEPEST:
            fields = schema.get("properties", {})
            return {name: sample(document, fields[name], depth + 1) for name in schema.get("required", ())}
        case "object":
            return {}
        case "array":
            items = schema.get("items", {})
            return [sample(document, items, depth + 1)] if "$ref" in items and depth < DEEPEST else []
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
        case _:
            return "..."


def _curl(method: str, path: str, example: Any, *, secret: bool) -> str:
    where = re.sub(r"\{(\w+)\}", lambda found: f"${found[1].upper()}", path)
    lines = [f"curl -sS --fail {'' if method == 'GET' else f'-X {method} '}$SERVICE{where}"]
    if secret:
        lines.append('-H "Authorization: Bearer $CLR_TOKEN"')
    if example is not None:
        body = json.dumps(example).replace("'", "'\\''")
        lines += ["-H 'Content-Type: application/json'", f"-d '{body}'"]
    return " \\\n  ".join(lines)
