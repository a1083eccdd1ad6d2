"""The tables. Their prefix keeps them apart from Optuna's, which owns `studies` and `trials` in the same database.

Times are the database's, in milliseconds since 1970 (UTC).
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Identity,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()
# SQLite numbers rows by itself only where the type is exactly INTEGER.
_RowId = BigInteger().with_variant(Integer, "sqlite")
_Json = JSON(none_as_null=True)


def _study() -> Column[str]:
    return Column("study", String(64), ForeignKey("clr_studies.id", ondelete="CASCADE"), nullable=False)


def _slot() -> Column[int]:
    return Column("slot", _RowId, ForeignKey("clr_slots.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)


# facts: of the task, as the plan uses them; null with plan until a describe slot has found them.
# sequence: of the study's last event. reason: why it ended without a plan.
# owner: who shares the workers with the others. paused_at: null while it runs; pause_reason: why it is paused.
# max_seconds: device time that it may take; estimated_seconds: that it will take, null until a pace is measured.
# used_seconds: device time of its ended attempts; ended_iterations: planned length of the slots that have an outcome.
# extensions: what was added to the plan after it was made, in order.
studies = Table(
    "clr_studies",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("task", String(64), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("spec", _Json, nullable=False),
    Column("facts", _Json),
    Column("plan", _Json),
    Column("idempotency_key", String(200), unique=True),
    Column("body_hash", String(64), nullable=False),
    Column("cancelled_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("recorded_at", BigInteger),
    Column("reason", Text, nullable=False, default=""),
    Column("sequence", BigInteger, nullable=False, default=0),
    Column("owner", String(64), nullable=False, default=""),
    Column("paused_at", BigInteger),
    Column("pause_reason", Text, nullable=False, default=""),
    Column("max_seconds", Double),
    Column("estimated_seconds", Double),
    Column("used_seconds", Double, nullable=False, default=0.0),
    Column("ended_iterations", BigInteger, nullable=False, default=0),
    Column("extensions", _Json),
)
Index(
    "clr_studies_live",
    studies.c.priority.desc(),
    studies.c.id,
    postgresql_where=studies.c.ended_at.is_(None),
    sqlite_where=studies.c.ended_at.is_(None),
)
# What a lease asks of a study stands in the index: a row is long, and its last columns lie far from its first.
_served = studies.c.ended_at.is_(None) & studies.c.paused_at.is_(None)
Index(
    "clr_studies_served",
    studies.c.priority.desc(),
    studies.c.id,
    studies.c.owner,
    studies.c.task,
    postgresql_where=_served,
    sqlite_where=_served,
)
Index(
    "clr_studies_unrecorded",
    studies.c.id,
    postgresql_where=studies.c.recorded_at.is_(None),
    sqlite_where=studies.c.recorded_at.is_(None),
)

# fence: of the last lease. attempt: leases so far, released ones aside. holder: of the last lease, null when it was
# given back. lease_until null with a holder: the lease ran out and was counted as a crash.
# value: the validation metric; test: every test metric. facts: what a describe slot found.
slots = Table(
    "clr_slots",
    metadata,
    Column("id", _RowId, Identity(), primary_key=True),
    _study(),
    Column("phase", String(16), nullable=False),
    Column("arm", String(64), nullable=False),
    Column("round", Integer, nullable=False),
    Column("position", Integer, nullable=False),
    Column("number", Integer, nullable=False),
    Column("params", _Json, nullable=False),
    Column("config", _Json, nullable=False),
    Column("seed", BigInteger, nullable=False),
    Column("split_seed", BigInteger, nullable=False),
    Column("iterations", Integer, nullable=False),
    Column("fence", BigInteger, nullable=False, default=0),
    Column("attempt", Integer, nullable=False, default=0),
    Column("crashes", Integer, nullable=False, default=0),
    Column("holder", Text),
    Column("lease_until", BigInteger),
    Column("outcome", String(16)),
    Column("value", Double),
    Column("test", _Json),
    Column("facts", _Json),
    Column("reason", Text, nullable=False, default=""),
    Column("ended_at", BigInteger),
    Column("provenance", _Json),
    Column("recorded_at", BigInteger),
    UniqueConstraint("study", "phase", "arm", "round", "position"),
    UniqueConstraint("study", "number"),
)
_open = slots.c.outcome.is_(None)
_leased = _open & slots.c.lease_until.is_not(None)
_unrecorded = slots.c.outcome.is_not(None) & slots.c.recorded_at.is_(None)
Index("clr_slots_open", slots.c.study, slots.c.number, postgresql_where=_open, sqlite_where=_open)
Index("clr_slots_leased", slots.c.lease_until, postgresql_where=_leased, sqlite_where=_leased)
Index("clr_slots_unrecorded", slots.c.study, postgresql_where=_unrecorded, sqlite_where=_unrecorded)

# fence: of the lease that reported it.
evaluations = Table(
    "clr_evaluations",
    metadata,
    _slot(),
    Column("iteration", Integer, primary_key=True, autoincrement=False),
    Column("fence", BigInteger, nullable=False),
    Column("metrics", _Json, nullable=False),
)

checkpoints = Table(
    "clr_checkpoints",
    metadata,
    _slot(),
    Column("fence", BigInteger, primary_key=True, autoincrement=False),
    Column("iteration", Integer, primary_key=True, autoincrement=False),
    Column("sha256", Text, nullable=False),
    Column("path", Text, nullable=False),
)

# One row per lease. how: running, done, diverged, failed, crashed, expired, released. seconds: device time.
attempts = Table(
    "clr_attempts",
    metadata,
    _slot(),
    Column("fence", BigInteger, primary_key=True, autoincrement=False),
    Column("worker", Text, nullable=False),
    Column("host", Text, nullable=False),
    Column("device", Text, nullable=False),
    Column("device_kind", Text, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("how", String(16), nullable=False),
    Column("seconds", Double, nullable=False, default=0.0),
    Column("tail", Text, nullable=False, default=""),
)

workers = Table(
    "clr_workers",
    metadata,
    Column("id", Text, primary_key=True),
    Column("host", Text, nullable=False),
    Column("device", _Json, nullable=False),
    Column("versions", _Json, nullable=False),
    Column("tasks", _Json, nullable=False),
    Column("registered_at", BigInteger, nullable=False),
    Column("last_seen", BigInteger, nullable=False, index=True),
)

# The confirmed best of a study that has one. cost: its mean test metric, negative where more is better.
# setting: of studies that train alike (a hash).
findings = Table(
    "clr_findings",
    metadata,
    Column("study", String(64), ForeignKey("clr_studies.id", ondelete="CASCADE"), primary_key=True),
    Column("task", String(64), nullable=False),
    Column("model", String(72), nullable=False),
    Column("optimizer", String(64), nullable=False),
    Column("iterations", Integer, nullable=False),
    Column("setting", String(64), nullable=False),
    Column("cost", Double, nullable=False),
    Column("finding", _Json, nullable=False),
)
Index(
    "clr_findings_order",
    *(findings.c[name] for name in ("task", "model", "optimizer", "iterations", "setting", "cost", "study")),
)

# The newest facts that a worker announced of each task.
tasks = Table(
    "clr_tasks",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("facts", _Json, nullable=False),
    Column("announced_at", BigInteger, nullable=False),
)

# Device seconds of each owner's ended attempts, decayed to the time `at`.
owners = Table(
    "clr_owners",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("seconds", Double, nullable=False),
    Column("at", BigInteger, nullable=False),
)

# The measured pace of a workload (a hash of task, model, batch and what else an update's time hangs on), smoothed.
paces = Table(
    "clr_paces",
    metadata,
    Column("workload", String(64), primary_key=True),
    Column("device_kind", String(200), primary_key=True),
    Column("iteration_seconds", Double, nullable=False),
    Column("evaluation_seconds", Double, nullable=False),
    Column("measured_at", BigInteger, nullable=False),
)

# sequence: counted on the study's row in the same transaction, so a reader never misses one (an identity column's order
# is not the order of commits).
events = Table(
    "clr_events",
    metadata,
    Column("study", String(64), ForeignKey("clr_studies.id", ondelete="CASCADE"), primary_key=True),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("kind", String(16), nullable=False),
    Column("slot", BigInteger),
    Column("fence", BigInteger),
)
