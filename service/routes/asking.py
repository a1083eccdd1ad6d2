"""What a request brings along: the service's parts, its JSON document, its place in a list."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Path, Query
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request

from clr.errors import FieldError, InvalidSpec
from clr.spec import field_errors
from service.pagination import MAX_CURSOR, MAX_LIMIT
from service.parts import Parts
from service.store.database import Database

M = TypeVar("M", bound=BaseModel)
MAX_DEPTH = 32
OUTPUT = frozenset({"tail", "reason"})
"""Fields that hold what a crashed process wrote last, which may be anything."""


def _parts(request: Request) -> Parts:
    parts = request.app.state.parts
    assert isinstance(parts, Parts)
    return parts


def _database(request: Request) -> Database:
    return _parts(request).database


async def _body(request: Request) -> bytes:
    return await request.body()


def _document(body: Annotated[bytes, Depends(_body)]) -> Any:
    """The body as JSON. `json.loads` takes NaN: what checks the document then names its field."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise HTTPException(400, f"The body is not JSON: {reason}.") from None
    _refuse_odd(document)
    return document


def _refuse_odd(document: Any) -> None:
    """What no honest document holds and what breaks those who read it: NUL, half a surrogate pair."""
    if any("\0" in part or not _encodes(part) for part in _parts_within(document) if isinstance(part, str)):
        raise HTTPException(400, "The body holds a NUL character or half a surrogate pair.")


def _parts_within(document: Any) -> Iterator[Any]:
    """Every value and key, the document itself first; raises where it is nested too deeply."""
    level, depth = [document], 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise HTTPException(400, f"The body is nested more than {MAX_DEPTH} deep.")
        yield from level
        level = [inner for part in level for inner in _inside(part)]


def _inside(part: Any) -> list[Any]:
    if isinstance(part, dict):
        for name in OUTPUT & part.keys():
            if isinstance(part[name], str):
                part[name] = part[name].replace("\0", "\N{REPLACEMENT CHARACTER}")
        return [*part.keys(), *part.values()]
    return part if isinstance(part, list) else []


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


Asked = Annotated[Parts, Depends(_parts)]
Store = Annotated[Database, Depends(_database)]
Document = Annotated[Any, Depends(_document)]
StudyId = Annotated[str, Path(pattern=r"^[A-Za-z0-9._-]{1,64}$", description="the study's id")]
Number = Annotated[int, Path(ge=0, le=2**31 - 1, description="the slot's number in the study")]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR, description="next_cursor of the page before")]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="items on a page")]


def known_filters(request: Request) -> None:
    """Refuses a query parameter that the route does not have: ignored, it would seem to filter.

    Raises:
        InvalidSpec: naming each, and those that there are.
    """
    known = [field.alias for field in request.scope["route"].dependant.query_params]
    unknown = sorted(set(request.query_params) - set(known))
    if unknown:
        detail = f"there is no such query parameter: known are {', '.join(known)}"
        raise InvalidSpec([FieldError(f"/query/{name}", detail) for name in unknown])


def message(model: type[M]) -> Any:
    """The body as one of the worker's messages, for `Annotated`. Refused with everything wrong with it, by field."""

    def read(document: Document) -> M:
        if any(isinstance(part, int) and not -(2**63) <= part < 2**63 for part in _parts_within(document)):
            raise HTTPException(400, "The body holds a whole number beyond 64 bits.")
        try:
            return model.model_validate(document)
        except ValidationError as error:
            raise InvalidSpec(field_errors(error)) from None

    return Depends(read)


def optional_message(model: type[M]) -> Any:
    """`message` of a body that may be left out: the model's defaults then."""
    read = message(model).dependency

    def read_or_default(body: Annotated[bytes, Depends(_body)]) -> M:
        found: M = read(_document(body)) if body.strip() else model()
        return found

    return Depends(read_or_default)


def body_of(model: type[BaseModel], example: dict[str, Any] | None = None) -> dict[str, Any]:
    """OpenAPI's entry for a body that the route reads as a `Document` or `message`."""
    content: dict[str, Any] = {"schema": {"$ref": f"#/components/schemas/{model.__name__}"}}
    if example is not None:
        content["example"] = example
    return {"requestBody": {"required": True, "content": {"application/json": content}}}
