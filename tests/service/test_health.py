"""Liveness and readiness."""

import shutil

import pytest

from service.settings import Settings


@pytest.fixture
def keeping(serving, tmp_path):
    """A service whose data folder holds no database, as with PostgreSQL."""
    url = f"sqlite:///{tmp_path / 'elsewhere.sqlite3'}"
    return lambda data: serving(Settings(data=data, database=url, token=None))


def test_a_live_and_ready_service_says_so(http):
    assert http.get("/healthz").json() == {"status": "ok", "checks": {}}
    ready = http.get("/readyz")

    assert ready.status_code == 200 and ready.json()["status"] == "ok"
    assert set(ready.json()["checks"].values()) == {"ok"} and {"database", "schema", "disk"} <= set(
        ready.json()["checks"]
    )


def test_a_full_disk_is_not_ready_and_still_alive(serving, tmp_path):
    with serving(Settings(data=tmp_path, database=None, token=None, min_free=0.999999)) as http:
        ready = http.get("/readyz")

        assert ready.status_code == 503 and ready.json()["status"] == "failing"
        assert "free" in ready.json()["checks"]["disk"] and ready.json()["checks"]["database"] == "ok"
        assert http.get("/healthz").status_code == 200


def test_a_data_folder_that_is_not_there_is_made(keeping, tmp_path):
    with keeping(tmp_path / "new" / "data") as http:
        assert http.get("/readyz").json()["checks"] == {"database": "ok", "schema": "ok", "disk": "ok"}


def test_a_data_folder_that_has_gone_is_not_ready_and_named(keeping, tmp_path):
    with keeping(tmp_path / "data") as http:
        shutil.rmtree(tmp_path / "data", ignore_errors=True)
        ready = http.get("/readyz")

        assert ready.status_code == 503 and ready.json()["status"] == "failing"
        assert f"can't write in {tmp_path / 'data'}: No such file" in ready.json()["checks"]["disk"]


def test_a_data_folder_that_takes_no_file_is_not_ready_however_much_is_free(keeping, tmp_path):
    (tmp_path / "data").write_text("a file where the folder should be")

    with keeping(tmp_path / "data") as http:
        ready = http.get("/readyz")

    assert ready.status_code == 503 and "Not a directory" in ready.json()["checks"]["disk"]
