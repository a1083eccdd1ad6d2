"""Statements that each database writes in its own way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def _insert(connection: Connection, table: Table) -> postgresql.Insert | sqlite.Insert:
    return (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(table)


def insert_or_update(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Inserts rows, each of which replaces the one with its primary key."""
    key = [column.name for column in table.primary_key]
    statement = _insert(connection, table)
    changed = {name: statement.excluded[name] for name in rows[0] if name not in key}
    connection.execute(statement.on_conflict_do_update(index_elements=key, set_=changed), rows)


def insert_missing(
    connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]], column: str
) -> Sequence[Any]:
    """Inserts the rows that break no uniqueness; returns that column of those that were written."""
    statement = _insert(connection, table).on_conflict_do_nothing().returning(table.c[column])
    return connection.scalars(statement, rows).all()
