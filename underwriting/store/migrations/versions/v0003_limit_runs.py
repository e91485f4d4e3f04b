"""Limit runs: their shards, and a record for each user.

Revision 0003, 2026-11-24.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

ID = sa.String(30)
SHA256 = sa.String(64)
MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
COUNTS = sa.text("state NOT IN ('discarded', 'rolled_back')")


def upgrade() -> None:
    """Make the three tables."""
    _limit_runs()
    _limit_shards()
    _limit_records()


def downgrade() -> None:
    """Drop them, those that refer to others first."""
    for table in ("limit_records", "limit_shards", "limit_runs"):
        op.drop_table(table)


def _required(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _optional(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)


def _choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=16)


def _limit_runs() -> None:
    states = ("calculating", "held", "applying", "applied", "incomplete", "discarded", "rolling_back", "rolled_back")
    op.create_table(
        "limit_runs",
        _required("id", ID),
        _required("tenant", sa.Text()),
        _required("product", _choice("product", "loan", "float")),
        _required("business_date", sa.Date()),
        _required("scope", sa.Text()),
        _required("history", sa.Text()),
        _required("judged_at", MOMENT),
        _required("currency", sa.String(length=3)),
        _required("policy", sa.Text()),
        _required("policy_version", sa.BigInteger()),
        _required("policy_digest", SHA256),
        _required("policy_text", sa.Text()),
        _required("state", _choice("limitrunstate", *states)),
        _required("fence", sa.BigInteger()),
        _optional("lease_until", MOMENT),
        _optional("flow_run_id", sa.String(length=36)),
        _optional("totals", JSON),
        _optional("guard", JSON),
        _required("created_at", MOMENT),
        _optional("applied_at", MOMENT),
        _optional("decided_by", sa.Text()),
        _optional("note", sa.LargeBinary()),
        sa.PrimaryKeyConstraint("id", name="pk_limit_runs"),
    )
    op.create_index(
        "uq_limit_runs_business_date",
        "limit_runs",
        ["tenant", "product", "business_date", "scope"],
        unique=True,
        postgresql_where=COUNTS,
        sqlite_where=COUNTS,
    )


def _limit_shards() -> None:
    op.create_table(
        "limit_shards",
        _required("run_id", ID),
        _required("number", sa.BigInteger()),
        _optional("first_id", sa.Text()),
        _optional("end_id", sa.Text()),
        _required("state", _choice("limitshardstate", "pending", "proposed", "applied", "failed", "rolled_back")),
        _optional("version", SHA256),
        _optional("digest", SHA256),
        _optional("records_digest", SHA256),
        _optional("totals", JSON),
        _optional("intake", JSON),
        _optional("trouble", sa.Text()),
        _optional("proposed_at", MOMENT),
        _optional("applied_at", MOMENT),
        sa.ForeignKeyConstraint(["run_id"], ["limit_runs.id"], name="fk_limit_shards_run_id"),
        sa.PrimaryKeyConstraint("run_id", "number", name="pk_limit_shards"),
    )


def _limit_records() -> None:
    op.create_table(
        "limit_records",
        _required("run_id", ID),
        _required("user_id", sa.Text()),
        _required("shard", sa.BigInteger()),
        _required("move", sa.String(length=16)),
        _optional("before", sa.BigInteger()),
        _optional("after", sa.BigInteger()),
        _optional("target", sa.BigInteger()),
        _optional("affordability_cap", sa.BigInteger()),
        _required("runs_below", sa.BigInteger()),
        _optional("raised_on", sa.Date()),
        _required("reasons", sa.Text()),
        _required("gates_held", sa.Text()),
        _optional("notice_due", sa.Date()),
        _required("facts", sa.Text()),
        _optional("base_raised_on", sa.Date()),
        _required("base_runs_below", sa.BigInteger()),
        _required("in_force", sa.BigInteger()),
        _required("base_version", sa.BigInteger()),
        _optional("applied_version", sa.BigInteger()),
        sa.ForeignKeyConstraint(
            ["run_id", "shard"], ["limit_shards.run_id", "limit_shards.number"], name="fk_limit_records_run_id"
        ),
        sa.PrimaryKeyConstraint("run_id", "user_id", name="pk_limit_records"),
    )
    op.create_index("ix_limit_records_user", "limit_records", ["user_id", "run_id"])
