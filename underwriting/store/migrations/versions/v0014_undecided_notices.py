"""Referrals that wait for a decision are due as well, and lowered limits 30 days after they were applied.

Revision 0014, 2026-11-28.
"""

from alembic import op

from underwriting.store.migrations.choices import choose_from

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

KINDS = ("adverse_action", "incompleteness", "counteroffer")
KINDS_NOW = (*KINDS, "undecided")
# Evaluations that were referred before are no answer after a day, and the user is evaluated again.
REFERRED = """
UPDATE decisions SET notice_due = (
    SELECT {due} FROM (SELECT coalesce(completed_at, received_at) AS since, id FROM applications) AS asked
    WHERE asked.id = decisions.application_id
)
WHERE verdict = 'referred' AND application_id IN (SELECT id FROM applications WHERE state = 'referred')
"""
LOWERED = """
UPDATE limit_records SET notice_due = (
    SELECT {due} FROM (SELECT applied_at AS since, run_id, number FROM limit_shards) AS done
    WHERE done.run_id = limit_records.run_id AND done.number = limit_records.shard
)
WHERE notice_due IS NOT NULL
"""


def upgrade() -> None:
    """Add the kind, and give what is stored its day."""
    choose_from("notices", "kind", "noticekind", KINDS, KINDS_NOW)
    on_postgresql = op.get_bind().dialect.name == "postgresql"
    due = "(since AT TIME ZONE 'UTC')::date + 30" if on_postgresql else "date(since, '+30 days')"
    for statement in (REFERRED, LOWERED):
        op.execute(statement.format(due=due))


def downgrade() -> None:
    """Drop the kind, and the days of what is not decided; those of lowered limits stay."""
    op.execute("UPDATE decisions SET notice_due = NULL WHERE verdict = 'referred'")
    choose_from("notices", "kind", "noticekind", KINDS_NOW, KINDS)
