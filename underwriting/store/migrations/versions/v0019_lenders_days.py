"""The time for a notice runs from the lender's day, which is stored; the highest limit that a run had in force, too.

The notice of a limit is numbered by the version of the profile that was applied: it was always 1.

Revision 0019, 2026-11-29.
"""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

CLAIMABLE = ("applications", "evaluations")
NOTICES = ("notices", "notice_warnings")
OF_LIMITS = "EXISTS (SELECT 1 FROM limit_runs WHERE limit_runs.id = subject_id)"
APPLIED = "SELECT applied_version FROM limit_records WHERE run_id = subject_id AND user_id = customer_id"


def upgrade() -> None:
    """Add them. Of what was received before the day is that in UTC, as its notices count already."""
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    day = "({} AT TIME ZONE 'UTC')::date" if on_postgresql else "date({})"
    for table in CLAIMABLE:
        op.add_column(table, sa.Column("received_on", sa.Date(), nullable=False, server_default="1970-01-01"))
        op.execute(f"UPDATE {table} SET received_on = {day.format('received_at')}")  # noqa: S608 - this file's own
        # SQLite keeps the default, which no row gets: it cannot alter a column.
        if on_postgresql:
            op.alter_column(table, "received_on", server_default=None)
    op.add_column("applications", sa.Column("completed_on", sa.Date(), nullable=True))
    op.execute(f"UPDATE applications SET completed_on = {day.format('completed_at')}")  # noqa: S608
    op.drop_column("applications", "completed_at")
    op.add_column("limit_records", sa.Column("highest", sa.BigInteger(), nullable=True))
    for table in NOTICES:
        op.execute(f"UPDATE {table} SET number = coalesce(({APPLIED}), number) WHERE {OF_LIMITS}")  # noqa: S608


def downgrade() -> None:
    """Drop them; of a completion the day is left, of several notices of a limit the first warning."""
    # An earlier warning has the smaller number.
    earlier = "w.subject_id = notice_warnings.subject_id AND w.customer_id = notice_warnings.customer_id"
    op.execute(
        f"DELETE FROM notice_warnings WHERE {OF_LIMITS} AND EXISTS "  # noqa: S608 - this file's own
        f"(SELECT 1 FROM notice_warnings AS w WHERE {earlier} AND w.number < notice_warnings.number)"
    )
    for table in NOTICES:
        op.execute(f"UPDATE {table} SET number = 1 WHERE {OF_LIMITS}")  # noqa: S608
    op.drop_column("limit_records", "highest")
    op.add_column("applications", sa.Column("completed_at", sa.DateTime(timezone=True), nullable=True))
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    moment = "completed_on::timestamp AT TIME ZONE 'UTC'" if on_postgresql else "completed_on || ' 00:00:00.000000'"
    op.execute(f"UPDATE applications SET completed_at = {moment}")  # noqa: S608 - this file's own
    op.drop_column("applications", "completed_on")
    for table in CLAIMABLE:
        op.drop_column(table, "received_on")
