"""Records of limits say when a limit was lowered last, since when it has been below, and what the run paused.

Revision 0013, 2026-11-28.
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

TABLE = "limit_records"
DAYS = ("below_since", "lowered_on", "base_below_since", "base_lowered_on")


def upgrade() -> None:
    """Add the columns. Of earlier records the days are not known, and none of them paused anything."""
    with op.batch_alter_table(TABLE) as batch:
        for name in DAYS:
            batch.add_column(sa.Column(name, sa.Date(), nullable=True))
        batch.add_column(sa.Column("paused", sa.Boolean(), nullable=False, server_default=sa.false()))
    with op.batch_alter_table(TABLE) as batch:
        batch.alter_column("paused", server_default=None)


def downgrade() -> None:
    """Drop them."""
    with op.batch_alter_table(TABLE) as batch:
        for name in (*DAYS, "paused"):
            batch.drop_column(name)
