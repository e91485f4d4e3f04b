"""Inbox and outbox are queues of one kind: the same words for where a row stands, the same column for its end.

Revision 0017, 2026-11-29.
"""

from alembic import op

from underwriting.store.migrations.choices import choose_from

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

NOW = ("pending", "done", "dead")
# Table, its constraint, its word and its column for what is done with.
BEFORE = (("inbox", "eventstate", "handled", "handled_at"), ("outbox", "messagestate", "delivered", "delivered_at"))


def upgrade() -> None:
    """Say `done` of both."""
    for table, kind, word, column in BEFORE:
        before = ("pending", word, "dead")
        choose_from(table, "state", kind, before, NOW, kind_now="queuestate", changed={word: "done"})
        op.alter_column(table, column, new_column_name="done_at")


def downgrade() -> None:
    """Say `handled` and `delivered` again."""
    for table, kind, word, column in BEFORE:
        op.alter_column(table, "done_at", new_column_name=column)
        before = ("pending", word, "dead")
        choose_from(table, "state", "queuestate", NOW, before, kind_now=kind, changed={"done": word})
