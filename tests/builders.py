"""Studies, workers and leases in legal states, made through the store's own functions."""

import uuid
from typing import Any

from clr import plan as plans
from clr import rounds
from clr.protocol import (
    Device,
    Holding,
    Lease,
    LeaseRequest,
    Registration,
    Release,
    Renewal,
    Report,
    Reports,
    Result,
    Results,
    SlotReply,
    TaskFacts,
)
from clr.results import Checkpoint, Evaluation
from clr.spec import parse
from service.store import leases, reports, results, studies, workers
from service.store import rounds as store_rounds
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
    last = (Evaluation(granted.config.iterations, {"accuracy": value, "loss": 1 - value}),)
    fields = {"outcome": "done", "value": value, "test": test, "evaluations": last, "seconds": 2.0, **result}
    return Result(slot=granted.slot, fence=granted.fence, iteration=granted.config.iterations, **fields)


def holding(granted: Lease) -> Holding:
    return Holding(slot=granted.slot, fence=granted.fence)


def renew(database: Database, worker: str, *granted: Lease, seconds: float = LEASE) -> list[SlotReply]:
    answers = leases.renew(database, Renewal(worker=worker, leases=tuple(map(holding, granted))), seconds)
    return [answer.reply for answer in answers.answers]


def release(database: Database, worker: str, *granted: Lease, reason: str = "") -> list[SlotReply]:
    asked = Release(worker=worker, leases=tuple(map(holding, granted)), reason=reason)
    return [answer.reply for answer in leases.release(database, asked).answers]


def expire(database: Database, worker: str, *granted: Lease) -> None:
    """Lets leases run out now, with no waiting: their holder renews them for no time at all."""
    assert set(renew(database, worker, *granted, seconds=0.0)) == {"accepted"}


def measured(granted: Lease, curve: dict[int, float], checkpoint: Checkpoint | None = None) -> Report:
    """A report of accuracies by iteration."""
    evaluations = tuple(Evaluation(iteration, {"accuracy": value}) for iteration, value in curve.items())
    return Report(slot=granted.slot, fence=granted.fence, evaluations=evaluations, checkpoint=checkpoint)


def report(database: Database, worker: str, *told: Report, seconds: float = LEASE) -> list[SlotReply]:
    answers, _ = reports.report(database, Reports(worker=worker, reports=told), seconds)
    return [answer.reply for answer in answers.answers]


def finish(database: Database, worker: str, *ended: Result) -> list[SlotReply]:
    """Stores results and opens the rounds that they made due, as the service does."""
    answers, ids, _ = results.finish(database, Results(worker=worker, results=ended))
    for study in ids:
        store_rounds.open(database, study)
    return [answer.reply for answer in answers.answers]


def failed(granted: Lease, outcome: str = "failed", **result: Any) -> Result:
    """An attempt that came to nothing: failed, diverged or crashed."""
    return Result(slot=granted.slot, fence=granted.fence, outcome=outcome, **{"reason": "why", **result})


def pruned(granted: Lease, iteration: int, curve: dict[int, float], **result: Any) -> Result:
    """A search trial that ended at a rung, with the accuracies that it had reached."""
    evaluations = tuple(Evaluation(at, {"accuracy": value}) for at, value in curve.items())
    fields = {"value": curve[iteration], "evaluations": evaluations, "reason": "worse", "seconds": 1.0, **result}
    return Result(slot=granted.slot, fence=granted.fence, outcome="pruned", iteration=iteration, **fields)


def at_rungs(granted: Lease, value: float) -> tuple[Evaluation, ...]:
    """Evaluations of the same accuracy at every rung and at the last iteration."""
    places = [*(rung.iteration for rung in granted.config.rungs), granted.config.iterations]
    return tuple(Evaluation(iteration, {"accuracy": value}) for iteration in places)


def run(database: Database, worker: str) -> list[Lease]:
    """Runs whatever can be leased until nothing is; returns the leases in order."""
    granted: list[Lease] = []
    while found := lease(database, worker, 8):
        granted += found
        replies = finish(database, worker, *(done(one, 0.5 + one.number / 1000) for one in found))
        assert set(replies) == {"accepted"}
    return granted
