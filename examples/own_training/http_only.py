"""A trainer that speaks to the service itself: the standard library alone, as any language could.

It trains a logistic regression on two noisy blobs. The protocol is in docs/own-training.md: register, lease, report,
result; a beat in the background keeps the lease. The service computes the rates (POST /v1/schedules/preview).

Usage: CLR_SERVICE=http://127.0.0.1:8000 CLR_TOKEN=... python examples/own_training/http_only.py [SECONDS_IDLE]
"""

import json
import math
import os
import platform
import random
import sys
import threading
import time
import urllib.request
import uuid

SERVICE, TOKEN = os.environ.get("CLR_SERVICE", "http://127.0.0.1:8000"), os.environ.get("CLR_TOKEN", "")
WORKER = str(uuid.uuid4())
TRAIN, VALIDATION, TEST, BATCH = 400, 200, 400, 20
TASK = {
    "name": "blobs",
    "metric": "accuracy",
    "direction": "maximize",
    "train_size": TRAIN,
    "validation_size": VALIDATION,
    "test_size": TEST,
    "input_shape": [2],
    "classes": 2,
    "models": ["logistic"],
    "default_model": "logistic",
    "description": "a logistic regression without any library, over HTTP",
}


def ask(path, document):
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {TOKEN}"} if TOKEN else {})
    request = urllib.request.Request(SERVICE + path, json.dumps(document).encode(), headers)
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def blobs(count, chance):
    sides = [chance.randrange(2) for _ in range(count)]
    return [((chance.gauss(2 * side - 1, 1.2), chance.gauss(1 - 2 * side, 1.2)), side) for side in sides]


def probability(weights, point):
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, weights[0] * point[0] + weights[1] * point[1] + weights[2]))))


def measured(weights, examples):
    chances = [(probability(weights, point), side) for point, side in examples]
    right = sum((chance > 0.5) == bool(side) for chance, side in chances)
    loss = -sum(math.log(max(1e-12, chance if side else 1 - chance)) for chance, side in chances)
    return {"accuracy": right / len(examples), "loss": loss / len(examples)}


class Lease:
    """One slot being trained: its reports, and the beat that keeps it."""

    def __init__(self, lease, beat_seconds):
        self.holding = {"slot": lease["slot"], "fence": lease["fence"]}
        self.over = threading.Event()
        self.lost = False
        self.beat = threading.Thread(target=self._beats, args=(beat_seconds,), daemon=True)
        self.beat.start()

    def _beats(self, seconds):
        while not self.over.wait(seconds):
            self.heed(ask("/v1/leases/renew", {"worker": WORKER, "leases": [self.holding]}))

    def heed(self, answers):
        self.lost = self.lost or answers["answers"][0]["reply"] != "accepted"

    def report(self, iteration, metrics):
        evaluations = [{"iteration": iteration, "metrics": metrics}]
        self.heed(ask("/v1/reports", {"worker": WORKER, "reports": [{**self.holding, "evaluations": evaluations}]}))

    def end(self, **how):
        self.over.set()
        self.beat.join()
        if not self.lost:
            ask("/v1/results", {"worker": WORKER, "results": [{**self.holding, **how}]})


def train(config, lease):
    """Trains what was leased; returns how it ended, None where somebody else has the slot now."""
    began, iterations = time.monotonic(), config["iterations"]
    asked = {"schedule": config["schedule"], "iterations": iterations, "points": max(2, min(iterations, 10_000))}
    found = ask("/v1/schedules/preview", asked)
    rates = dict(zip(found["iterations"], found["rates"], strict=True))
    rest, test = blobs(TRAIN + VALIDATION, random.Random(1)), blobs(TEST, random.Random(2))
    random.Random(config["split_seed"]).shuffle(rest)
    examples, validation = rest[:TRAIN], rest[TRAIN:]

    chance = random.Random(config["seed"])
    weights = [chance.gauss(0, 0.1) for _ in range(3)]
    rate = 0.0
    for iteration in range(iterations):
        rate = rates.get(iteration, rate)  # above 10,000 updates the preview's points lie apart
        for point, side in chance.sample(examples, config["batch_size"]):
            wrong = rate / config["batch_size"] * (probability(weights, point) - side)
            weights = [w - wrong * x for w, x in zip(weights, (*point, 1.0), strict=True)]
        done = iteration + 1
        if not all(map(math.isfinite, weights)):
            return {"outcome": "diverged", "iteration": done, "reason": "the weights grew beyond all numbers"}
        if done % config["evaluate_every"] == 0 or done == iterations:
            lease.report(done, measured(weights, validation))
            if lease.lost:
                return None
    result = {"outcome": "done", "iteration": iterations, "value": measured(weights, validation)["accuracy"]}
    result |= {"test": measured(weights, test)} if config["test"] else {}
    return result | {"seconds": time.monotonic() - began, "provenance": {"python": platform.python_version()}}


def main(idle_seconds):
    device = {"name": "cpu", "kind": platform.processor() or "cpu"}
    registration = {"worker": WORKER, "host": platform.node(), "device": device, "tasks": [TASK]}
    beat_seconds = ask("/v1/workers", registration)["beat_seconds"]
    print(f"worker {WORKER}: waiting for studies of the task {TASK['name']}", flush=True)
    idle_since = time.monotonic()
    while time.monotonic() - idle_since < idle_seconds:
        for found in ask("/v1/leases", {"worker": WORKER, "wait": 1.0})["leases"]:
            lease = Lease(found, beat_seconds)
            ended = train(found["config"], lease)
            lease.end(**(ended or {"outcome": "failed"}))
            print(f"slot {found['slot']}: {ended}", flush=True)
            idle_since = time.monotonic()


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else math.inf)
