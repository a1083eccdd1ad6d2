"""Bare clients of the worker's protocol: they lease, report and finish without training."""

from __future__ import annotations

import random
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import httpx

KINDS = ("lease", "report", "result")
PATHS = {"lease": "/v1/leases", "report": "/v1/reports", "result": "/v1/results"}


@dataclass
class Heard:
    """What clients measured. seconds: of every call, by kind; slots: taken from lease to result."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: {kind: [] for kind in KINDS})
    slots: int = 0

    def add(self, other: Heard) -> None:
        self.slots += other.slots
        for kind in KINDS:
            self.seconds[kind] += other.seconds[kind]


def load(address: str, facts: dict[str, Any], clients: int, batch: int, begin: float, seconds: float) -> Heard:
    """So many clients as threads of this process, from the wall-clock time `begin` on for so many seconds.

    Args:
        facts: of the task that they say they have.
        batch: slots per call.
    """
    ready = threading.Barrier(clients)
    heard = Heard()
    with ThreadPoolExecutor(clients) as threads:
        runs = [threads.submit(_run, address, facts, batch, ready, begin, seconds) for _ in range(clients)]
        for run in runs:
            heard.add(run.result())
    return heard


def _run(
    address: str, facts: dict[str, Any], batch: int, ready: threading.Barrier, begin: float, seconds: float
) -> Heard:
    heard = Heard()
    with httpx.Client(base_url=address, timeout=120) as http:
        worker = _registered(http, facts)
        ready.wait()
        time.sleep(max(0.0, begin - time.time()))
        while time.time() < begin + seconds:
            _cycle(http, worker, batch, heard)
    return heard


def _registered(http: httpx.Client, facts: dict[str, Any]) -> str:
    worker = str(uuid.uuid4())
    device = {"name": "cpu", "kind": "cpu"}
    body = {"worker": worker, "host": "bench", "device": device, "tasks": [facts]}
    http.post("/v1/workers", json=body).raise_for_status()
    return worker


def _cycle(http: httpx.Client, worker: str, batch: int, heard: Heard) -> None:
    """One call of each kind: up to `batch` slots from lease to result."""
    leases = _call(http, "lease", {"worker": worker, "count": batch}, heard)["leases"]
    if not leases:
        raise SystemExit("The store has no open slot left: fill it with more studies, or measure for a shorter time.")
    taken = [{"slot": lease["slot"], "fence": lease["fence"]} for lease in leases]
    half, whole = _evaluation(leases[0], 0.5), _evaluation(leases[0], 1.0)
    reports = [{**holding, "evaluations": [half]} for holding in taken]
    _accepted(_call(http, "report", {"worker": worker, "reports": reports}, heard))
    end = {"outcome": "done", "iteration": whole["iteration"], "value": 0.9, "seconds": 0.1, "evaluations": [whole]}
    results = [{**holding, **end, "test": {"accuracy": random.random(), "loss": 0.1}} for holding in taken]
    _accepted(_call(http, "result", {"worker": worker, "results": results}, heard))
    heard.slots += len(taken)


def _evaluation(lease: dict[str, Any], share: float) -> dict[str, Any]:
    return {"iteration": int(share * lease["config"]["iterations"]), "metrics": {"accuracy": 0.9, "loss": 0.1}}


def _call(http: httpx.Client, kind: str, body: dict[str, Any], heard: Heard) -> Any:
    began = time.perf_counter()
    response = http.post(PATHS[kind], json=body)
    heard.seconds[kind].append(time.perf_counter() - began)
    return response.raise_for_status().json()


def _accepted(answers: dict[str, Any]) -> None:
    if refused := [answer for answer in answers["answers"] if answer["reply"] != "accepted"]:
        raise SystemExit(f"The service refused what it had leased: {refused[0]}")
