"""The first schema."""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Double,
    ForeignKeyConstraint,
    Identity,
    Integer,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
    text,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_JSON = JSON(none_as_null=True)
_ROW_ID = BigInteger().with_variant(Integer, "sqlite")


def _where(condition: str) -> dict[str, Any]:
    """A partial index."""
    return {"postgresql_where": text(condition), "sqlite_where": text(condition)}


def upgrade() -> None:
    _studies()
    _tasks()
    _workers()
    _events()
    _slots()
    _attempts()
    _checkpoints()
    _evaluations()


def _studies() -> None:
    op.create_table(
        "clr_studies",
        Column("id", String(64), nullable=False),
        Column("name", String(200), nullable=False),
        Column("task", String(64), nullable=False),
        Column("priority", Integer, nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Column("spec", _JSON, nullable=False),
        Column("facts", _JSON),
        Column("plan", _JSON),
        Column("idempotency_key", String(200)),
        Column("body_hash", String(64), nullable=False),
        Column("cancelled_at", BigInteger),
        Column("ended_at", BigInteger),
        Column("recorded_at", BigInteger),
        Column("reason", Text, nullable=False),
        Column("sequence", BigInteger, nullable=False),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("idempotency_key"),
    )
    op.create_index("clr_studies_live", "clr_studies", [text("priority DESC"), "id"], **_where("ended_at IS NULL"))
    op.create_index("clr_studies_unrecorded", "clr_studies", ["id"], **_where("recorded_at IS NULL"))


def _tasks() -> None:
    op.create_table(
        "clr_tasks",
        Column("name", String(64), nullable=False),
        Column("facts", _JSON, nullable=False),
        Column("announced_at", BigInteger, nullable=False),
        PrimaryKeyConstraint("name"),
    )


def _workers() -> None:
    op.create_table(
        "clr_workers",
        Column("id", Text, nullable=False),
        Column("host", Text, nullable=False),
        Column("device", _JSON, nullable=False),
        Column("versions", _JSON, nullable=False),
        Column("tasks", _JSON, nullable=False),
        Column("registered_at", BigInteger, nullable=False),
        Column("last_seen", BigInteger, nullable=False),
        PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_clr_workers_last_seen", "clr_workers", ["last_seen"])


def _events() -> None:
    op.create_table(
        "clr_events",
        Column("study", String(64), nullable=False),
        Column("sequence", BigInteger, autoincrement=False, nullable=False),
        Column("at", BigInteger, nullable=False),
        Column("kind", String(16), nullable=False),
        Column("slot", BigInteger),
        Column("fence", BigInteger),
        ForeignKeyConstraint(["study"], ["clr_studies.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("study", "sequence"),
    )


def _slots() -> None:
    op.create_table(
        "clr_slots",
        Column("id", _ROW_ID, Identity(), nullable=False),
        Column("study", String(64), nullable=False),
        Column("phase", String(16), nullable=False),
        Column("arm", String(64), nullable=False),
        Column("round", Integer, nullable=False),
        Column("position", Integer, nullable=False),
        Column("number", Integer, nullable=False),
        Column("params", _JSON, nullable=False),
        Column("config", _JSON, nullable=False),
        Column("seed", BigInteger, nullable=False),
        Column("split_seed", BigInteger, nullable=False),
        Column("iterations", Integer, nullable=False),
        Column("fence", BigInteger, nullable=False),
        Column("attempt", Integer, nullable=False),
        Column("crashes", Integer, nullable=False),
        Column("holder", Text),
        Column("lease_until", BigInteger),
        Column("outcome", String(16)),
        Column("value", Double),
        Column("test", _JSON),
        Column("facts", _JSON),
        Column("reason", Text, nullable=False),
        Column("ended_at", BigInteger),
        Column("provenance", _JSON),
        Column("recorded_at", BigInteger),
        ForeignKeyConstraint(["study"], ["clr_studies.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("study", "number"),
        UniqueConstraint("study", "phase", "arm", "round", "position"),
    )
    op.create_index(
        "clr_slots_leased", "clr_slots", ["lease_until"], **_where("outcome IS NULL AND lease_until IS NOT NULL")
    )
    op.create_index("clr_slots_open", "clr_slots", ["study", "number"], **_where("outcome IS NULL"))
    op.create_index(
        "clr_slots_unrecorded", "clr_slots", ["study"], **_where("outcome IS NOT NULL AND recorded_at IS NULL")
    )


def _attempts() -> None:
    op.create_table(
        "clr_attempts",
        Column("slot", _ROW_ID, autoincrement=False, nullable=False),
        Column("fence", BigInteger, autoincrement=False, nullable=False),
        Column("worker", Text, nullable=False),
        Column("host", Text, nullable=False),
        Column("device", Text, nullable=False),
        Column("device_kind", Text, nullable=False),
        Column("started_at", BigInteger, nullable=False),
        Column("ended_at", BigInteger),
        Column("how", String(16), nullable=False),
        Column("seconds", Double, nullable=False),
        Column("tail", Text, nullable=False),
        ForeignKeyConstraint(["slot"], ["clr_slots.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("slot", "fence"),
    )


def _checkpoints() -> None:
    op.create_table(
        "clr_checkpoints",
        Column("slot", _ROW_ID, autoincrement=False, nullable=False),
        Column("fence", BigInteger, autoincrement=False, nullable=False),
        Column("iteration", Integer, autoincrement=False, nullable=False),
        Column("sha256", Text, nullable=False),
        Column("path", Text, nullable=False),
        ForeignKeyConstraint(["slot"], ["clr_slots.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("slot", "fence", "iteration"),
    )


def _evaluations() -> None:
    op.create_table(
        "clr_evaluations",
        Column("slot", _ROW_ID, autoincrement=False, nullable=False),
        Column("iteration", Integer, autoincrement=False, nullable=False),
        Column("fence", BigInteger, nullable=False),
        Column("metrics", _JSON, nullable=False),
        ForeignKeyConstraint(["slot"], ["clr_slots.id"], ondelete="CASCADE"),
        PrimaryKeyConstraint("slot", "iteration"),
    )
