"""The statements of a lease look at open slots alone, however many have ended."""

import json

import pytest
from builders import a_study, a_worker
from sqlalchemy import insert, select, text

from service.store import leases, states
from service.store.schema import slots, studies

ENDED = 3000


@pytest.fixture
def many(database):
    """Three live studies beside thousands of slots that have ended."""
    for _ in range(3):
        a_study(database)
    a_worker(database)
    with database.write() as connection:
        slot = dict(connection.execute(select(slots).limit(1)).mappings().one())
        del slot["id"]
        ended = {**slot, "arm": "ended", "outcome": "done", "fence": 1}
        connection.execute(insert(slots), [{**ended, "position": k, "number": 1000 + k} for k in range(ENDED)])
        if connection.dialect.name == "postgresql":
            connection.execute(text("ANALYZE"))
    return database


def plan(database, statement):
    with database.write() as connection:
        sql = str(statement.compile(dialect=connection.dialect, compile_kwargs={"literal_binds": True}))
        if connection.dialect.name == "sqlite":
            return "\n".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}"))
        explained = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {sql}".replace("%", "%%")).scalar()
        return json.dumps(explained)


@pytest.mark.parametrize("expired_too", [False, True])
@pytest.mark.parametrize("shared", [False, True])
def test_the_choice_looks_at_live_studies_and_open_slots(many, expired_too, shared):
    found = plan(many, leases.choice(["digits"], expired_too=expired_too, shared=shared))

    assert "clr_slots_open" in found and ("clr_slots_leased" in found or not shared)
    assert (
        "SCAN clr_slots" not in found
        and '"Seq Scan", "Parallel Aware": false, "Async Capable": false, "Relation Name": "clr_slots"' not in found
    )


def test_the_claim_looks_at_open_slots(many):
    with many.read() as connection:
        study = connection.scalar(select(studies.c.id).limit(1))

    found = plan(many, leases.claim(study, "worker", 4, 60.0))

    assert "clr_slots_open" in found and "SCAN clr_slots" not in found


def test_expiry_looks_at_leased_slots(many):
    found = plan(many, select(slots.c.study).where(states.expired))

    assert "clr_slots_leased" in found and "SCAN clr_slots" not in found
