"""Matches with the screening lists, and what a person cleared; since when an entry says what it says.

Revision 0009, 2026-11-28.
"""

import sqlalchemy as sa
from alembic import op

from underwriting.store.columns import Bytewise

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Lists and entries count as loaded when they were; which customers were screened against them is not known."""
    op.add_column("screening_lists", sa.Column("screened_at", MOMENT, nullable=True))
    op.add_column("screening_lists", sa.Column("checked_at", MOMENT, nullable=True))
    op.add_column("screening_entries", sa.Column("changed_at", MOMENT, nullable=True))
    op.execute("UPDATE screening_lists SET checked_at = loaded_at")
    op.execute(
        "UPDATE screening_entries SET changed_at ="
        " (SELECT loaded_at FROM screening_lists WHERE screening_lists.name = screening_entries.list_name)"
    )
    for table, column in (("screening_lists", "checked_at"), ("screening_entries", "changed_at")):
        with op.batch_alter_table(table) as batch:
            batch.alter_column(column, existing_type=MOMENT, nullable=False)
    op.create_table(
        "list_matches",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("user_id", Bytewise, nullable=False),
        sa.Column("list_name", sa.Text(), nullable=False),
        sa.Column("entry_id", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("compared", sa.LargeBinary(), nullable=False),
        sa.Column("score", sa.Double(), nullable=False),
        sa.Column("confirmed", sa.Boolean(), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("found_at", MOMENT, nullable=False),
        sa.Column("cleared_at", MOMENT, nullable=True),
        sa.Column("cleared_by", sa.Text(), nullable=True),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "user_id", "list_name", "entry_id", "kind", name="pk_list_matches"),
    )
    op.create_index("ix_list_matches_entry", "list_matches", ["list_name", "entry_id"])


def downgrade() -> None:
    """Drop them; what a person cleared is looked at again."""
    op.drop_table("list_matches")
    for table, columns in (("screening_entries", ["changed_at"]), ("screening_lists", ["checked_at", "screened_at"])):
        with op.batch_alter_table(table) as batch:
            for column in columns:
                batch.drop_column(column)
