"""Ids of users in the order of their bytes, whatever the database's language: a shard finds its users by an index.

Revision 0005, 2026-11-28.
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = ("float_profiles", "limit_records")


def upgrade() -> None:
    """Say it of the columns; PostgreSQL makes their indexes anew and holds the tables' locks meanwhile.

    SQLite orders so of its own accord.
    """
    _collate("C")


def downgrade() -> None:
    """Back to the database's own order."""
    _collate("default")


def _collate(collation: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        for table in TABLES:
            op.alter_column(table, "user_id", type_=sa.Text(collation=collation))
