"""Database: where the service keeps everything, opened and brought to the newest schema."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import optuna
import sqlalchemy.orm  # noqa: F401 - Optuna would load it late, in the recorder's thread, while requests need it whole
from sqlalchemy import Connection, ExceptionContext, event, make_url
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from clr.errors import DatabaseUnusable
from service.store import migration
from service.store.postgresql import Postgresql
from service.store.sqlite import Sqlite

FILE = "clr.sqlite3"
OUTAGES: tuple[type[Exception], ...] = (OperationalError, InterfaceError, PoolTimeout)
"""What a call raises while the database can't be reached, is overloaded or full: the same call may work later."""


class Database:
    """One database, SQLite or PostgreSQL. Safe to use from any thread.

    Args:
        url: of a PostgreSQL database, or `sqlite:////path/to/file`; None: SQLite in the folder `data`.
        data: the service's folder.
        restart_grace: after opening (and after the database was out of reach) no expired lease is granted again for so
            many seconds, since its holder may only have been unable to renew it; None: one lease length.
        clock: monotonic seconds.

    Raises:
        DatabaseUnusable: it can't be opened or used, and why.
    """

    def __init__(
        self,
        url: str | None,
        data: Path,
        *,
        restart_grace: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._grace, self._clock = restart_grace, clock
        self._backend = _backend(url, data)
        self._recording, self._making = threading.Lock(), threading.Lock()
        self._record: optuna.storages.RDBStorage | None = None
        try:
            with self.write() as connection:
                self._backend.take_turns(connection, "schema")
                migration.upgrade(connection)
        except SQLAlchemyError as error:
            self._backend.dispose()
            raise DatabaseUnusable(f"Can't use the database {self._backend.url!r}: {error}") from error
        except DatabaseUnusable:
            self._backend.dispose()
            raise
        self._reachable_since = clock()
        event.listen(self._backend.writing, "handle_error", self._note_outage)

    @property
    def url(self) -> str:
        """What `optuna.load_study(storage=...)` takes. It holds the password."""
        return self._backend.url.render_as_string(hide_password=False)

    @contextlib.contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the database and writes nothing."""
        with self._backend.reading.begin() as connection:
            yield connection

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction: everything in it is stored when it ends, or nothing where it raises."""
        with self._backend.exclusive(), self._backend.writing.begin() as connection:
            yield connection

    def take_turns(self, connection: Connection, name: str) -> None:
        """Lets a writing transaction run alone among those that take turns under the same name."""
        self._backend.take_turns(connection, name)

    def grants_expired(self, lease_seconds: float) -> bool:
        """Whether a lease that ran out may go to another worker: not before the holders had time to renew."""
        grace = lease_seconds if self._grace is None else self._grace
        return self._clock() - self._reachable_since >= grace

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """The right to change the record; no other thread or process has it meanwhile."""
        with self._recording, self._backend.recording():
            yield

    def optuna_storage(self) -> optuna.storages.RDBStorage:
        """The record: Optuna's storage in the same database, made at the first call."""
        with self._making:
            if self._record is None:
                self._record = self._backend.optuna_storage()
            return self._record

    def checks(self) -> dict[str, str]:
        """What is wrong, by what was looked at; "ok" where nothing is."""
        try:
            with self.read() as connection:
                schema = migration.problem(connection)
        except SQLAlchemyError as error:
            return {"database": f"out of reach: {type(error).__name__}", "schema": "unknown"}
        return {"database": "ok", "schema": schema or "ok"}

    def engine(self) -> tuple[str, str, str]:
        """What keeps the data, with its version; its journal ("" where there is no choice); the schema's version."""
        with self.read() as connection:
            return *self._backend.engine(connection), migration.current(connection) or ""

    def dispose(self) -> None:
        """Closes every connection; on SQLite another process can then open the file."""
        if self._record is not None:
            self._record.engine.dispose()
        self._backend.dispose()

    def _note_outage(self, context: ExceptionContext) -> None:
        if context.is_disconnect or context.connection is None:
            self._reachable_since = self._clock()


def _backend(url: str | None, data: Path) -> Sqlite | Postgresql:
    if url is None:
        return Sqlite(data / FILE)
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseUnusable("The database's URL can't be read: postgresql://user:password@host/name") from None
    kind = parsed.get_backend_name()
    if kind == "postgresql":
        return Postgresql(parsed)
    if kind == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return Sqlite(Path(str(parsed.database)))
    raise DatabaseUnusable(f"The database must be PostgreSQL or an SQLite file, got {parsed!r}.")
