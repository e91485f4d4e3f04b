"""Applications that wait for their customer, counteroffers, and the notices that were sent.

Revision 0008, 2026-11-28.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from underwriting.store.migrations.choices import choose_from

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

JSON: sa.types.TypeEngine[Any] = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
MOMENT: sa.types.TypeEngine[Any] = sa.DateTime(timezone=True)
STATES = ("pending", "running", "done", "referred", "failed", "quarantined")
STATES_NOW = ("pending", "running", "done", "referred", "incomplete", "counteroffer", "failed", "quarantined")
VERDICTS = ("approved", "rejected", "referred")
VERDICTS_NOW = (*VERDICTS, "incomplete", "counteroffer")
CLAIMABLE = ("applications", "evaluations")
DECIDED = ("decisions", "eligibilities", "settlements")
ADDED = {
    "applications": {"completed_at": MOMENT, "respond_by": MOMENT, "wake_at": MOMENT},
    "checks": {"alternatives": JSON},
    "decisions": {"missing": JSON, "offer": JSON, "respond_by": MOMENT},
}
KINDS = ("adverse_action", "incompleteness", "counteroffer")
# Where notices fall due.
DUE = ("decisions", "eligibilities", "settlements", "limit_records")
OWED = sa.text("notice_due IS NOT NULL")
WAITS = sa.text("wake_at IS NOT NULL")


def upgrade() -> None:
    """Add the words, the columns and the tables."""
    for table in CLAIMABLE:
        choose_from(table, "state", "state", STATES, STATES_NOW)
    for table in DECIDED:
        choose_from(table, "verdict", "verdict", VERDICTS, VERDICTS_NOW)
    for table, columns in ADDED.items():
        for name, kind in columns.items():
            op.add_column(table, sa.Column(name, kind, nullable=True))
    op.create_index("ix_applications_wake_at", "applications", ["wake_at"], postgresql_where=WAITS, sqlite_where=WAITS)
    for table in DUE:
        op.create_index(f"ix_{table}_notice_due", table, ["notice_due"], postgresql_where=OWED, sqlite_where=OWED)
    kind = sa.Enum(*KINDS, name="noticekind", native_enum=False, create_constraint=True, length=16)
    op.create_table(
        "notices",
        sa.Column("id", sa.String(30), nullable=False),
        *_about(),
        sa.Column("kind", kind, nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("sent_at", MOMENT, nullable=False),
        sa.Column("sent_by", sa.Text(), nullable=False),
        sa.Column("recorded_at", MOMENT, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_notices"),
    )
    op.create_index("ix_notices_subject_id_customer_id", "notices", ["subject_id", "customer_id"])
    op.create_table(
        "notice_warnings",
        *_about(),
        sa.Column("warned_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("subject_id", "customer_id", "number", name="pk_notice_warnings"),
    )


def _about() -> list[sa.Column[Any]]:
    return [
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("subject_id", sa.String(30), nullable=False),
        sa.Column("customer_id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
    ]


def downgrade() -> None:
    """Drop them: whoever waits for a customer, or was offered something else, is referred to a person."""
    op.drop_table("notice_warnings")
    op.drop_table("notices")
    for table in DUE:
        op.drop_index(f"ix_{table}_notice_due", table)
    op.drop_index("ix_applications_wake_at", "applications")
    waits = "IN ('incomplete', 'counteroffer')"
    op.execute(f"UPDATE applications SET state = 'referred' WHERE state {waits}")  # noqa: S608 - this file's own
    op.execute(f"UPDATE decisions SET verdict = 'referred' WHERE verdict {waits}")  # noqa: S608 - this file's own
    for table, columns in ADDED.items():
        for name in columns:
            op.drop_column(table, name)
    for table in CLAIMABLE:
        choose_from(table, "state", "state", STATES_NOW, STATES)
    for table in DECIDED:
        choose_from(table, "verdict", "verdict", VERDICTS_NOW, VERDICTS)
