import threading

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from clr.errors import DatabaseUnusable
from service.store import migration
from service.store.database import Database
from service.store.schema import metadata


def test_the_migrations_make_the_tables_that_the_code_uses(database):
    ours = {"include_name": lambda name, kind, parents: kind != "table" or name in metadata.tables}
    with database.read() as connection:
        options = {"version_table": migration.VERSION_TABLE, "compare_type": True, **ours}
        context = MigrationContext.configure(connection, opts=options)

        assert compare_metadata(context, metadata) == []


def test_every_index_s_condition_is_the_code_s(database):
    """`compare_metadata` does not look at the conditions of partial indexes."""
    for name, condition in (
        ("clr_slots_open", "outcome IS NULL"),
        ("clr_slots_leased", "lease_until IS NOT NULL"),
        ("clr_studies_live", "ended_at IS NULL"),
        ("clr_studies_served", "paused_at IS NULL"),
    ):
        with database.read() as connection:
            if connection.dialect.name == "sqlite":
                query = "SELECT sql FROM sqlite_master WHERE name = :name"
            else:
                query = "SELECT indexdef FROM pg_indexes WHERE indexname = :name"
            assert condition in connection.scalar(text(query), {"name": name})


def test_opening_again_changes_nothing(open_database):
    first = open_database()
    first.dispose()

    assert open_database().checks() == {"database": "ok", "schema": "ok"}


def test_a_schema_of_a_newer_version_is_refused(open_database):
    database = open_database()
    with database.write() as connection:
        connection.execute(text("UPDATE clr_alembic_version SET version_num = '9999'"))
    assert "9999" in database.checks()["schema"]
    database.dispose()

    try:
        with pytest.raises(DatabaseUnusable, match=r"version 9999.*newer"):
            open_database()
    finally:
        with database.write() as connection:
            connection.execute(
                text(f"UPDATE clr_alembic_version SET version_num = '{migration.scripts().get_current_head()}'")
            )
        database.dispose()


def test_optuna_s_own_version_table_stays_apart(database):
    database.optuna_storage()

    with database.read() as connection:
        versions = connection.scalars(text("SELECT version_num FROM alembic_version")).all()
        ours = connection.scalars(text("SELECT version_num FROM clr_alembic_version")).all()
    assert versions and ours == [migration.scripts().get_current_head()] and versions != ours


def test_services_that_start_at_once_migrate_once(new_postgresql_url, tmp_path):
    failures = []

    def start():
        try:
            database = Database(new_postgresql_url, tmp_path)
            database.optuna_storage()
            database.dispose()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=start) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
