"""A study of 100,000 trials does not hold up one of 20 that is submitted after it, over a real service process."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from serving import serving

from clr.client import Client
from clr.protocol import Device, Lease, LeaseRequest, Registration, Result, Results, TaskFacts

FACTS = TaskFacts(
    name="toy", metric="accuracy", direction="maximize", train_size=1000, validation_size=200, test_size=200,
    input_shape=(8,), classes=10, models=("mlp",), default_model="mlp",
)  # fmt: skip
SPEC = {
    "task": "toy", "bounds": {"low": 0.01, "high": 1.0}, "budget": {"iterations": 100}, "evaluate_every": 100,
    "sampler": "random",
}  # fmt: skip
LARGE = {**SPEC, "owner": "ada", "arms": [{"family": "triangular", "name": f"arm{k}"} for k in range(10)],
         "trials": 9_995, "confirm_seeds": 5}  # fmt: skip
SMALL = {**SPEC, "owner": "bob", "arms": ["fixed", "cosine"], "trials": 5, "confirm_seeds": 5}
TRIAL = 1.0
"""Length of a trial here [seconds]."""


@dataclass
class Worker(threading.Thread):
    """The protocol alone: each trial takes its time and trains nothing."""

    url: str
    leased: list[tuple[float, Lease]]
    stop: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)

    def __hash__(self) -> int:
        return id(self)

    def run(self) -> None:
        worker = str(uuid.uuid4())
        with Client(self.url) as client:
            device = Device(name="cpu", kind="cpu")
            client.register(Registration(worker=worker, host="here", device=device, tasks=(FACTS,)))
            while not self.stop.is_set():
                for lease in client.lease(LeaseRequest(worker=worker, wait=1.0)).leases:
                    self.leased.append((time.monotonic(), lease))
                    self.stop.wait(TRIAL)
                    ended = Result(slot=lease.slot, fence=lease.fence, outcome="done", value=0.5, seconds=TRIAL,
                                   test={"accuracy": 0.5} if lease.config.test else {})  # fmt: skip
                    client.results(Results(worker=worker, results=(ended,)))


@pytest.fixture
def service(tmp_path) -> Iterator[Client]:
    with serving(tmp_path, CLR_MAX_SLOTS="100000") as client:
        yield client


def first_lease(leased: list[tuple[float, Lease]], study: str, deadline: float) -> float:
    while time.monotonic() < deadline:
        if found := [at for at, lease in list(leased) if lease.study == study]:
            return found[0]
        time.sleep(0.01)
    raise AssertionError(f"no trial of {study} was leased; {len(leased)} of others were")


def test_a_small_study_starts_within_a_trial_of_the_large_one_before_it(service: Client) -> None:
    leased: list[tuple[float, Lease]] = []
    workers = [Worker(service.url, leased) for _ in range(2)]
    for worker in workers:
        worker.start()
    while len(service.tasks()) < 1:
        time.sleep(0.01)
    large = service.submit(LARGE)
    assert large.status().slots.planned == 100_000
    first_lease(leased, large.id, time.monotonic() + 10)

    took, small = [], []
    began = time.monotonic()
    for _ in range(3):  # the fastest says what the work takes, the others how busy the machine is
        asked = time.monotonic()
        small.append(service.submit(SMALL).id)
        took.append(time.monotonic() - asked)
    started = first_lease(leased, small[0], began + 30)
    for worker in workers:
        worker.stop.set()
    for worker in workers:
        worker.join(10)

    assert min(took) < 0.1, took
    assert started - began < TRIAL + 1.0, "one trial's length, and what a busy machine adds"
    between = [lease.number for at, lease in leased if lease.study == large.id and began + max(took) < at < started]
    assert len(between) <= 1, "the next worker that is free takes it"
