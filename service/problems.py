"""clr.errors -> problem details (RFC 9457): the one place that knows an HTTP status."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from clr import errors

MEDIA_TYPE = "application/problem+json"
logger = logging.getLogger("clr.service")


class Pointed(BaseModel):
    """One thing wrong with the request. `pointer` is a JSON pointer into the body, or /query/NAME, /path/NAME."""

    model_config = ConfigDict(frozen=True)

    pointer: str
    detail: str


class Problem(BaseModel):
    """What every refusal looks like. `type` is stable; `instance` is the request's id, also in X-Request-ID."""

    model_config = ConfigDict(frozen=True)

    type: str
    title: str
    status: int
    detail: str
    instance: str = ""
    errors: tuple[Pointed, ...] = Field(default=())


# class -> (status, last part of the type, title); the first that fits, so subclasses stand above their parents.
STATUSES: Mapping[type[errors.ClrError], tuple[int, str, str]] = {
    errors.InvalidSpec: (422, "invalid-request", "The request is invalid"),
    errors.InvalidSchedule: (422, "invalid-request", "The request is invalid"),
    errors.InvalidNumbers: (422, "invalid-request", "The request is invalid"),
    errors.UnknownName: (404, "not-found", "Not found"),
    errors.NotFound: (404, "not-found", "Not found"),
    errors.Conflict: (409, "conflict", "The request contradicts what is stored"),
    errors.UpgradeNeeded: (426, "upgrade-needed", "Worker and service speak different versions"),
    errors.DatabaseUnusable: (503, "unavailable", "The service can't answer now"),
    errors.Unauthorized: (401, "unauthorized", "A token is needed"),
    errors.ClrError: (500, "internal", "The service failed"),
}
_PLAIN: Mapping[int, tuple[str, str]] = {
    400: ("bad-request", "The request can't be read"),
    403: ("foreign-origin", "A page of another site asks"),
    404: ("not-found", "Not found"),
    405: ("method-not-allowed", "Method not allowed"),
    413: ("too-large", "The body is too large"),
    415: ("not-json", "The body must be JSON"),
    421: ("wrong-host", "This address is not served here"),
    503: ("unavailable", "The service can't answer now"),
}
_INTERNAL = "An error of the service, not of the request; its log holds the details under the request's id."


def problem(status: int, kind: str, title: str, detail: str, wrong: Iterable[errors.FieldError] = ()) -> Problem:
    pointed = tuple(Pointed(pointer=error.pointer, detail=error.detail) for error in wrong)
    return Problem(type=f"urn:clr:problem:{kind}", title=title, status=status, detail=detail, errors=pointed)


def plain(status: int, detail: str) -> Problem:
    """The problem of a status that HTTP itself explains."""
    kind, title = _PLAIN.get(status, (f"http-{status}", f"HTTP {status}"))
    return problem(status, kind, title, detail)


def of(error: errors.ClrError) -> Problem:
    """The problem that one of our errors is answered with."""
    status, kind, title = next(row for known, row in STATUSES.items() if isinstance(error, known))
    if status == 500:
        return problem(status, kind, title, _INTERNAL)
    if isinstance(error, errors.InvalidSpec):
        count = len(error.errors)
        detail = f"{count} thing{'s are' if count != 1 else ' is'} wrong; nothing was done."
        return problem(status, kind, title, detail, error.errors)
    return problem(status, kind, title, str(error))


def response(scope: Scope, found: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """A problem as the answer to the request of `scope`."""
    request_id = scope["state"]["request_id"]
    body = found.model_copy(update={"instance": f"urn:uuid:{request_id}"}).model_dump(mode="json")
    if not body["errors"]:
        del body["errors"]
    marked = {**(headers or {}), "X-Request-ID": request_id}
    # ASCII alone: a request may hold halves of surrogate pairs, which no answer can.
    return Response(json.dumps(body), found.status, marked, MEDIA_TYPE)


def install(app: FastAPI, outages: Iterable[type[Exception]] = ()) -> None:
    """Every refusal of `app` becomes a problem: ours, the framework's, and what nobody foresaw.

    Args:
        app: whose errors are answered.
        outages: errors that mean that the database is out of reach for now.
    """
    for outage in outages:
        app.add_exception_handler(outage, _unavailable)
    app.add_exception_handler(errors.ClrError, _clr_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_exception)
    app.add_exception_handler(Exception, _unforeseen)


async def _clr_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, errors.ClrError)
    found = of(error)
    if found.status >= 500:
        _log(request, error)
    return response(request.scope, found)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return response(request.scope, of(errors.InvalidSpec([_pointed(item) for item in error.errors()])))


def _pointed(item: Mapping[str, Any]) -> errors.FieldError:
    """What is wrong with a query, a path or a header: at /query/NAME and the like (bodies are read by the routes)."""
    pointer = "".join(f"/{part}" for part in item["loc"])
    detail = str(item["msg"]).removeprefix("Value error, ")
    if item["type"] in ("missing", "extra_forbidden", "value_error"):
        return errors.FieldError(pointer, detail)
    text = repr(item.get("input"))
    return errors.FieldError(pointer, f"{detail}, got {text if len(text) <= 80 else text[:77] + '...'}")


async def _http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    details = {
        404: f"Nothing is at {request.url.path}. GET /openapi.json lists what is.",
        405: f"{request.url.path} does not take {request.method}.",
    }
    detail = details.get(error.status_code, str(error.detail))
    return response(request.scope, plain(error.status_code, detail), error.headers)


async def _unavailable(request: Request, error: Exception) -> Response:
    _log(request, error)
    detail = "The database can't be reached or has no room just now; nothing was stored. Try the same request again."
    return response(request.scope, plain(503, detail), {"Retry-After": "2"})


async def _unforeseen(request: Request, error: Exception) -> Response:
    _log(request, error)
    return response(request.scope, problem(500, "internal", "The service failed", _INTERNAL))


def _log(request: Request, error: Exception) -> None:
    request_id = request.scope["state"]["request_id"]
    logger.error("%s %s failed (request %s)", request.method, request.url.path, request_id, exc_info=error)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """OpenAPI's entries for the refusals that a route can give."""
    names: dict[int, str] = {row[0]: row[2] for row in STATUSES.values()} | {s: row[1] for s, row in _PLAIN.items()}
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {s: {"description": names.get(s, f"HTTP {s}"), "content": {MEDIA_TYPE: schema}} for s in statuses}
