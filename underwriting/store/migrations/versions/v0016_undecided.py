"""What nobody has decided is found by when it was received: notice of it is due all the same.

Revision 0016, 2026-11-29.
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

TABLES = ("applications", "evaluations")
UNDECIDED = sa.text("state IN ('pending', 'running', 'failed', 'quarantined')")


def upgrade() -> None:
    """Add the indexes."""
    for table in TABLES:
        name = f"ix_{table}_undecided"
        op.create_index(name, table, ["received_at"], postgresql_where=UNDECIDED, sqlite_where=UNDECIDED)


def downgrade() -> None:
    """Drop them."""
    for table in TABLES:
        op.drop_index(f"ix_{table}_undecided", table)
