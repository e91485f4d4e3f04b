"""Floats that events told of, one for each evaluation at the most; and how many of them an evaluation knew of.

Revision 0007, 2026-11-28.
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

FROZEN = "historical_evaluations"
# The first of the floats that were frozen with one evaluation is the one that it authorised.
FIRST = f"""
    SELECT tenant, float_id FROM (
        SELECT tenant, float_id, row_number() OVER (PARTITION BY evaluation_id ORDER BY frozen_at, float_id) AS place
        FROM {FROZEN}
    ) AS numbered WHERE place = 1
"""  # noqa: S608  # Here and below: all names are this file's own.
DAY = {"postgresql": "(frozen_at AT TIME ZONE 'UTC')::date", "sqlite": "date(frozen_at)"}


def upgrade() -> None:
    """Make the table from the floats that were frozen; those that were not their evaluation's first are no longer."""
    op.create_table(
        "told_floats",
        sa.Column("tenant", sa.Text(), nullable=False),
        sa.Column("float_id", sa.Text(), nullable=False),
        sa.Column("user_id", sa.Text(), nullable=False),
        sa.Column("evaluation_id", sa.String(30), nullable=False),
        sa.Column("taken_on", sa.Date(), nullable=False),
        sa.Column("told_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("authorised", sa.Boolean(), nullable=True),
        sa.PrimaryKeyConstraint("tenant", "float_id", name="pk_told_floats"),
    )
    op.create_index("ix_told_floats_user", "told_floats", ["tenant", "user_id"])
    op.execute(
        f"""
        INSERT INTO told_floats (tenant, float_id, user_id, evaluation_id, taken_on, told_at, authorised)
        SELECT tenant, float_id, user_id, evaluation_id, {DAY[op.get_bind().dialect.name]}, frozen_at,
            (tenant, float_id) IN ({FIRST})
        FROM {FROZEN}
        """  # noqa: S608
    )
    op.execute(f"DELETE FROM {FROZEN} WHERE (tenant, float_id) NOT IN ({FIRST})")  # noqa: S608
    op.drop_index("ix_historical_evaluations_evaluation_id", FROZEN)
    with op.batch_alter_table(FROZEN) as batch:
        batch.create_unique_constraint("uq_historical_evaluations_evaluation_id", ["evaluation_id"])
    # None were known of: whoever took a float is evaluated anew.
    op.add_column("eligibilities", sa.Column("floats_told", sa.BigInteger(), nullable=False, server_default="0"))


def downgrade() -> None:
    """Drop what was added; floats without authority are not frozen again."""
    op.drop_column("eligibilities", "floats_told")
    with op.batch_alter_table(FROZEN) as batch:
        batch.drop_constraint("uq_historical_evaluations_evaluation_id", type_="unique")
    op.create_index("ix_historical_evaluations_evaluation_id", FROZEN, ["evaluation_id"])
    op.drop_table("told_floats")
