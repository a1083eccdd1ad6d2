"""The service's OpenAPI 3.1 description."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic.json_schema import models_json_schema

from clr.protocol import LeaseRequest, Registration, Release, Renewal, Reports, Results
from clr.resources import PreviewRequest
from clr.spec import Extension, StudySpec
from clr.turns import PauseRequest, ResumeRequest, StudyChange
from service.access import OPEN
from service.problems import Problem

_MODELS = (
    StudySpec,
    Extension,
    Registration,
    LeaseRequest,
    Renewal,
    Release,
    Reports,
    Results,
    PreviewRequest,
    PauseRequest,
    ResumeRequest,
    StudyChange,
    Problem,
)  # those that no route declares as its body or answer


def describe(app: FastAPI, *, locked: bool) -> dict[str, Any]:
    """The document behind GET /openapi.json.

    Args:
        app: whose routes are described.
        locked: whether a token is set.
    """
    document = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes, tags=app.openapi_tags
    )
    components = document.setdefault("components", {})
    _, schemas = models_json_schema(
        [(model, "validation") for model in _MODELS], ref_template="#/components/schemas/{model}"
    )
    components.setdefault("schemas", {}).update(schemas["$defs"])
    if locked:
        components["securitySchemes"] = {"token": {"type": "http", "scheme": "bearer"}}
        for path, operations in document["paths"].items():
            for operation in operations.values():
                operation["security"] = [] if path in OPEN else [{"token": []}]
    return document
