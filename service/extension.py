"""A document that asks for more of a study -> the longer plan, stored; or everything wrong with it."""

from __future__ import annotations

from typing import Any

from clr import plan as plans
from clr.analysis import peak_interval
from clr.errors import Conflict, InvalidSpec
from clr.plan import Plan
from clr.spec import Extension, parse_extension
from service.caps import Caps
from service.store import estimates, extend
from service.store.database import Database
from service.store.extend import Extendable
from service.submission import body_hash


def apply(database: Database, study: str, document: Any, caps: Caps, *, key: str | None) -> bool:
    """Extends a study; returns whether this request did, and not an earlier one with the same key.

    Args:
        document: as read from JSON. caps: what one study may ask of this service.
        key: idempotency key: the same key with the same document extends the study once.

    Raises:
        InvalidSpec: with everything wrong with the extension, by field.
        NotFound: no such study.
        Conflict: the study can't be extended, or the key was used for another extension of it.
    """
    extension, hashed = parse_extension(document), body_hash(document)
    while True:
        found = extend.read(database, study)
        if found.replays(key, hashed):
            return False
        plan = _longer(study, found, extension, caps)
        estimate = estimates.of_plan(database, plan)
        hours = extension.max_device_hours
        limit = found.max_seconds if hours is None else 3600 * hours
        if limit is not None:
            estimates.refuse_above(limit, estimate)
        seconds = estimate.seconds if estimate else None
        if extend.write(database, study, found, plan, extension, key=key, body_hash=hashed, estimated_seconds=seconds):
            return True
        # It was extended or cancelled between reading and writing: what is asked for is judged anew.


def _longer(study: str, found: Extendable, extension: Extension, caps: Caps) -> Plan:
    settled = peak_interval.settle(found.plan, peak_interval.ramp_rounds(found.plan, found.trials))
    plan = plans.extended(found.plan, found.spec, extension, settled.interval if settled else None)
    whole = plans.asked_at_once(plan, found.spec)
    wrong = [error for error in caps.exceeded(whole) if error.pointer == "/trials"]
    if extension.max_device_hours is not None:
        wrong += caps.hours_exceeded(extension.max_device_hours)
    if wrong:
        raise InvalidSpec(wrong)
    confirmed = any(trial.phase == "confirm" for trial in found.trials)
    if found.ended and not confirmed and not extension.trials:
        raise Conflict(f"No arm of study {study} was confirmed, so none can have more seeds: give trials, too.")
    return plan
