"""What is refused, and that every refusal has the one shape."""

import http.client
import json
import sqlite3
import uuid

import pytest

from service.settings import Settings


def assert_problem(answer, status):
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    problem = answer.json()
    assert set(problem) - {"errors"} == {"type", "title", "status", "detail", "instance"}
    assert problem["status"] == status and problem["type"].startswith("urn:clr:problem:")
    assert problem["detail"].strip()
    assert problem["instance"] == f"urn:uuid:{uuid.UUID(answer.headers['X-Request-ID'])}"
    return problem


def test_an_unknown_path_is_a_404_problem(http):
    assert "/openapi.json" in assert_problem(http.get("/v2/studies"), 404)["detail"]


def test_a_wrong_method_is_a_405_problem(http):
    answer = http.put("/v1/studies", json={})

    assert_problem(answer, 405)
    assert "POST" in answer.headers["Allow"] or "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/redoc", "/docs/oauth2-redirect"])
def test_there_is_no_page_that_loads_scripts_from_elsewhere(http, path):
    assert_problem(http.get(path), 404)


@pytest.mark.parametrize("path", ["/v1/studies", "/v1/workers", "/v1/leases", "/v1/results"])
@pytest.mark.parametrize("body", ["{", "", "{'a': 1}", "[" * 5000, '{"task": 1' + "9" * 5000 + "}"])
def test_a_body_that_is_no_json_is_refused(http, path, body):
    answer = http.post(path, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code in (400, 422)
    assert_problem(answer, answer.status_code)


@pytest.mark.parametrize("body", ["[" * 50 + "]" * 50, '{"task": "a\\u0000b"}', '{"task": "\\ud800"}'])
def test_a_document_that_breaks_its_readers_is_refused(http, body):
    assert_problem(http.post("/v1/studies", content=body, headers={"Content-Type": "application/json"}), 400)


@pytest.mark.parametrize("path", ["/v1/leases", "/v1/workers", "/v1/results", "/v1/leases/renew"])
@pytest.mark.parametrize(
    "body",
    [
        '{"\\ud800": 1}',
        '{"worker": "\\ud800"}',
        '{"worker": NaN}',
        '{"worker": 1' + "0" * 30 + "}",
        '{"worker": "\\u0000"}',
    ],
)
def test_odd_characters_are_refused_on_every_route(http, path, body):
    answer = http.post(path, content=body, headers={"Content-Type": "application/json"})

    assert answer.status_code in (400, 404, 422)
    assert_problem(answer, answer.status_code)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", None])
def test_a_body_of_another_kind_is_415(http, kind):
    """A web page can send these without asking; it can't send JSON."""
    headers = {"Content-Type": kind} if kind else {}

    assert_problem(http.post("/v1/studies", content='{"task": "toy", "arms": ["fixed"]}', headers=headers), 415)


def test_a_body_above_256_kib_is_413(http):
    body = json.dumps({"task": "toy", "arms": ["fixed"], "name": "x" * 300_000})

    assert_problem(http.post("/v1/studies", content=body, headers={"Content-Type": "application/json"}), 413)


def test_a_body_that_hides_its_length_is_413(http):
    def chunks():
        for _ in range(10):
            yield b" " * 50_000

    assert_problem(http.post("/v1/studies", content=chunks(), headers={"Content-Type": "application/json"}), 413)


def test_a_worker_s_batch_may_be_larger(http, trainer):
    evaluations = [{"iteration": i, "metrics": {"accuracy": 0.5, "loss": 0.123456789}} for i in range(1, 6000)]
    report = {"worker": trainer.worker, "reports": [{"slot": 1, "fence": 10**6, "evaluations": evaluations}]}
    assert len(json.dumps(report)) > 256 * 1024

    assert http.post("/v1/reports", json=report).status_code == 200


@pytest.mark.parametrize("name", ["evil.example", "127.0.0.1.evil.example", "evil.example:8000", ""])
def test_a_foreign_host_name_is_421_on_loopback(http, name):
    """Else a web page could reach the service under a name of its own that resolves to 127.0.0.1."""
    connection = http_connection(http)
    connection.putrequest("GET", "/v1/studies", skip_host=True)
    connection.putheader("Host", name)
    connection.endheaders()

    assert connection.getresponse().status == 421


def http_connection(client):
    url = client.base_url
    return http.client.HTTPConnection(url.host, url.port, timeout=10)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "[::1]"])
def test_this_machine_s_names_are_served(http, name):
    assert http.get("/v1/studies", headers={"Host": f"{name}:8000"}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost"])
def test_a_page_of_another_site_changes_nothing(http, submit, origin):
    """A browser sends a POST without a body for any page, without asking the service first."""
    study = submit()

    answer = http.post(f"/v1/studies/{study}/cancel", headers={"Origin": origin})

    assert assert_problem(answer, 403)["type"] == "urn:clr:problem:foreign-origin"
    assert http.get(f"/v1/studies/{study}").json()["state"] == "queued"


def test_a_page_of_this_site_may_ask(http, submit):
    own = str(http.base_url).rstrip("/")

    assert http.post(f"/v1/studies/{submit()}/cancel", headers={"Origin": own}).status_code == 200


def test_no_other_origin_is_allowed(http):
    answer = http.options(
        "/v1/studies", headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    )

    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_every_answer_has_a_request_id_of_its_own(http):
    ids = {http.get("/healthz").headers["X-Request-ID"] for _ in range(3)}

    assert len(ids) == 3


@pytest.mark.parametrize("number", ["-1", "x", "99999999999999999999"])
def test_a_wrong_trial_number_is_refused_by_name(http, submit, number):
    problem = assert_problem(http.get(f"/v1/studies/{submit()}/trials/{number}"), 422)

    assert problem["errors"][0]["pointer"] == "/path/number"


@pytest.mark.parametrize("query", ["arm=a%00b", "arm=", "phase=x", "state=%00", "cursor=%00"])
def test_a_wrong_filter_is_refused(http, submit, query):
    assert_problem(http.get(f"/v1/studies/{submit()}/trials?{query}"), 422)


@pytest.mark.parametrize("study", ["a%00b", "%2e%2e", "x" * 65, "a b"])
def test_a_name_that_no_study_can_have_is_refused(http, study):
    answer = http.get(f"/v1/studies/{study}")

    assert answer.status_code in (404, 422)


def test_an_unforeseen_error_says_nothing_of_itself(serving, tmp_path):
    with serving(Settings(data=tmp_path, database=None, token=None)) as http:
        with sqlite3.connect(tmp_path / "clr.sqlite3") as database:
            columns = "id, name, task, priority, created_at, spec, body_hash, reason, sequence"
            broken = "'s1', '', 'toy', 0, 0, '{broken', '', '', 0"
            database.execute(f"INSERT INTO clr_studies ({columns}) VALUES ({broken})")

        problem = assert_problem(http.get("/v1/studies/s1"), 500)

    assert "broken" not in str(problem) and "JSON" not in str(problem) and "log" in problem["detail"]


def test_a_database_out_of_reach_is_503_and_says_to_try_again(serving, tmp_path):
    with serving(Settings(data=tmp_path, database=None, token=None)) as http:
        with sqlite3.connect(tmp_path / "clr.sqlite3") as database:
            database.execute("ALTER TABLE clr_studies RENAME TO gone")
        answer = http.get("/v1/studies")
        with sqlite3.connect(tmp_path / "clr.sqlite3") as database:
            database.execute("ALTER TABLE gone RENAME TO clr_studies")

        assert "clr_studies" not in str(assert_problem(answer, 503)) and answer.headers["Retry-After"] == "2"
        assert http.get("/v1/studies").status_code == 200
