"""A real HTTP server in the service's place, for outages, refusals and answers that the service gives rarely."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any


def a_config(task: str = "digits", **changes: Any) -> dict[str, Any]:
    return {
        "phase": "search",
        "task": task,
        "model": "mlp",
        "optimizer": "sgd",
        "batch_size": 64,
        "iterations": 60,
        "evaluate_every": 10,
        "schedule": {"family": "fixed", "lr": 0.1},
        "seed": 1,
        "split_seed": 0,
    } | changes


@dataclass
class Desk:
    """A real HTTP server that hands out what it is told to and writes down what it hears.

    It stands at the far side of a process boundary: for outages, refusals and answers that the service gives rarely.
    """

    url: str = ""
    configs: list[dict[str, Any]] = field(default_factory=list)
    heard: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    refuse: dict[str, int] = field(default_factory=dict)
    replies: dict[str, str] = field(default_factory=dict)
    granted: int = 0

    def bodies(self, path: str) -> list[dict[str, Any]]:
        return [body for asked, body in list(self.heard) if asked == path]

    @property
    def results(self) -> list[dict[str, Any]]:
        return [result for body in self.bodies("/v1/results") for result in body["results"]]

    @property
    def reported(self) -> list[int]:
        """Iterations of the evaluations that came with reports and results, as they came."""
        parts = [part for _, body in list(self.heard) for part in body.get("reports", []) + body.get("results", [])]
        return [evaluation["iteration"] for part in parts for evaluation in part["evaluations"]]

    def clear(self) -> None:
        """Forgets what was heard and what was set; slots go on being counted."""
        self.heard.clear()
        self.configs.clear()
        self.refuse, self.replies = {}, {}

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path == "/readyz":
            return {"status": "ok"}
        if path == "/v1/workers":
            return {"worker": body["worker"], "lease_seconds": 2.0, "beat_seconds": 0.3}
        if path == "/v1/leases":
            if not self.configs:
                time.sleep(min(body["wait"], 0.1))
                return {"leases": [], "lease_seconds": 2.0}
            self.granted += 1
            lease = {"slot": self.granted, "fence": 5, "study": "s1", "number": self.granted - 1, "attempt": 1}
            return {"leases": [lease | {"config": self.configs.pop(0)}], "lease_seconds": 2.0}
        items = body.get("reports") or body.get("results") or body.get("leases") or []
        return {"answers": [{"slot": item["slot"], "reply": self.replies.get(path, "accepted")} for item in items]}
