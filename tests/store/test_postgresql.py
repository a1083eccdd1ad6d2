import pytest
from builders import a_lease, a_study, a_worker, expire, lease
from sqlalchemy import text

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


def test_after_an_outage_expired_leases_wait_for_their_holders(open_database):
    now = 100.0
    database, other_service = open_database(restart_grace=None, clock=lambda: now), open_database()
    a_study(database, arms=["fixed"], trials=1)
    worker, other = a_worker(database), a_worker(database)
    lost = a_lease(database, worker)
    expire(database, worker, lost)
    now += 60.0  # the start was long enough ago
    assert database.grants_expired(60.0)

    with other_service.read() as connection:  # what a restart of the server does to our connections
        connection.execute(
            text(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        )

    assert lease(database, other) == ()
    now += 60.0
    assert a_lease(database, other).slot == lost.slot


def test_services_share_a_database_and_its_record(open_database):
    first, second = open_database(), open_database()
    study = a_study(first)

    granted = a_lease(second, a_worker(first))

    assert granted.study == study
    for database in (first, second):
        with database.recording():
            assert database.optuna_storage().get_all_studies() == []
