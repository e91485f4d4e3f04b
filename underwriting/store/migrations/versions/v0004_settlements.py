"""A person's word on an evaluation that was referred.

Revision 0004, 2026-11-28.
"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

VERDICTS = ("approved", "rejected", "referred")


def upgrade() -> None:
    """Make the table."""
    verdict = sa.Enum(*VERDICTS, name="verdict", native_enum=False, create_constraint=True, length=16)
    op.create_table(
        "settlements",
        sa.Column("evaluation_id", sa.String(30), nullable=False),
        sa.Column("verdict", verdict, nullable=False),
        sa.Column("approved_amounts", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("notice_due", sa.Date(), nullable=True),
        sa.Column("decided_by", sa.Text(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("decided_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["evaluation_id"], ["eligibilities.evaluation_id"], name="fk_settlements_evaluation_id"
        ),
        sa.PrimaryKeyConstraint("evaluation_id", name="pk_settlements"),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("settlements")
