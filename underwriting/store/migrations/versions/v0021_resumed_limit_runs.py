"""A limit run is resumed as it was asked for, and a shard counts its tries.

Revision 0021, 2026-11-29.
"""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Runs that exist were asked for without either; no shard is being calculated."""
    op.add_column("limit_runs", sa.Column("full", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.add_column("limit_runs", sa.Column("shards", sa.BigInteger(), nullable=True))
    op.add_column("limit_shards", sa.Column("tries", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop them: a run that is resumed reads what has changed only, in as many shards as the settings say."""
    op.drop_column("limit_shards", "tries")
    op.drop_column("limit_runs", "shards")
    op.drop_column("limit_runs", "full")
