"""What the store knows of the machines: its own database, and the kind of device that an attempt ran on."""

from __future__ import annotations

from builders import a_study, a_worker, run

from service.store import migration, slots
from service.store.database import Database


def test_the_database_names_its_engine_journal_and_schema(database: Database) -> None:
    engine, journal, schema = database.engine()

    assert engine.split()[0] in ("SQLite", "PostgreSQL")
    assert engine.split()[1][0].isdigit()
    assert journal in (("WAL", "DELETE") if engine.startswith("SQLite") else ("",))
    assert schema == migration.scripts().get_current_head()


def test_a_confirm_trial_says_the_kind_of_device_of_its_last_attempt(database: Database) -> None:
    study = a_study(database)
    run(database, a_worker(database))

    found = slots.trials(database, study, curves="none")

    assert {trial.device_kind for trial in found if trial.phase == "confirm"} == {"cpu"}
    assert {trial.device_kind for trial in found if trial.phase != "confirm"} == {""}
