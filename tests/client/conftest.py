from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from network import QuietHandler, listening


@dataclass(frozen=True)
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: str


@dataclass
class Scripted:
    """A real HTTP server that gives the answers it was told to, in order; the last one again and again."""

    url: str = ""
    answers: list[tuple[int, Any, dict[str, str]]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    thinks: float = 0.0
    """How long it takes to answer [seconds]."""

    def answer(self, status: int, body: Any, **headers: str) -> Scripted:
        self.answers.append((status, body, {name.replace("_", "-"): value for name, value in headers.items()}))
        return self

    def problem(self, status: int, kind: str, detail: str, errors: Any = (), **headers: str) -> Scripted:
        document = {"type": f"urn:clr:problem:{kind}", "title": kind, "status": status, "detail": detail}
        return self.answer(status, document | {"errors": list(errors)}, **headers)


@pytest.fixture
def scripted() -> Iterator[Scripted]:
    script = Scripted()

    class Handler(QuietHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
            script.asked.append(Asked(self.command, self.path, dict(self.headers), body))
            time.sleep(script.thinks)
            status, answer, headers = script.answers.pop(0) if len(script.answers) > 1 else script.answers[0]
            content = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(content))}.items():
                self.send_header(name, value)
            with contextlib.suppress(BrokenPipeError):  # a client that gave up
                self.end_headers()
                self.wfile.write(content)

        do_GET = do_POST = do_DELETE = _answer

    with listening(Handler) as script.url:
        yield script


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CLR_SERVICE", "CLR_TOKEN", "CLR_TOKEN_FILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLR_OWNER", "ada")
