"""Why and since when the credit bureau may be asked about an applicant.

Revision 0012, 2026-11-28.
"""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

TABLE = "applications"


def upgrade() -> None:
    """Add the columns; applications of before named neither purpose nor consent."""
    op.add_column(TABLE, sa.Column("bureau_purpose", sa.String(length=32), nullable=True))
    op.add_column(TABLE, sa.Column("consented_at", sa.DateTime(timezone=True), nullable=True))


def downgrade() -> None:
    """Drop them."""
    op.drop_column(TABLE, "consented_at")
    op.drop_column(TABLE, "bureau_purpose")
