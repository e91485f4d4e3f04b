"""An application or evaluation whose flow run was cancelled is cancelled; nothing ever was in the state `failed`.

Revision 0022, 2026-11-29.
"""

from collections.abc import Collection

import sqlalchemy as sa
from alembic import op

from underwriting.store.migrations.choices import choose_from

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

TABLES = ("applications", "evaluations")
OTHERS = ("pending", "running", "done", "referred", "incomplete", "counteroffer")
BEFORE, NOW = (*OTHERS, "failed", "quarantined"), (*OTHERS, "quarantined", "cancelled")


def upgrade() -> None:
    """Change the states, and the indexes of what nobody has decided."""
    _change(BEFORE, NOW, "failed", "cancelled")


def downgrade() -> None:
    """What is cancelled becomes quarantined: it waits for an operator, too."""
    _change(NOW, BEFORE, "cancelled", "failed")


def _change(before: Collection[str], after: Collection[str], gone: str, new: str) -> None:
    undecided = sa.text(f"state IN ('pending', 'running', 'quarantined', '{new}')")
    for table in TABLES:
        name = f"ix_{table}_undecided"
        op.drop_index(name, table)
        choose_from(table, "state", "state", before, after, changed={gone: "quarantined"})
        op.create_index(name, table, ["received_at"], postgresql_where=undecided, sqlite_where=undecided)
