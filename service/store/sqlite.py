"""SQLite: one process, one writer at a time, every commit on the disk before it is answered."""

from __future__ import annotations

import contextlib
import fcntl
import math
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import IO, Any

import optuna
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import ConnectionPoolEntry

from clr.errors import DatabaseUnusable
from service.store.mutex import FairMutex

BUSY_SECONDS = 30.0
READERS = 16
OPTUNA_CONNECTIONS = 4
# Byte-range locks and shared memory over a network do not hold what SQLite needs of them.
NETWORK_FILE_SYSTEMS = {
    "nfs",
    "nfs4",
    "cifs",
    "smb",
    "smb2",
    "smb3",
    "smbfs",
    "afs",
    "ceph",
    "lustre",
    "gpfs",
    "beegfs",
}
NETWORK_FILE_SYSTEMS |= {"ocfs2", "glusterfs", "davfs", "fuse.glusterfs", "fuse.sshfs", "fuse.s3fs", "fuse.rclone"}


def driver() -> ModuleType:
    """`pysqlite3` where it is installed: it brings its own, newer SQLite."""
    try:
        import pysqlite3
    except ImportError:
        return sqlite3
    return pysqlite3  # type: ignore[no-any-return]


def may_use_wal(version: tuple[int, ...]) -> bool:
    """Whether this SQLite's write-ahead log keeps every commit.

    Older ones can lose committed writes when a checkpoint races a commit that resets the log.

    >>> may_use_wal((3, 40, 1)), may_use_wal((3, 44, 6)), may_use_wal((3, 50, 6)), may_use_wal((3, 53, 4))
    (False, True, False, True)
    """
    return version >= (3, 51, 3) or (3, 50, 7) <= version < (3, 51) or (3, 44, 6) <= version < (3, 45)


class Sqlite:
    """Engines over one file that no other service process has open.

    Attributes:
        reading, writing: engines; writes hold `mutex`, and so do those of Optuna's own engine.
    """

    def __init__(self, file: Path) -> None:
        self.file = file.absolute()
        self._refuse_network()
        self._lock = _lock(self.file)
        self.mutex = FairMutex()
        self._module = driver()
        self.writing = self._engine(1)
        self.reading = self._engine(READERS)
        event.listen(self.writing, "connect", _prepare)
        event.listen(self.writing, "begin", _begin_immediate)
        event.listen(self.reading, "connect", _prepare_reader)
        event.listen(self.reading, "begin", _begin)
        with self.writing.connect() as connection:  # the mode stays with the file
            mode = "WAL" if may_use_wal(self._module.sqlite_version_info) else "DELETE"
            connection.connection.cursor().execute(f"PRAGMA journal_mode = {mode}")

    @property
    def url(self) -> URL:
        return URL.create("sqlite", database=str(self.file))

    @contextlib.contextmanager
    def exclusive(self) -> Iterator[None]:
        """One writer of this process at a time, in the order of their asking."""
        with self.mutex:
            yield

    def take_turns(self, connection: Connection, name: str) -> None:
        """Writers take turns already."""

    @contextlib.contextmanager
    def recording(self) -> Iterator[None]:
        """There is no other process that could record."""
        yield

    def optuna_storage(self) -> optuna.storages.RDBStorage:
        """Optuna's storage on the same file; its every transaction takes its turn with ours."""
        with self.mutex:  # it creates its tables at once, before anything can listen to its engine
            storage = optuna.storages.RDBStorage(str(self.url), engine_kwargs=self._arguments(OPTUNA_CONNECTIONS))
            storage.engine.dispose()
        event.listen(storage.engine, "connect", _prepare)
        event.listen(storage.engine, "begin", self._begin_in_turn)
        event.listen(storage.engine, "checkin", self._end_turn)
        return storage

    def engine(self, connection: Connection) -> tuple[str, str]:
        """What keeps the data, with its version, and its journal."""
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
        return f"SQLite {self._module.sqlite_version}", str(mode).upper()

    def dispose(self) -> None:
        self.reading.dispose()
        self.writing.dispose()
        self._lock.close()

    def _engine(self, size: int) -> Engine:
        return create_engine(self.url, **self._arguments(size))

    def _arguments(self, size: int) -> dict[str, Any]:
        connect = {"timeout": BUSY_SECONDS, "check_same_thread": False}
        return {"module": self._module, "connect_args": connect, "pool_size": size, "max_overflow": 0}

    def _begin_in_turn(self, connection: Connection) -> None:
        if not connection.info.get("in turn"):
            self.mutex.acquire()
            connection.info["in turn"] = True
        _begin_immediate(connection)

    def _end_turn(self, dbapi_connection: object, entry: ConnectionPoolEntry) -> None:
        if entry.info.pop("in turn", False):
            self.mutex.release()

    def _refuse_network(self) -> None:
        if (kind := _file_system(self.file.parent)) in NETWORK_FILE_SYSTEMS:
            raise DatabaseUnusable(
                f"{self.file.parent} is on a network file system ({kind}), where SQLite loses data. "
                "Choose a folder on a local disk with --data, or a PostgreSQL database with --database."
            )


def _prepare(connection: Any, entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # the driver begins no transaction of its own
    cursor = connection.cursor()
    for pragma in ("foreign_keys = ON", "synchronous = FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()
    connection.create_function("exp", 1, _exp, deterministic=True)  # not every build of SQLite has it


def _exp(value: float | None) -> float | None:
    return None if value is None else math.exp(value)


def _prepare_reader(connection: Any, entry: ConnectionPoolEntry) -> None:
    _prepare(connection, entry)
    connection.execute("PRAGMA query_only = ON")


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def _begin_immediate(connection: Connection) -> None:
    # A transaction that reads first and then writes fails where another one wrote in between.
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _lock(file: Path) -> IO[str]:
    """An open file that holds the database for this process, until it is closed or the process ends."""
    path = file.with_name(file.name + ".lock")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("a")
    except OSError as error:
        raise DatabaseUnusable(f"Can't open {path}: {error.strerror}. Choose another folder with --data.") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise DatabaseUnusable(
            f"Another service has {file} open. One service process can use an SQLite database: stop the other one, "
            "choose another folder with --data, or a PostgreSQL database with --database."
        ) from None
    return lock


def _file_system(folder: Path) -> str:
    """The kind of file system that a folder is on; "" where the system does not say."""
    try:
        mounts = Path("/proc/mounts").read_text().splitlines()
    except OSError:
        return ""
    best, kind = "", ""
    resolved = folder.resolve()
    for line in mounts:
        point, this = line.split()[1:3]
        point = point.replace("\\040", " ")
        if len(point) >= len(best) and resolved.is_relative_to(point):
            best, kind = point, this
    return kind
