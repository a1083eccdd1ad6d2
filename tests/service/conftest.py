"""A real server on a free port, and a worker's side that speaks to it without training anything."""

from __future__ import annotations

import contextlib
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import uvicorn

from service.app import create_app
from service.server import address, listen
from service.settings import Settings

FACTS: dict[str, Any] = {
    "name": "toy", "metric": "accuracy", "direction": "maximize", "train_size": 1000, "validation_size": 200,
    "test_size": 200, "input_shape": [8], "classes": 10, "models": ["mlp"], "default_model": "mlp",
    "options_schema": {"properties": {"noise": {"type": "number"}}},
}  # fmt: skip
SPEC: dict[str, Any] = {
    "task": "toy", "arms": ["fixed", "cosine"], "bounds": {"low": 0.01, "high": 1.0}, "trials": 2, "confirm_seeds": 2,
    "budget": {"iterations": 100},
}  # fmt: skip


@contextmanager
def served(settings: Settings, token: str | None = None) -> Iterator[httpx.Client]:
    """A service in a thread; the client's requests wait in the listening socket until it answers."""
    listener = listen(settings.host, 0)
    app = create_app(settings)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        with httpx.Client(base_url=address(listener), headers=headers, timeout=30, trust_env=False) as http:
            http.app = app  # type: ignore[attr-defined]
            yield http
    finally:
        app.state.parts.doorbell.close()
        server.should_exit = True
        thread.join()


@dataclass
class Trainer:
    """The worker's side over HTTP: leases slots and answers with values instead of training."""

    http: httpx.Client
    worker: str

    def lease(self, count: int = 1, wait: float = 0.0) -> list[dict[str, Any]]:
        answer = self.http.post("/v1/leases", json={"worker": self.worker, "count": count, "wait": wait})
        assert answer.status_code == 200, answer.text
        return answer.json()["leases"]

    def tell(self, call: str, items: str, lease: dict[str, Any], **fields: Any) -> str:
        """One call of the batched kind about one slot; its reply."""
        item = {"slot": lease["slot"], "fence": lease["fence"], **fields}
        answer = self.http.post(call, json={"worker": self.worker, items: [item]})
        assert answer.status_code == 200, answer.text
        return answer.json()["answers"][0]["reply"]

    def finish(self, lease: dict[str, Any], value: float = 0.9, **fields: Any) -> str:
        config = lease["config"]
        end = {
            "outcome": "done", "iteration": config["iterations"], "value": value, "seconds": 0.5,
            "test": {"accuracy": value, "loss": 1 - value} if config["test"] else {},
            "evaluations": [{"iteration": config["iterations"], "metrics": {"accuracy": value, "loss": 1 - value}}],
        }  # fmt: skip
        return self.tell("/v1/results", "results", lease, **{**end, **fields})

    def work(self) -> int:
        """Leases and finishes until nothing is left; how many slots that were."""
        done = 0
        while leases := self.lease(count=8):
            for lease in leases:
                assert self.finish(lease, value=value_of(lease["config"])) == "accepted"
                done += 1
        return done


def value_of(config: dict[str, Any]) -> float:
    """What a trial gives here: best at a peak rate of 0.3, a little luck by seed."""
    schedule = config["schedule"]
    peak = schedule.get("max_lr", schedule.get("lr"))
    return 0.9 - 0.01 * abs(peak - 0.3) + config["seed"] % 7 / 1000


def announce(http: httpx.Client, **facts: Any) -> Trainer:
    """A fresh worker that has registered the toy task."""
    worker = str(uuid.uuid4())
    registration = {
        "worker": worker, "host": "testhost", "device": {"name": "cpu", "kind": "cpu"}, "versions": {"torch": "2"},
        "tasks": [{**FACTS, **facts}],
    }  # fmt: skip
    answer = http.post("/v1/workers", json=registration)
    assert answer.status_code == 200, answer.text
    return Trainer(http, worker)


@pytest.fixture(scope="session")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """The session's service on SQLite, with the toy task announced."""
    with served(Settings(data=tmp_path_factory.mktemp("data"), database=None, token=None)) as client:
        announce(client)
        yield client


@pytest.fixture
def trainer(http: httpx.Client) -> Iterator[Trainer]:
    """A worker of its own in a service without open studies."""
    cancel_all(http)
    yield announce(http)
    cancel_all(http)


def cancel_all(http: httpx.Client) -> None:
    for state in ("queued", "running"):
        while open_ones := http.get("/v1/studies", params={"state": state, "limit": 200}).json()["items"]:
            for study in open_ones:
                assert http.post(f"/v1/studies/{study['id']}/cancel").status_code == 200


@pytest.fixture
def submit(http: httpx.Client):
    """Submits the small study, with changes; the id."""

    def submit(**changes: Any) -> str:
        answer = http.post("/v1/studies", json={**SPEC, **changes})
        assert answer.status_code == 201, answer.text
        return answer.json()["id"]

    return submit


@pytest.fixture
def announcing(http: httpx.Client):
    """Registers a fresh worker whose task's facts are changed so."""
    return lambda **facts: announce(http, **facts)


@pytest.fixture
def announcing_at():
    """Registers a fresh worker with the toy task at the service of a client."""
    return announce


@pytest.fixture(scope="session")
def serving():
    """`with serving(settings, token) as http:` is a service of the test's own."""
    return served


@pytest.fixture
def announce_at() -> Iterator[Any]:
    """Registers a fresh worker with the toy task at a service's address."""
    with contextlib.ExitStack() as open_clients:

        def announce_there(url: str) -> Trainer:
            return announce(open_clients.enter_context(httpx.Client(base_url=url, timeout=30, trust_env=False)))

        yield announce_there
