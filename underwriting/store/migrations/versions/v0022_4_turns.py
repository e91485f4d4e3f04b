"""Turns between tenants: indexes of what waits and of what is under way, by tenant; and the calls that each has made.

Revision 0022.4, 2026-11-29.
"""

import sqlalchemy as sa
from alembic import op

from underwriting.store.migrations.online import create_index

revision = "0022.4"
down_revision = "0022.3"
branch_labels = None
depends_on = None

TABLES = ("applications", "evaluations")


def upgrade() -> None:
    """Nobody has made any call."""
    # First, because it is not repeated where an index has to be.
    op.create_table(
        "tenant_calls",
        sa.Column("tenant", sa.Text(), primary_key=True),
        sa.Column("period", sa.BigInteger(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        if_not_exists=True,
    )
    for table in TABLES:
        waiting = "state = 'pending' AND dispatched_at IS NULL"
        create_index(f"ix_{table}_waiting", table, ["tenant", "id"], where=waiting)
        under_way = "state IN ('pending', 'running') AND dispatched_at IS NOT NULL"
        create_index(f"ix_{table}_under_way", table, ["tenant"], where=under_way)


def downgrade() -> None:
    """Drop them."""
    for table in TABLES:
        op.drop_index(f"ix_{table}_under_way", table)
        op.drop_index(f"ix_{table}_waiting", table)
    op.drop_table("tenant_calls")
