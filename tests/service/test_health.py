"""Liveness and readiness."""

from service.settings import Settings


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
