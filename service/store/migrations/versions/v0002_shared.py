"""A shared service: owners, pauses, estimates and extensions."""

from __future__ import annotations

from alembic import op
from sqlalchemy import (
    JSON,
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Integer,
    PrimaryKeyConstraint,
    String,
    Text,
    text,
)

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_USED = """
UPDATE clr_studies SET
    used_seconds = (SELECT COALESCE(SUM(clr_attempts.seconds), 0) FROM clr_attempts
                    JOIN clr_slots ON clr_slots.id = clr_attempts.slot WHERE clr_slots.study = clr_studies.id),
    ended_iterations = (SELECT COALESCE(SUM(clr_slots.iterations), 0) FROM clr_slots
                        WHERE clr_slots.study = clr_studies.id AND clr_slots.outcome IS NOT NULL)
"""
"""Studies of the version before have used device time, too."""

_FINDINGS = "UPDATE clr_studies SET recorded_at = NULL WHERE ended_at IS NOT NULL AND plan IS NOT NULL"
"""Answers of the version before are recorded again, with what they found; the record itself is not written twice."""


def upgrade() -> None:
    for column in (
        Column("owner", String(64), nullable=False, server_default=""),
        Column("paused_at", BigInteger),
        Column("pause_reason", Text, nullable=False, server_default=""),
        Column("max_seconds", Double),
        Column("estimated_seconds", Double),
        Column("used_seconds", Double, nullable=False, server_default="0"),
        Column("ended_iterations", BigInteger, nullable=False, server_default="0"),
        Column("extensions", JSON(none_as_null=True)),
    ):
        op.add_column("clr_studies", column)
    op.execute(_USED)
    served = text("ended_at IS NULL AND paused_at IS NULL")
    op.create_index(
        "clr_studies_served",
        "clr_studies",
        [text("priority DESC"), "id", "owner", "task"],
        postgresql_where=served,
        sqlite_where=served,
    )
    op.create_table(
        "clr_findings",
        Column("study", String(64), ForeignKey("clr_studies.id", ondelete="CASCADE"), nullable=False),
        Column("task", String(64), nullable=False),
        Column("model", String(72), nullable=False),
        Column("optimizer", String(64), nullable=False),
        Column("iterations", Integer, nullable=False),
        Column("setting", String(64), nullable=False),
        Column("cost", Double, nullable=False),
        Column("finding", JSON(none_as_null=True), nullable=False),
        PrimaryKeyConstraint("study"),
    )
    order = ["task", "model", "optimizer", "iterations", "setting", "cost", "study"]
    op.create_index("clr_findings_order", "clr_findings", order)
    op.execute(_FINDINGS)
    op.create_table(
        "clr_owners",
        Column("name", String(64), nullable=False),
        Column("seconds", Double, nullable=False),
        Column("at", BigInteger, nullable=False),
        PrimaryKeyConstraint("name"),
    )
    op.create_table(
        "clr_paces",
        Column("workload", String(64), nullable=False),
        Column("device_kind", String(200), nullable=False),
        Column("iteration_seconds", Double, nullable=False),
        Column("evaluation_seconds", Double, nullable=False),
        Column("measured_at", BigInteger, nullable=False),
        PrimaryKeyConstraint("workload", "device_kind"),
    )
