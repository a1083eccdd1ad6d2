"""Studies, workers and leases in legal states, made through the store's own functions."""

import uuid
from typing import Any

from clr import plan as plans
from clr import rounds
from clr.protocol import Device, Lease, LeaseRequest, Registration, Result, Results, SlotReply, TaskFacts
from clr.results import Evaluation
from clr.spec import parse
from service.store import leases, results, studies, workers
from service.store.database import Database

FACTS = TaskFacts(
    name="digits",
    metric="accuracy",
    direction="maximize",
    train_size=1100,
    validation_size=300,
    test_size=400,
    input_shape=(1, 8, 8),
    classes=10,
    models=("mlp",),
    default_model="mlp",
)
LEASE = 60.0


def a_study(database: Database, facts: TaskFacts = FACTS, **spec: Any) -> str:
    """A submitted study: two arms without a range test unless asked; two search trials and two seeds an arm."""
    document = {
        "task": facts.name,
        "arms": ["fixed", "triangular2"],
        "bounds": {"low": 0.01, "high": 1.0},
        "trials": 2,
        "confirm_seeds": 2,
        "budget": {"iterations": 100},
        **spec,
    }
    asked = parse(document)
    assert plans.check(asked, facts, [facts.name]) == ()
    plan = plans.make(asked, facts) if facts.fixed else None
    first = rounds.due(plan, ()) if plan else (plans.describe_slot(asked),)
    study, created = studies.submit(database, asked, facts, plan, first, key=None, body_hash="-")
    assert created
    return study


def a_worker(database: Database, *tasks: TaskFacts, worker: str = "") -> str:
    """A registered worker's id."""
    name = worker or str(uuid.uuid4())
    device = Device(name="cpu", kind="cpu", threads=1)
    workers.register(database, Registration(worker=name, host="here", device=device, tasks=tasks or (FACTS,)))
    return name


def lease(database: Database, worker: str, count: int = 1, seconds: float = LEASE) -> tuple[Lease, ...]:
    return leases.lease(database, LeaseRequest(worker=worker, count=count), seconds)


def a_lease(database: Database, worker: str, seconds: float = LEASE) -> Lease:
    (granted,) = lease(database, worker, 1, seconds)
    return granted


def done(granted: Lease, value: float = 0.9, **result: Any) -> Result:
    """A finished trial: one evaluation, and test metrics where the config asks for them."""
    test = {"accuracy": value} if granted.config.test else {}
    measured = (Evaluation(granted.config.iterations, {"accuracy": value, "loss": 1 - value}),)
    fields = {"outcome": "done", "value": value, "test": test, "evaluations": measured, "seconds": 2.0, **result}
    return Result(slot=granted.slot, fence=granted.fence, iteration=granted.config.iterations, **fields)


def finish(database: Database, worker: str, *ended: Result) -> list[SlotReply]:
    """Stores results and opens the rounds that they made due, as the service does."""
    answers, ids = results.finish(database, Results(worker=worker, results=ended))
    from service.store import rounds as store_rounds

    for study in ids:
        store_rounds.open(database, study)
    return [answer.reply for answer in answers.answers]


def run(database: Database, worker: str) -> list[Lease]:
    """Runs whatever can be leased until nothing is; returns the leases in order."""
    granted: list[Lease] = []
    while found := lease(database, worker, 8):
        granted += found
        replies = finish(database, worker, *(done(one, 0.5 + one.number / 1000) for one in found))
        assert set(replies) == {"accepted"}
    return granted
