"""Limit runs name the numbers behind their facts, limit policies are published, told floats are found by ranges of ids.

Revision 0015, 2026-11-29.
"""

import sqlalchemy as sa
from alembic import op

from underwriting.store.migrations.choices import choose_from

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

RUNS = "limit_runs"
TERMS = ("fact_terms", "fact_terms_version", "fact_terms_digest")
KINDS = ("review", "eligibility")
KINDS_NOW = (*KINDS, "limits")


def upgrade() -> None:
    """Add columns and kind. Of earlier runs the numbers are not known."""
    op.add_column(RUNS, sa.Column("fact_terms", sa.Text(), nullable=True))
    op.add_column(RUNS, sa.Column("fact_terms_version", sa.BigInteger(), nullable=True))
    op.add_column(RUNS, sa.Column("fact_terms_digest", sa.String(length=64), nullable=True))
    choose_from("rulebooks", "kind", "rulebookkind", KINDS, KINDS_NOW)
    _collate("C")


def downgrade() -> None:
    """Drop them, and the policies."""
    for name in reversed(TERMS):
        op.drop_column(RUNS, name)
    op.execute("DELETE FROM rulebooks WHERE kind = 'limits'")
    choose_from("rulebooks", "kind", "rulebookkind", KINDS_NOW, KINDS)
    _collate("default")


def _collate(collation: str) -> None:
    """By their bytes, as in revision 0005."""
    if op.get_bind().dialect.name == "postgresql":
        op.alter_column("told_floats", "user_id", type_=sa.Text(collation=collation))
