"""Who may ask: host, origin, token, body. One ASGI layer in front of every route, to be replaced in one place."""

from __future__ import annotations

import hmac
import uuid
from collections.abc import Mapping
from urllib.parse import urlsplit

from pydantic import SecretStr
from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from clr.client import is_loopback
from service import problems
from service.problems import Problem
from service.settings import Settings

MAX_BODY = 256 * 1024
# A worker that was cut off sends what it spooled in batches of up to 256 slots, each with the tail of its output.
LARGER_BODIES: Mapping[str, int] = {"/v1/reports": 8 * 1024 * 1024, "/v1/results": 8 * 1024 * 1024}
OPEN = frozenset({"/healthz", "/docs", "/docs/style.css"})
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_TOKEN_NEEDED = problems.problem(
    401, "unauthorized", "A token is needed", "Send the service's token as: Authorization: Bearer TOKEN."
)


class Access:
    """Refuses foreign hosts and origins, wrong tokens, bodies that are too large or not JSON; gives each request an id.

    Args:
        app: what is behind it.
        settings: the token (None: open), and the host that is listened on.
    """

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._token = app, settings.token
        # On loopback a web page could otherwise reach the service under a name that resolves to it (DNS rebinding).
        self._local_names_only = settings.loopback

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = str(uuid.uuid4())
        scope.setdefault("state", {})["request_id"] = request_id

        async def send_marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = request_id
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        headers, limit = Headers(scope=scope), LARGER_BODIES.get(scope["path"], MAX_BODY)
        if refusal := self._refusal(scope, headers, limit):
            challenge = {"WWW-Authenticate": 'Bearer realm="clr"'} if refusal.status == 401 else None
            await problems.response(scope, refusal, challenge)(scope, receive, send_marked)
        else:
            await self._app(scope, _limited(receive, limit), send_marked)

    def _refusal(self, scope: Scope, headers: Headers, limit: int) -> Problem | None:
        if self._local_names_only and not is_loopback(host_name(headers.get("host", ""))):
            return problems.plain(421, "This service listens on this machine alone: call it 127.0.0.1 or localhost.")
        if scope["method"] not in SAFE and _foreign(headers):
            return problems.plain(403, "A page of another site may change nothing here.")
        if scope["path"] not in OPEN and not _shows(headers, self._token):
            return _TOKEN_NEEDED
        return _body_refusal(headers, limit)


def _foreign(headers: Headers) -> bool:
    """Whether a browser sends this for a page of another site. Some requests it sends without asking us first."""
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")


def _shows(headers: Headers, token: SecretStr | None) -> bool:
    """Whether the request shows the token; compared in constant time."""
    if token is None:
        return True
    scheme, _, shown = headers.get("authorization", "").partition(" ")
    same = hmac.compare_digest(shown.strip().encode(), token.get_secret_value().encode())
    return same and scheme.lower() == "bearer"


def _body_refusal(headers: Headers, limit: int) -> Problem | None:
    length = headers.get("content-length", "0")
    if length.isdigit() and int(length) > limit:
        return _too_large(limit)
    has_body = length != "0" or "transfer-encoding" in headers
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if has_body and kind != "application/json":
        return problems.plain(415, f"Send Content-Type: application/json, got {kind[:60] or 'none'!r}.")
    return None


def _too_large(limit: int) -> Problem:
    return problems.plain(413, f"A body here has at most {limit // 1024} KiB.")


def _limited(receive: Receive, limit: int) -> Receive:
    """Counts a body that came without its length."""
    total = 0

    async def counted() -> Message:
        nonlocal total
        message = await receive()
        total += len(message.get("body", b""))
        if total > limit:
            raise HTTPException(413, _too_large(limit).detail)
        return message

    return counted


def host_name(header: str) -> str:
    """The name in a Host header, without its port.

    >>> host_name("localhost:8000"), host_name("[::1]:80"), host_name("127.0.0.1")
    ('localhost', '::1', '127.0.0.1')
    """
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].lower()
