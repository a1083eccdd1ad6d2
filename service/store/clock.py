"""The database's own clock, as an expression inside a statement, and its milliseconds as datetimes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, overload

from sqlalchemy import BigInteger
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement


class MillisecondsNow(FunctionElement[int]):
    """Milliseconds since 1970 when the statement began."""

    type = BigInteger()
    inherit_cache = True


@compiles(MillisecondsNow, "postgresql")
def _postgresql(element: MillisecondsNow, compiler: SQLCompiler, **options: Any) -> str:
    # Not clock_timestamp(): it changes within the statement, so that no index can be used.
    return "CAST(EXTRACT(EPOCH FROM statement_timestamp()) * 1000 AS BIGINT)"


@compiles(MillisecondsNow, "sqlite")
def _sqlite(element: MillisecondsNow, compiler: SQLCompiler, **options: Any) -> str:
    return "CAST(ROUND((julianday('now') - 2440587.5) * 86400000) AS INTEGER)"


milliseconds_now = MillisecondsNow()


@overload
def utc(milliseconds: int) -> datetime: ...
@overload
def utc(milliseconds: None) -> None: ...
def utc(milliseconds: int | None) -> datetime | None:
    """
    >>> utc(1500).isoformat()
    '1970-01-01T00:00:01.500000+00:00'
    """
    return None if milliseconds is None else datetime.fromtimestamp(milliseconds / 1000, UTC)
