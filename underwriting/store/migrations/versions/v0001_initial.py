"""The first schema.

Revision 0001, 2026-11-22.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.String(30)
SHA256 = sa.String(64)
MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
OWED = sa.text("state IN ('pending', 'running')")
UNSENT = sa.text("state = 'pending'")


def upgrade() -> None:
    """Make every table, and the head of an empty audit chain."""
    _applications()
    _decisions()
    _checks()
    _outcomes()
    _effects()
    _outbox()
    _audit()
    _audit_head()
    _rulebooks()
    _screening_lists()
    _screening_entries()


def downgrade() -> None:
    """Drop every table, those that refer to others first."""
    for table in (
        "screening_entries",
        "screening_lists",
        "rulebooks",
        "audit_head",
        "audit",
        "outbox",
        "effects",
        "outcomes",
        "checks",
        "decisions",
        "applications",
    ):
        op.drop_table(table)


def _required(name: str, kind: Any, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, **options)


def _optional(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)


def _choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=16)


def _applications() -> None:
    op.create_table(
        "applications",
        _required("id", ID),
        _required("tenant", sa.Text()),
        _required("request_key", SHA256),
        _required("fingerprint", SHA256),
        _required("customer_id", sa.Text()),
        _required("product", _choice("product", "loan", "float")),
        _required("amount", sa.BigInteger()),
        _required("currency", sa.String(length=3)),
        _optional("term_months", sa.BigInteger()),
        _required("as_of", sa.Date()),
        _required("received_at", MOMENT),
        _required("state", _choice("state", "pending", "running", "done", "referred", "failed", "quarantined")),
        _required("fence", sa.BigInteger()),
        _required("attempts", sa.BigInteger()),
        _optional("lease_until", MOMENT),
        _required("dispatch_no", sa.BigInteger()),
        _optional("dispatched_at", MOMENT),
        _optional("flow_run_id", sa.String(length=36)),
        _optional("trouble", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_applications"),
        sa.UniqueConstraint("request_key", name="uq_applications_request_key"),
    )
    op.create_index("ix_applications_customer", "applications", ["tenant", "customer_id"])
    op.create_index("ix_applications_owed", "applications", ["state", "id"], postgresql_where=OWED, sqlite_where=OWED)
    op.create_index("ix_applications_tenant_id", "applications", ["tenant", "id"])


def _decisions() -> None:
    op.create_table(
        "decisions",
        _required("application_id", ID),
        _required("sequence", sa.BigInteger()),
        _required("verdict", _choice("verdict", "approved", "rejected", "referred")),
        _optional("approved", sa.BigInteger()),
        _required("reasons", JSON),
        _required("rulebook", sa.Text()),
        _required("rulebook_version", sa.BigInteger()),
        _required("rulebook_digest", SHA256),
        _required("decided_by", sa.Text()),
        _required("decided_at", MOMENT),
        _optional("notice_due", sa.Date()),
        _optional("note", sa.LargeBinary()),
        _required("body", sa.LargeBinary()),
        sa.ForeignKeyConstraint(["application_id"], ["applications.id"], name="fk_decisions_application_id"),
        sa.PrimaryKeyConstraint("application_id", "sequence", name="pk_decisions"),
    )


def _checks() -> None:
    op.create_table(
        "checks",
        _required("application_id", ID),
        _required("check_name", sa.Text()),
        _required("position", sa.BigInteger()),
        _required("facts", JSON),
        _optional("trouble", sa.Text()),
        sa.ForeignKeyConstraint(["application_id"], ["applications.id"], name="fk_checks_application_id"),
        sa.PrimaryKeyConstraint("application_id", "check_name", name="pk_checks"),
    )


def _outcomes() -> None:
    op.create_table(
        "outcomes",
        _required("application_id", ID),
        _required("position", sa.BigInteger()),
        _required("check_name", sa.Text()),
        _required("rule", sa.Text()),
        _required("result", _choice("result", "pass", "fail", "unknown")),
        _optional("reason", sa.Text()),
        _required("refers", sa.Boolean()),
        _required("observed", JSON),
        sa.ForeignKeyConstraint(
            ["application_id", "check_name"],
            ["checks.application_id", "checks.check_name"],
            name="fk_outcomes_application_id",
        ),
        sa.PrimaryKeyConstraint("application_id", "position", name="pk_outcomes"),
    )
    op.create_index("ix_outcomes_rule_result", "outcomes", ["rule", "result"])


def _effects() -> None:
    op.create_table(
        "effects",
        _required("application_id", ID),
        _required("effect", sa.Text()),
        _required("state", _choice("effectstate", "intent", "done", "unknown")),
        _required("fence", sa.BigInteger()),
        _optional("payload", sa.LargeBinary()),
        _required("begun_at", MOMENT),
        _optional("settled_at", MOMENT),
        sa.ForeignKeyConstraint(["application_id"], ["applications.id"], name="fk_effects_application_id"),
        sa.PrimaryKeyConstraint("application_id", "effect", name="pk_effects"),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        _required("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite")),
        _required("id", ID),
        _required("tenant", sa.Text()),
        _required("customer_id", sa.Text()),
        _required("application_id", ID),
        _required("body", sa.LargeBinary()),
        _required("state", _choice("messagestate", "pending", "delivered", "dead")),
        _required("attempts", sa.BigInteger()),
        _required("due_at", MOMENT),
        _optional("lease_until", MOMENT),
        _optional("trouble", sa.Text()),
        _required("created_at", MOMENT),
        _optional("delivered_at", MOMENT),
        sa.ForeignKeyConstraint(["application_id"], ["applications.id"], name="fk_outbox_application_id"),
        sa.PrimaryKeyConstraint("seq", name="pk_outbox"),
        sa.UniqueConstraint("id", name="uq_outbox_id"),
    )
    op.create_index("ix_outbox_application_id", "outbox", ["application_id"])
    op.create_index("ix_outbox_due", "outbox", ["due_at"], postgresql_where=UNSENT, sqlite_where=UNSENT)
    op.create_index(
        "ix_outbox_in_order", "outbox", ["tenant", "customer_id", "seq"], postgresql_where=UNSENT, sqlite_where=UNSENT
    )


def _audit() -> None:
    op.create_table(
        "audit",
        _required("seq", sa.BigInteger(), autoincrement=False),
        _required("at", MOMENT),
        _required("actor", sa.Text()),
        _required("action", sa.Text()),
        _required("subject", sa.Text()),
        _required("details", sa.Text()),
        _required("previous", SHA256),
        _required("hash", SHA256),
        sa.PrimaryKeyConstraint("seq", name="pk_audit"),
    )
    op.create_index("ix_audit_subject", "audit", ["subject"])


def _audit_head() -> None:
    op.create_table(
        "audit_head",
        _required("id", sa.BigInteger(), autoincrement=False),
        _required("seq", sa.BigInteger()),
        _required("hash", SHA256),
        sa.PrimaryKeyConstraint("id", name="pk_audit_head"),
    )
    op.execute(sa.text("INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, :genesis)").bindparams(genesis="0" * 64))


def _rulebooks() -> None:
    op.create_table(
        "rulebooks",
        _required("name", sa.Text()),
        _required("version", sa.BigInteger()),
        _required("digest", SHA256),
        _required("product", _choice("product", "loan", "float")),
        _required("text", sa.Text()),
        _required("published_by", sa.Text()),
        _required("published_at", MOMENT),
        sa.PrimaryKeyConstraint("name", "version", name="pk_rulebooks"),
    )


def _screening_lists() -> None:
    op.create_table(
        "screening_lists",
        _required("name", sa.Text()),
        _required("digest", SHA256),
        _required("entries", sa.BigInteger()),
        _required("loaded_by", sa.Text()),
        _required("loaded_at", MOMENT),
        sa.PrimaryKeyConstraint("name", name="pk_screening_lists"),
    )


def _screening_entries() -> None:
    op.create_table(
        "screening_entries",
        _required("list_name", sa.Text()),
        _required("entry_id", sa.Text()),
        _required("record", sa.LargeBinary()),
        sa.ForeignKeyConstraint(["list_name"], ["screening_lists.name"], name="fk_screening_entries_list_name"),
        sa.PrimaryKeyConstraint("list_name", "entry_id", name="pk_screening_entries"),
    )
