import sqlite3
import subprocess
import sys
import threading

import optuna
import pytest

from clr.errors import DatabaseUnusable
from service.store import sqlite
from service.store.database import FILE, Database


@pytest.fixture
def database(tmp_path):
    opened = Database(None, tmp_path)
    yield opened
    opened.dispose()


def test_a_second_service_on_the_same_file_is_refused(database, tmp_path):
    with pytest.raises(DatabaseUnusable, match=f"Another service has {tmp_path / FILE} open"):
        Database(None, tmp_path)
    with pytest.raises(DatabaseUnusable, match="Another service"):
        Database(f"sqlite:///{tmp_path / FILE}", tmp_path)


def test_a_second_process_is_refused_until_the_first_has_ended(database, tmp_path):
    program = f"import service.store.database as d; d.Database(None, d.Path({str(tmp_path)!r}))"
    refused = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert refused.returncode == 1 and "DatabaseUnusable: Another service" in refused.stderr

    database.dispose()

    subprocess.run([sys.executable, "-c", program], check=True)
    Database(None, tmp_path).dispose()  # the process that ended left no lock behind


def test_every_commit_is_on_the_disk_and_keys_are_checked(database):
    for begin in (database.read, database.write):
        with begin() as connection:
            pragmas = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("synchronous", "foreign_keys")
            ]
            assert pragmas == [2, 1]  # FULL, ON


def test_the_record_s_engine_is_as_careful_as_ours(database):
    with database.optuna_storage().engine.begin() as connection:
        pragmas = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("synchronous", "foreign_keys")]
        assert pragmas == [2, 1]


def test_the_record_waits_its_turn_behind_our_writes(database):
    storage = database.optuna_storage()
    writing = threading.Thread(target=lambda: optuna.create_study(storage=storage, study_name="name"))

    with database.write():
        writing.start()
        while not database._backend.mutex._waiting:
            assert writing.is_alive()
    writing.join()

    assert [study.study_name for study in storage.get_all_studies()] == ["name"]


def test_a_write_ahead_log_only_where_the_engine_keeps_every_commit(tmp_path, monkeypatch):
    for module, folder in ((sqlite3, tmp_path / "stock"), (sqlite.driver(), tmp_path / "best")):
        monkeypatch.setattr(sqlite, "driver", lambda module=module: module)
        database = Database(None, folder)
        with database.read() as connection:
            mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar()
        database.dispose()

        assert mode == ("wal" if sqlite.may_use_wal(module.sqlite_version_info) else "delete")


@pytest.mark.parametrize("version", [(3, 7, 0), (3, 40, 1), (3, 44, 5), (3, 45, 0), (3, 50, 6), (3, 51, 2)])
def test_engines_that_can_lose_commits_get_no_write_ahead_log(version):
    assert not sqlite.may_use_wal(version)


@pytest.mark.parametrize("version", [(3, 44, 6), (3, 50, 7), (3, 51, 3), (3, 53, 4), (4, 0, 0)])
def test_engines_that_keep_every_commit_get_one(version):
    assert sqlite.may_use_wal(version)


def test_a_reader_writes_nothing(database):
    with pytest.raises(Exception, match=r"readonly|query_only"), database.read() as connection:
        connection.exec_driver_sql("DELETE FROM clr_studies")


def test_a_network_file_system_is_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.setattr(sqlite, "_file_system", lambda folder: "nfs4")

    with pytest.raises(DatabaseUnusable, match=r"network file system \(nfs4\).*--database"):
        Database(None, tmp_path)


def test_the_file_system_of_a_folder_is_found():
    assert sqlite._file_system(sqlite.Path("/proc/self")) == "proc"


def test_a_folder_that_can_not_be_made_is_named(tmp_path):
    (tmp_path / "file").write_text("")

    with pytest.raises(DatabaseUnusable, match="file"):
        Database(None, tmp_path / "file")


@pytest.mark.parametrize("url", ["sqlite://", "mysql://host/name", "nonsense"])
def test_other_databases_are_refused(url, tmp_path):
    with pytest.raises(DatabaseUnusable):
        Database(url, tmp_path)


def test_a_database_out_of_reach_is_said_without_its_password(tmp_path):
    with pytest.raises(DatabaseUnusable) as refused:
        Database("postgresql://user:secret-word@127.0.0.1:1/name", tmp_path)

    assert "127.0.0.1" in str(refused.value) and "secret-word" not in str(refused.value)
