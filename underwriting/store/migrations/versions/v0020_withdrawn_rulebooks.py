"""A published rulebook can be withdrawn, and put in force again: when, and by whom.

Revision 0020, 2026-11-29.
"""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

COLUMNS = (
    ("withdrawn_at", sa.DateTime(timezone=True)),
    ("withdrawn_by", sa.Text()),
    ("reinstated_at", sa.DateTime(timezone=True)),
    ("reinstated_by", sa.Text()),
)


def upgrade() -> None:
    """Add them; no rulebook is withdrawn yet."""
    for name, kind in COLUMNS:
        op.add_column("rulebooks", sa.Column(name, kind, nullable=True))


def downgrade() -> None:
    """Drop them: a withdrawn rulebook decides again."""
    for name, _ in reversed(COLUMNS):
        op.drop_column("rulebooks", name)
