"""When the records of a limit run were deleted.

Revision 0022.2, 2026-11-29.
"""

import sqlalchemy as sa
from alembic import op

revision = "0022.2"
down_revision = "0022.1"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """No run has lost its records yet."""
    op.add_column("limit_runs", sa.Column("purged_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Forget when; runs without records look like runs over nobody."""
    op.drop_column("limit_runs", "purged_at")
