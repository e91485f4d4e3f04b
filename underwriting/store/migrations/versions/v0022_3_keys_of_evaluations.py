"""The idempotency keys of an evaluation, for those that are deleted.

Revision 0022.3, 2026-11-29.
"""

from alembic import op

from underwriting.store.migrations.online import create_index

revision = "0022.3"
down_revision = "0022.2"
branch_labels = None
depends_on = None

NAME = "ix_evaluation_keys_evaluation_id"


def upgrade() -> None:
    """Without it each deleted evaluation would read all keys."""
    create_index(NAME, "evaluation_keys", ["evaluation_id"])


def downgrade() -> None:
    """Drop the index."""
    op.drop_index(NAME, "evaluation_keys")
