"""The API reference for people. Its one style sheet is ours, it runs no script and asks nobody else for anything."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from service.reference import reference

router = APIRouter(include_in_schema=False)
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def with_code(text: str) -> Markup:
    """Text as HTML, what stands between backticks as code.

    >>> with_code("`count` < 3")
    Markup('<code>count</code> &lt; 3')
    """
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


pages = Environment(loader=PackageLoader("service", "page"), autoescape=True, undefined=StrictUndefined)
pages.filters["with_code"] = with_code


@router.get("/docs")
def get_reference(request: Request) -> HTMLResponse:
    """Every operation, model and problem. Open to everyone: it tells of the service what its source code does."""
    shown = reference(request.app.openapi())
    return HTMLResponse(pages.get_template("reference.html").render(reference=shown), headers=HEADERS)


@router.get("/docs/style.css")
def get_style() -> Response:
    """The page's style sheet."""
    return Response(_style(), media_type="text/css", headers=HEADERS)


@cache
def _style() -> str:
    return (files("service") / "page" / "reference.css").read_text(encoding="utf-8")
