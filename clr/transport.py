"""How the client talks: documents, tokens, what may be tried again and when, answers and problems as values."""

from __future__ import annotations

import email.utils
import getpass
import ipaddress
import os
import random
import time
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from clr.errors import (
    ClrError,
    Conflict,
    FieldError,
    NotFound,
    RequestRefused,
    ServiceError,
    ServiceUnreachable,
    Unauthorized,
    UpgradeNeeded,
)
from clr.spec import StudySpec

TEMPORARY = frozenset({408, 429, 502, 503, 504})
_LONGEST_PAUSE = 60.0

M = TypeVar("M", bound=BaseModel)


def document_of(spec: StudySpec | Mapping[str, Any]) -> dict[str, Any]:
    """A spec as it is sent, with its owner."""
    document = spec.model_dump(mode="json", exclude_unset=True) if isinstance(spec, StudySpec) else dict(spec)
    return document if "owner" in document else {**document, "owner": _owner()}


def _owner() -> str:
    """Whose studies this process submits: CLR_OWNER, else the login name; "" where there is none."""
    try:
        return os.environ.get("CLR_OWNER") or getpass.getuser()[:64]
    except (OSError, KeyError, ImportError):  # a container's user without a name
        return ""


def token_from_environment() -> str | None:
    """CLR_TOKEN, else what the file named by CLR_TOKEN_FILE holds."""
    token = os.environ.get("CLR_TOKEN")
    path = os.environ.get("CLR_TOKEN_FILE")
    return token or (token_from_file(Path(path)) if path else None)


def token_from_file(path: Path) -> str:
    """The token that a file holds, without the white space around it."""
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise Unauthorized(f"The token file {path} can't be read: {error.strerror}.") from None


def is_temporary(error: ClrError) -> bool:
    """Whether the same call may succeed later: nobody answered, or the service said that it can't just now."""
    if isinstance(error, RequestRefused):
        return error.status in TEMPORARY or error.status >= 500
    return isinstance(error, ServiceUnreachable)


class Bearer(httpx.Auth):
    """Sends the token; a value of its own so that no header or repr shows it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


def checked(token: str | None) -> str | None:
    """The token, where a header can carry it."""
    # An illegal header value would be quoted in the HTTP library's error, token and all.
    if token is not None and not all("!" <= character <= "~" for character in token):
        raise Unauthorized("The token holds white space or a character outside ASCII; it is one line of plain text.")
    return token


def is_loopback(host: str) -> bool:
    """Whether only this machine can connect to `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def jitter(tries: int) -> float:
    """How long to pause after so many tries [seconds]."""
    return random.uniform(0.05, min(5.0, 0.2 * 2.0**tries))


def retry_after(response: httpx.Response) -> float:
    """The pause asked for in the Retry-After header, seconds or a date; 0 where none is given."""
    value = response.headers.get("Retry-After", "")
    if value.isdigit():
        return min(float(value), _LONGEST_PAUSE)
    try:
        until = email.utils.parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError):
        return 0.0
    return min(max(until - time.time(), 0.0), _LONGEST_PAUSE)


def read(response: httpx.Response, model: type[M]) -> M:
    """The answer as a value of this model."""
    try:
        return model.model_validate_json(response.content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = "/".join(str(part) for part in first["loc"])
        raise ServiceError(
            f"The answer of {response.url} can't be understood ({place}: {first['msg']}). "
            "Is it the CLR sweep service, and of the same version?"
        ) from None


def problem_of(response: httpx.Response) -> Mapping[str, Any]:
    """The problem that a refusal was answered with; empty where it is none."""
    try:
        problem = response.json()
    except ValueError:
        return {}
    return problem if isinstance(problem, dict) else {}


def error_of(response: httpx.Response, problem: Mapping[str, Any], url: str) -> ClrError:
    """The error that a refusal stands for."""
    status = response.status_code
    title = str(problem.get("title") or response.reason_phrase)
    detail = str(problem.get("detail") or title)
    if status == 401:
        return Unauthorized(f"{url} refuses the token: {detail} Set CLR_TOKEN or CLR_TOKEN_FILE to the service's.")
    plain = {404: NotFound, 409: Conflict, 426: UpgradeNeeded}.get(status)
    if plain is not None:
        return plain(detail)
    errors = [
        FieldError(str(item.get("pointer", "")), str(item.get("detail", ""))) for item in problem.get("errors", ())
    ]
    return RequestRefused(status, title, detail, errors)
