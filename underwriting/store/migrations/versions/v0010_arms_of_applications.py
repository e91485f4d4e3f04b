"""The arm of an experiment that an application was decided in.

Revision 0010, 2026-11-28.
"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the column; earlier rulebooks of applications had no experiments."""
    op.add_column("decisions", sa.Column("arm", sa.Text(), nullable=True))


def downgrade() -> None:
    """Drop it."""
    op.drop_column("decisions", "arm")
