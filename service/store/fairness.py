"""Fair shares: at equal priority the next lease goes to the owner with the fewest device seconds of late.

What an owner's ended attempts took fades with a time constant of a day; what its attempts under way have taken so far
counts in full. The database computes both, by its own clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, Connection, Double, case, cast, func, select, update
from sqlalchemy.sql.selectable import Subquery

from service.store import states
from service.store.clock import milliseconds_now
from service.store.dialect import insert_missing
from service.store.schema import attempts, owners, slots, studies

DAY_MS = 86_400_000
"""Time constant of the decay [ms]: after it a device second counts 1/e."""
_FORGOTTEN = -700.0  # PostgreSQL's exp() refuses to round what is smaller to zero


def charge(connection: Connection, spent: Mapping[str, float]) -> None:
    """Adds device seconds to owners. It locks their rows: after every study and slot of the transaction."""
    now = connection.scalar(select(milliseconds_now)) if spent else None
    for name in sorted(spent):
        new = {"name": name, "seconds": spent[name], "at": now}
        if not insert_missing(connection, owners, [new], "name"):
            added = update(owners).where(owners.c.name == name)
            connection.execute(added.values(seconds=_faded() + spent[name], at=milliseconds_now))


def _faded() -> ColumnElement[float]:
    """What an owner's stored seconds are worth now."""
    age = cast(owners.c.at - milliseconds_now, Double) / DAY_MS
    return owners.c.seconds * func.exp(case((age < _FORGOTTEN, _FORGOTTEN), (age > 0, 0.0), else_=age))


def _under_way() -> Subquery:
    """Device seconds of attempts that go on, by owner."""
    seconds = func.sum(cast(milliseconds_now - attempts.c.started_at, Double)) / 1000
    return (
        select(studies.c.owner, seconds.label("seconds"))
        .select_from(slots)
        .join(attempts, (attempts.c.slot == slots.c.id) & (attempts.c.fence == slots.c.fence))
        .join(studies, studies.c.id == slots.c.study)
        .where(states.leased)
        .group_by(studies.c.owner)
        .subquery("under_way")
    )


def used() -> tuple[Any, ColumnElement[float]]:
    """`clr_studies` joined with what its owner used of late, and that as an expression [device seconds]."""
    under_way = _under_way()
    joined = studies.outerjoin(owners, owners.c.name == studies.c.owner)
    joined = joined.outerjoin(under_way, under_way.c.owner == studies.c.owner)
    return joined, func.coalesce(_faded(), 0.0) + func.coalesce(under_way.c.seconds, 0.0)


def shared(connection: Connection) -> bool:
    """Whether more than one owner waits: with a single one there is nothing to share, and priority and age decide."""
    first, last = connection.execute(
        select(func.min(studies.c.owner), func.max(studies.c.owner)).where(states.served)
    ).one()
    return bool(first != last)
