"""The execution log: dispatches and attempts.

Revision 0022.1, 2026-11-29.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0022.1"
down_revision = "0022"
branch_labels = None
depends_on = None

ENDS = ("decided", "failed", "stopped", "lost")


def upgrade() -> None:
    """What was decided before has no log."""
    op.create_table(
        "dispatches",
        sa.Column("subject_id", sa.String(30), primary_key=True),
        sa.Column("number", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("dispatched_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("dispatched_by", sa.Text(), nullable=False),
        sa.Column("flow_run_id", sa.String(36), nullable=False),
    )
    op.create_table(
        "attempts",
        sa.Column("subject_id", sa.String(30), primary_key=True),
        sa.Column("fence", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("worker", sa.Text(), nullable=False),
        sa.Column("flow_run_id", sa.String(36), nullable=False),
        sa.Column("began_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("renewed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ended", sa.Enum(*ENDS, name="attemptend", native_enum=False, length=16, create_constraint=True)),
        sa.Column("why", sa.Text(), nullable=True),
        sa.Column("steps", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
    )


def downgrade() -> None:
    """Drop the log."""
    op.drop_table("attempts")
    op.drop_table("dispatches")
