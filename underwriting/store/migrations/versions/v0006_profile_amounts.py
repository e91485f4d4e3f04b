"""The limit of a profile beside its tiers: a limit run asks for everybody's, and takes no tiers apart for it.

Revision 0006, 2026-11-28.
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

TABLE = "float_profiles"
# The highest enabled amount, as `FloatProfile.limit` has it.
HIGHEST = {
    "postgresql": """
        SELECT max((tier ->> 'amount')::BIGINT) FROM jsonb_array_elements(tiers) AS tier
        WHERE (tier ->> 'enabled')::BOOLEAN
    """,
    "sqlite": """
        SELECT max(tier.value ->> 'amount') FROM json_each(tiers) AS tier
        WHERE tier.value ->> 'enabled'
    """,
}


def upgrade() -> None:
    """Add the column, with what the tiers of each version say; PostgreSQL writes every version once more."""
    op.add_column(TABLE, sa.Column("amount", sa.BigInteger(), nullable=True))
    # S608: both are this file's own.
    op.execute(f"UPDATE {TABLE} SET amount = coalesce(({HIGHEST[op.get_bind().dialect.name]}), 0)")  # noqa: S608
    with op.batch_alter_table(TABLE) as batch:
        batch.alter_column("amount", existing_type=sa.BigInteger(), nullable=False)


def downgrade() -> None:
    """Drop it: the tiers say the same."""
    op.drop_column(TABLE, "amount")
