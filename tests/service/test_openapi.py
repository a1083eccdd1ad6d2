"""The description that clients are generated from."""

import json
import re


def operations(document):
    return [(p, m, o) for p, methods in document["paths"].items() for m, o in methods.items()]


def test_it_is_openapi_3_1_with_a_name_for_each_operation(http):
    document = http.get("/openapi.json").json()
    names = [operation["operationId"] for _, _, operation in operations(document)]

    assert document["openapi"].startswith("3.1")
    assert len(names) == len(set(names)) and all(re.fullmatch(r"[a-z_]+", name) for name in names)


def test_every_reference_leads_somewhere(http):
    document = http.get("/openapi.json").json()
    names = re.findall(r'"#/components/schemas/([^"]+)"', json.dumps(document))

    assert names and set(names) <= set(document["components"]["schemas"])


def test_every_refusal_is_described_as_a_problem(http):
    document = http.get("/openapi.json").json()

    for path, method, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status >= "400" and path != "/readyz":  # whose 503 says what is wrong with the service, not the request
                assert list(answer["content"]) == ["application/problem+json"], (path, method, status)
        assert operation["summary"] and operation.get("description"), (path, method)
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_the_examples_of_bodies_are_accepted(http, submit):
    document = http.get("/openapi.json").json()

    for path in ("/v1/workers", "/v1/studies", "/v1/schedules/preview"):
        body = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        answer = http.post(path, json={**body["example"], **({"task": "toy"} if path == "/v1/studies" else {})})
        assert answer.status_code in (200, 201), answer.text


def test_the_routes_are_those_that_are_promised(http):
    document = http.get("/openapi.json").json()

    assert {(path, method) for path, method, _ in operations(document)} == {
        ("/v1/studies", "get"), ("/v1/studies", "post"), ("/v1/studies/{study}", "get"),
        ("/v1/studies/{study}", "delete"),
        ("/v1/studies/{study}", "patch"), ("/v1/studies/{study}/pause", "post"), ("/v1/studies/{study}/resume", "post"),
        ("/v1/plan", "post"), ("/v1/queue", "get"),
        ("/v1/studies/{study}/extend", "post"), ("/v1/studies/{study}/cancel", "post"),
        ("/v1/studies/{study}/trials", "get"),
        ("/v1/studies/{study}/trials/{number}", "get"), ("/v1/studies/{study}/range-test", "get"),
        ("/v1/studies/{study}/best", "get"), ("/v1/studies/{study}/report", "get"),
        ("/v1/studies/{study}/export", "get"), ("/v1/studies/{study}/comparison", "get"), ("/v1/best", "get"),
        ("/v1/tasks", "get"), ("/v1/schedules", "get"), ("/v1/schedules/preview", "post"), ("/v1/workers", "get"),
        ("/v1/workers", "post"), ("/v1/leases", "post"), ("/v1/leases/renew", "post"), ("/v1/leases/release", "post"),
        ("/v1/reports", "post"), ("/v1/results", "post"), ("/healthz", "get"), ("/readyz", "get"),
        ("/v1/about", "get"),
    }  # fmt: skip
