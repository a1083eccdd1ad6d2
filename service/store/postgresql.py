"""PostgreSQL: any number of service processes."""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator

import optuna
from sqlalchemy import URL, Connection, create_engine, text

CONNECTIONS = 16
# Waiting longer than this for a connection is an overload: the request is refused rather than queued.
POOL_SECONDS = 5.0


class Postgresql:
    """Engines over one database.

    Attributes:
        reading: one snapshot per transaction. writing: READ COMMITTED, so that each statement sees what it waited for.
    """

    def __init__(self, url: URL) -> None:
        self.url = url.set(drivername="postgresql+psycopg")
        engine = create_engine(
            self.url,
            pool_size=CONNECTIONS,
            max_overflow=CONNECTIONS,
            pool_timeout=POOL_SECONDS,
            pool_pre_ping=True,
            isolation_level="READ COMMITTED",
            connect_args={"application_name": "clr", "connect_timeout": 10},
        )
        self.writing = engine
        self.reading = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """Rows are locked by the database."""
        yield

    def take_turns(self, connection: Connection, name: str) -> None:
        """Waits for every other transaction that takes turns under this name; holds its turn until it ends."""
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _key(name)})

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """Waits until no other process records; none does meanwhile."""
        with self.writing.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            key = {"key": _key("record")}
            connection.execute(text("SELECT pg_advisory_lock(:key)"), key)
            try:
                yield
            finally:
                connection.execute(text("SELECT pg_advisory_unlock(:key)"), key)

    def engine(self, connection: Connection) -> tuple[str, str]:
        """What keeps the data, with its version; its journal needs no word."""
        return f"PostgreSQL {connection.execute(text('SHOW server_version')).scalar_one()}", ""

    def optuna_storage(self) -> optuna.storages.RDBStorage:
        """Optuna's storage in the same database."""
        with self.writing.begin() as connection:
            self.take_turns(connection, "schema")
            url = self.url.render_as_string(hide_password=False)
            return optuna.storages.RDBStorage(url, engine_kwargs={"pool_size": 1, "pool_pre_ping": True})

    def dispose(self) -> None:
        self.writing.dispose()


def _key(name: str) -> int:
    """An advisory lock's number; ours start with the same 32 bits."""
    return (zlib.crc32(b"clr-sweep") << 31) + zlib.crc32(name.encode())
