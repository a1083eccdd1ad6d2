"""Derived states, each written once as an expression over stored facts."""

from __future__ import annotations

from sqlalchemy import ColumnElement, and_, case, exists, literal, or_

from service.store.clock import milliseconds_now
from service.store.schema import slots, studies

CRASHES = 3
"""A slot whose process died, hung or went silent so many times has failed."""

live = studies.c.ended_at.is_(None)
"""The study still goes on."""

served = and_(live, studies.c.paused_at.is_(None))
"""And its slots are handed out: it is not paused."""

is_open = slots.c.outcome.is_(None)
leased = and_(is_open, slots.c.lease_until > milliseconds_now)
"""Somebody has the right to run the slot."""

expired = and_(is_open, slots.c.lease_until <= milliseconds_now)
"""The lease ran out and was not yet counted as a crash."""

free = and_(is_open, slots.c.lease_until.is_(None))

started = exists().where(slots.c.study == studies.c.id, slots.c.fence > 0).correlate(studies)
_confirmed = exists().where(slots.c.study == studies.c.id, slots.c.phase == "confirm", slots.c.outcome == "done")

slot_state = case(
    (slots.c.outcome.is_not(None), slots.c.outcome),
    (studies.c.cancelled_at.is_not(None), literal("cancelled")),
    (leased, literal("running")),
    else_=literal("waiting"),
)
"""clr.resources.TrialState; needs `slots` joined with `studies`."""

study_state = case(
    (studies.c.cancelled_at.is_not(None), literal("cancelled")),
    (and_(live, studies.c.paused_at.is_not(None)), literal("paused")),
    (and_(live, started), literal("running")),
    (live, literal("queued")),
    (_confirmed.correlate(studies), literal("done")),
    else_=literal("failed"),
)
"""clr.resources.StudyState. A study has failed where it ended and no arm was confirmed."""


def leasable(*, expired_too: bool) -> ColumnElement[bool]:
    """The slot can be given to a worker; a lease that ran out for the last time gives its slot up instead."""
    if not expired_too:
        return free
    ran_out = and_(slots.c.lease_until <= milliseconds_now, slots.c.crashes < CRASHES - 1)
    # `is_open` stands outside the OR, where the databases see that the index of open slots will do.
    return and_(is_open, or_(slots.c.lease_until.is_(None), ran_out))
