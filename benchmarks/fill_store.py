"""Fills a service's database with studies, quickly: one is made through the store's own functions, then copied in SQL.

Usage: python benchmarks/fill_store.py DATA [--trials 10000] [--database URL]

DATA is a service's folder. The studies are those of `clr demo` (seven arms, 84 search trials, 70 confirm runs, 20
evaluations each), with values drawn, not trained. A service started on DATA afterwards shows them as its own.
"""

from __future__ import annotations

import argparse
import random
import secrets
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    MetaData,
    String,
    Table,
    func,
    insert,
    null,
    select,
    true,
)
from sqlalchemy import text as sql

from clr import plan as plans
from clr import rounds, spec
from clr.protocol import Device, Lease, LeaseRequest, Registration, Result, Results
from clr.results import Evaluation
from clr.tasks.facts import DIGITS
from service.store import leases, results, schema, studies, workers
from service.store import rounds as store_rounds
from service.store.database import Database

FAMILIES = ["fixed", "step", "exponential", "cosine", "triangular", "triangular2", "exp_range"]
BOUNDS = {"low": 0.02, "high": 0.7}
DEMO: dict[str, Any] = {
    "name": "demo",
    "task": "digits",
    "arms": FAMILIES,
    "bounds": BOUNDS,
    "budget": {"epochs": 40},
    "trials": 12,
    "confirm_seeds": 10,
}
SIZE, MODELS = 154, 8
"""Slots of it; so many of them, on different seeds, are copied."""
CHUNK = 500
"""Copies per transaction."""
LEASE = 3600.0


def large(trials: int) -> dict[str, Any]:
    """The spec of a study with five arms and so many slots, a multiple of ten, half of them confirm runs."""
    each = trials // 10
    return {
        **DEMO, "name": "large", "arms": FAMILIES[1:6], "trials": each, "confirm_seeds": each, "sampler": "random"
    }  # fmt: skip


def a_study(database: Database, document: dict[str, Any], *, until_confirm: bool = False) -> str:
    """A study that has ended, or one whose confirm runs all wait; returns its id.

    Args:
        document: a spec on `digits` with bounds.
    """
    asked = spec.parse(document)
    plan = plans.make(asked, DIGITS)
    study, _ = studies.submit(database, asked, DIGITS, plan, rounds.due(plan, ()), key=None, body_hash="-")
    worker = _a_worker(database)
    while not (until_confirm and _confirms(database, study)):
        granted = leases.lease(database, LeaseRequest(worker=worker, count=64), LEASE)
        if not granted:
            break
        over = results.finish(database, Results(worker=worker, results=tuple(map(ended, granted))))[1]
        for each in over:
            store_rounds.open(database, each)
    _count_as_recorded(database, study)
    return study


def ended(granted: Lease) -> Result:
    """How a trial of this config could have ended: curve and metrics are drawn from its seed and rate."""
    config, draw = granted.config, random.Random(f"{granted.config.seed} {granted.number}")
    best = 0.9 + draw.gauss(0.0, 0.01)
    at = range(config.evaluate_every, config.iterations + 1, config.evaluate_every)
    curve = tuple(
        Evaluation(i, {"accuracy": best * (1 - 0.5 * 0.8**k), "loss": 1 - best + 0.8**k}) for k, i in enumerate(at, 1)
    )
    return Result(
        slot=granted.slot,
        fence=granted.fence,
        outcome="done",
        iteration=config.iterations,
        value=curve[-1].metrics["accuracy"],
        test={"accuracy": best, "loss": 1 - best} if config.test else {},
        evaluations=curve,
        seconds=0.25,
        provenance={"torch": "2.14.1", "device": "cpu", "threads": 1, "dtype": "float32", "host": "bench"},
    )


def copy(database: Database, study: str, copies: int) -> tuple[str, ...]:
    """Copies a study with all that hangs on it; returns the copies' ids."""
    made = tuple(studies.new_id() for _ in range(copies))
    for first in range(0, copies, CHUNK):
        with database.write() as connection:
            _copy(connection, study, made[first : first + CHUNK])
    return made


def _copy(connection: Connection, study: str, names: Sequence[str]) -> None:
    low, high = connection.execute(
        select(func.min(schema.slots.c.id), func.max(schema.slots.c.id)).where(schema.slots.c.study == study)
    ).one()
    top = connection.scalar(select(func.max(schema.slots.c.id)))
    copies = Table("copies", MetaData(), Column("id", String(64)), Column("shift", BigInteger), prefixes=["TEMPORARY"])
    copies.create(connection)
    width = high - low + 1
    rows = [{"id": name, "shift": (top or 0) + 1 - low + k * width} for k, name in enumerate(names)]
    connection.execute(insert(copies), rows)
    for statement in _statements(study, copies):
        connection.execute(statement)
    copies.drop(connection)
    if connection.dialect.name == "postgresql":
        connection.execute(
            sql("SELECT setval(pg_get_serial_sequence('clr_slots', 'id'), (SELECT max(id) FROM clr_slots))")
        )


def _statements(study: str, copies: Table) -> Iterator[Any]:
    mine = select(schema.slots.c.id).where(schema.slots.c.study == study)
    named = {"id": copies.c.id, "idempotency_key": null()}
    yield _copied(schema.studies, copies, schema.studies.c.id == study, named)
    shifted = {"study": copies.c.id, "id": schema.slots.c.id + copies.c.shift}
    yield _copied(schema.slots, copies, schema.slots.c.study == study, shifted)
    for table in (schema.evaluations, schema.attempts):
        yield _copied(table, copies, table.c.slot.in_(mine), {"slot": table.c.slot + copies.c.shift})
    moved = {"study": copies.c.id, "slot": schema.events.c.slot + copies.c.shift}
    yield _copied(schema.events, copies, schema.events.c.study == study, moved)


def _copied(table: Table, copies: Table, of: Any, changed: dict[str, Any]) -> Any:
    """INSERT of a table's rows once for each copy, some columns changed."""
    columns = list(table.c.keys())
    values = [changed.get(name, table.c[name]) for name in columns]
    rows = select(*values).select_from(table.join(copies, true())).where(of)
    return insert(table).from_select(columns, rows)


def fill(database: Database, trials: int) -> tuple[str, ...]:
    """Ended studies of the demo's size until there are at least so many trials; returns their ids."""
    models = [a_study(database, {**DEMO, "seed": seed}) for seed in range(min(MODELS, -(-trials // SIZE)))]
    left = -(-trials // SIZE) - len(models)
    copies = [left // len(models) + (k < left % len(models)) for k in range(len(models))]
    made = [name for model, count in zip(models, copies, strict=True) for name in copy(database, model, count)]
    analyse(database)
    return (*models, *made)


def analyse(database: Database) -> None:
    """What PostgreSQL's autovacuum would do within a minute or so of such growth."""
    with database.write() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(sql("ANALYZE"))


def _a_worker(database: Database) -> str:
    worker = f"bench-{secrets.token_hex(4)}"
    device = Device(name="cpu", kind="cpu", threads=1)
    workers.register(database, Registration(worker=worker, host="bench", device=device, tasks=(DIGITS,)))
    return worker


def _count_as_recorded(database: Database, study: str) -> None:
    """What the service's recorder would be busy with for 20 ms a trial."""
    with database.write() as connection:
        rows = schema.slots.update().where(schema.slots.c.study == study)
        connection.execute(rows.values(recorded_at=schema.slots.c.ended_at))
        row = schema.studies.update().where(schema.studies.c.id == study)
        connection.execute(row.values(recorded_at=schema.studies.c.ended_at))


def _confirms(database: Database, study: str) -> bool:
    rows = schema.slots.c
    with database.read() as connection:
        return bool(connection.scalar(select(func.count()).where(rows.study == study, rows.phase == "confirm")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--trials", type=int, default=10_000)
    parser.add_argument("--database")
    asked = parser.parse_args()
    asked.data.mkdir(parents=True, exist_ok=True)
    database = Database(asked.database, asked.data)
    began = time.perf_counter()
    made = fill(database, asked.trials)
    print(f"{len(made) * SIZE:,} trials in {len(made):,} studies: {time.perf_counter() - began:.1f} s")
    database.dispose()


if __name__ == "__main__":
    main()
