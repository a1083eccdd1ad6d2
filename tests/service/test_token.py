"""The shared token: wanted on every route but one, and shown nowhere."""

import logging
import re

import httpx
import pytest

from clr.client import Client
from clr.errors import Unauthorized
from service.settings import Settings

CANARY = "canary-3f9c1d7e5b2a4860c4e1a7d9f0b38256"
OPEN = {"/healthz"}


@pytest.fixture(scope="module")
def locked(serving, tmp_path_factory):
    settings = Settings(data=tmp_path_factory.mktemp("locked"), database=None, token=CANARY)
    with serving(settings, CANARY) as http:
        yield http


@pytest.fixture(scope="module")
def operations(locked):
    document = locked.get("/openapi.json").json()
    return [
        (method.upper(), re.sub(r"\{number\}", "1", re.sub(r"\{\w+\}", "s1", path)))
        for path, methods in [*document["paths"].items(), ("/openapi.json", {"get": {}}), ("/nowhere", {"get": {}})]
        for method in methods
    ]


WRONG = [
    {}, {"Authorization": "Bearer " + "x" * 40}, {"Authorization": CANARY}, {"Authorization": f"Basic {CANARY}"},
    {"Authorization": f"Bearer {CANARY[:-1]}"}, {"Authorization": "Bearer"}, {"Authorization": f"Bearer {CANARY} x"},
    {"Authorization": "Bearer \xe4\xf6"}, {"Cookie": f"token={CANARY}"},
]  # fmt: skip


@pytest.mark.parametrize("headers", WRONG)
def test_every_operation_is_401_without_the_token(locked, operations, headers):
    assert len(operations) > 20
    with httpx.Client(base_url=locked.base_url, trust_env=False) as stranger:
        for method, path in operations:
            raw = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
            answer = stranger.request(method, path, headers=raw, json={} if method == "POST" else None)
            if path in OPEN:
                assert answer.status_code == 200
                continue
            assert answer.status_code == 401, (method, path)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            assert answer.json()["type"] == "urn:clr:problem:unauthorized"


def test_no_operation_is_401_with_the_token(locked, operations):
    for method, path in operations:
        assert locked.request(method, path, json={} if method == "POST" else None).status_code != 401, (method, path)


def test_a_body_too_large_is_not_read_from_a_stranger(locked):
    with httpx.Client(base_url=locked.base_url, trust_env=False) as stranger:
        answer = stranger.post("/v1/studies", content=b"x" * 300_000, headers={"Content-Type": "application/json"})

    assert answer.status_code == 401


def test_the_token_in_the_query_opens_nothing(locked):
    with httpx.Client(base_url=locked.base_url, trust_env=False) as stranger:
        assert stranger.get("/v1/studies", params={"token": CANARY, "access_token": CANARY}).status_code == 401


def test_the_description_says_that_a_token_is_wanted(locked):
    document = locked.get("/openapi.json").json()

    assert document["components"]["securitySchemes"]["token"] == {"type": "http", "scheme": "bearer"}
    assert document["paths"]["/v1/studies"]["get"]["security"] == [{"token": []}]
    assert document["paths"]["/healthz"]["get"]["security"] == []


def test_the_token_stands_in_no_answer_and_no_log(locked, operations, caplog):
    caplog.set_level(logging.DEBUG)
    said = []
    for method, path in operations:
        body = {"name": CANARY[:10]} if method == "POST" else None
        said += [(a.text, str(a.headers)) for a in (locked.request(method, path, json=body),)]
    locked.request("POST", "/v1/studies", content="{", headers={"Content-Type": "application/json"})
    with httpx.Client(base_url=locked.base_url, trust_env=False) as stranger:
        answer = stranger.get("/v1/studies", headers={"Authorization": f"Bearer {CANARY}-almost"})
        said.append((answer.text, str(answer.headers)))

    assert CANARY not in str(said) and CANARY not in caplog.text and CANARY not in repr(locked.app.state.parts)


def test_the_client_shows_it_and_a_wrong_one_is_said(locked):
    with Client(str(locked.base_url), CANARY) as client:
        assert list(client.studies()) == []
    with Client(str(locked.base_url), "w" * 40) as client, pytest.raises(Unauthorized, match="CLR_TOKEN"):
        list(client.studies())
