"""Brings the schema to the newest version that this code knows; each version is a module in `migrations.versions`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from clr.errors import DatabaseUnusable

VERSION_TABLE = "clr_alembic_version"


@cache
def scripts() -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def current(connection: Connection) -> str | None:
    """The database's version; None before the first migration."""
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def problem(connection: Connection) -> str:
    """What is wrong with the schema; "" where it is this code's."""
    found, head = current(connection), scripts().get_current_head()
    return "" if found == head else f"the schema is {found}, this service needs {head}"


def upgrade(connection: Connection) -> None:
    """Runs the missing migrations inside the caller's transaction.

    Raises:
        DatabaseUnusable: the schema is one that this version does not know, so a newer version made it.
    """
    found, head = current(connection), scripts().get_current_head()
    if found == head:
        return
    if found is not None and found not in {script.revision for script in scripts().walk_revisions()}:
        raise DatabaseUnusable(
            f"The database's schema is version {found}, which this service does not know (its newest is {head}): a "
            "newer clr-sweep made it. Install that version, or choose another database."
        )
    with EnvironmentContext(Config(), scripts(), fn=_steps) as environment:
        environment.configure(connection=connection, version_table=VERSION_TABLE)
        environment.run_migrations()


def _steps(revision: object, context: MigrationContext) -> list[object]:
    return scripts()._upgrade_revs("head", revision)  # type: ignore[arg-type, return-value]
