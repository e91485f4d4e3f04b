"""Evaluations, float profiles and the inbox; channels of the outbox; two kinds of rulebooks.

Revision 0002, 2026-11-24.
"""

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

from underwriting.store.migrations.remaking import count_on, remake

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

ID = sa.String(30)
SHA256 = sa.String(64)
MOMENT = sa.DateTime(timezone=True)
JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
OWED = sa.text("state IN ('pending', 'running')")
PENDING = sa.text("state = 'pending'")


def upgrade() -> None:
    """Make the tables of the float side, and give the outbox and the rulebooks their new columns."""
    remake("outbox", _outbox, {"subject_id": sa.column("application_id"), "channel": sa.literal("results")})
    count_on("outbox", "seq")
    remake("rulebooks", _rulebooks, {"kind": sa.literal("review")})
    _inbox()
    _float_profiles()
    _evaluations()
    _evaluation_keys()
    _evaluation_callbacks()
    _eligibilities()
    _evaluation_books()
    _evaluation_outcomes()
    _historical_evaluations()
    _float_ranks()


def downgrade() -> None:
    """Drop the float side. Messages and rulebooks that the first schema has no place for go with it."""
    for table in (
        "float_ranks",
        "historical_evaluations",
        "evaluation_outcomes",
        "evaluation_books",
        "eligibilities",
        "evaluation_callbacks",
        "evaluation_keys",
        "evaluations",
        "float_profiles",
        "inbox",
    ):
        op.drop_table(table)
    about_applications = sa.and_(
        sa.column("channel") == "results",
        sa.column("subject_id").in_(sa.select(sa.column("id")).select_from(sa.table("applications"))),
    )
    remake("rulebooks", _rulebooks_before, {}, sa.column("kind") == "review")
    remake("outbox", _outbox_before, {"application_id": sa.column("subject_id")}, about_applications)
    count_on("outbox", "seq")


def _required(name: str, kind: Any, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, **options)


def _optional(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)


def _choice(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=16)


def _index(name: str, table: str, columns: list[str], where: sa.TextClause, *, unique: bool = False) -> None:
    op.create_index(name, table, columns, unique=unique, postgresql_where=where, sqlite_where=where)


def _outbox() -> sa.Table:
    table = op.create_table(
        "outbox",
        _required("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite")),
        _required("id", ID),
        _required("channel", _choice("channel", "results", "callback", "events", "analytics")),
        _required("tenant", sa.Text()),
        _required("customer_id", sa.Text()),
        _required("subject_id", sa.Text()),
        _optional("target", sa.Text()),
        *_message(),
        sa.PrimaryKeyConstraint("seq", name="pk_outbox"),
        sa.UniqueConstraint("id", name="uq_outbox_id"),
    )
    op.create_index("ix_outbox_subject_id", "outbox", ["subject_id"])
    _index("ix_outbox_due", "outbox", ["channel", "due_at"], PENDING)
    _index("ix_outbox_in_order", "outbox", ["tenant", "customer_id", "channel", "seq"], PENDING)
    return table


def _outbox_before() -> sa.Table:
    table = op.create_table(
        "outbox",
        _required("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite")),
        _required("id", ID),
        _required("tenant", sa.Text()),
        _required("customer_id", sa.Text()),
        _required("application_id", ID),
        *_message(),
        sa.ForeignKeyConstraint(["application_id"], ["applications.id"], name="fk_outbox_application_id"),
        sa.PrimaryKeyConstraint("seq", name="pk_outbox"),
        sa.UniqueConstraint("id", name="uq_outbox_id"),
    )
    op.create_index("ix_outbox_application_id", "outbox", ["application_id"])
    _index("ix_outbox_due", "outbox", ["due_at"], PENDING)
    _index("ix_outbox_in_order", "outbox", ["tenant", "customer_id", "seq"], PENDING)
    return table


def _message() -> list[sa.Column[Any]]:
    return [
        _required("body", sa.LargeBinary()),
        _required("state", _choice("messagestate", "pending", "delivered", "dead")),
        _required("attempts", sa.BigInteger()),
        _required("due_at", MOMENT),
        _optional("lease_until", MOMENT),
        _optional("trouble", sa.Text()),
        _required("created_at", MOMENT),
        _optional("delivered_at", MOMENT),
    ]


def _rulebooks() -> sa.Table:
    table = op.create_table(
        "rulebooks", *_rulebook(_required("kind", _choice("rulebookkind", "review", "eligibility")))
    )
    op.create_index("ix_rulebooks_set", "rulebooks", ["kind", "product", "name", "version"])
    return table


def _rulebooks_before() -> sa.Table:
    return op.create_table("rulebooks", *_rulebook())


def _rulebook(*kind: sa.Column[Any]) -> list[Any]:
    return [
        _required("name", sa.Text()),
        _required("version", sa.BigInteger()),
        *kind,
        _required("digest", SHA256),
        _required("product", _choice("product", "loan", "float")),
        _required("text", sa.Text()),
        _required("published_by", sa.Text()),
        _required("published_at", MOMENT),
        sa.PrimaryKeyConstraint("name", "version", name="pk_rulebooks"),
    ]


def _inbox() -> None:
    op.create_table(
        "inbox",
        _required("id", ID),
        _required("source", sa.Text()),
        _required("event_id", sa.Text()),
        _required("type", sa.Text()),
        _required("tenant", sa.Text()),
        _required("user_id", sa.Text()),
        _required("payload", sa.LargeBinary()),
        _required("occurred_at", MOMENT),
        _required("received_at", MOMENT),
        _required("state", _choice("eventstate", "pending", "handled", "dead")),
        _required("attempts", sa.BigInteger()),
        _required("due_at", MOMENT),
        _optional("lease_until", MOMENT),
        _optional("trouble", sa.Text()),
        _optional("handled_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_inbox"),
        sa.UniqueConstraint("source", "tenant", "event_id", name="uq_inbox_event"),
    )
    _index("ix_inbox_due", "inbox", ["due_at", "id"], PENDING)


def _float_profiles() -> None:
    op.create_table(
        "float_profiles",
        _required("tenant", sa.Text()),
        _required("user_id", sa.Text()),
        _required("version", sa.BigInteger()),
        _required("currency", sa.String(length=3)),
        _required("tiers", JSON),
        _required("paused", JSON),
        _required("created_on", MOMENT),
        _required("created_by", sa.Text()),
        _required("reason", sa.Text()),
        _optional("notes", sa.LargeBinary()),
        _optional("expires_on", MOMENT),
        sa.PrimaryKeyConstraint("tenant", "user_id", "version", name="pk_float_profiles"),
    )
    temporary = sa.text("expires_on IS NOT NULL")
    _index("ix_float_profiles_temporary", "float_profiles", ["tenant", "user_id", "version"], temporary)


def _evaluations() -> None:
    op.create_table(
        "evaluations",
        _required("id", ID),
        _required("tenant", sa.Text()),
        _required("request_key", SHA256),
        _required("user_id", sa.Text()),
        _required("product", _choice("product", "loan", "float")),
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
        sa.PrimaryKeyConstraint("id", name="pk_evaluations"),
        sa.UniqueConstraint("request_key", name="uq_evaluations_request_key"),
    )
    op.create_index("ix_evaluations_user", "evaluations", ["tenant", "user_id", "id"])
    op.create_index("ix_evaluations_product", "evaluations", ["tenant", "user_id", "product", "id"])
    _index("ix_evaluations_owed", "evaluations", ["state", "id"], OWED)
    _index("uq_evaluations_under_way", "evaluations", ["tenant", "user_id", "product", "as_of"], OWED, unique=True)


def _evaluation_keys() -> None:
    op.create_table(
        "evaluation_keys",
        _required("request_key", SHA256),
        _required("fingerprint", SHA256),
        _optional("evaluation_id", ID),
        sa.ForeignKeyConstraint(["evaluation_id"], ["evaluations.id"], name="fk_evaluation_keys_evaluation_id"),
        sa.PrimaryKeyConstraint("request_key", name="pk_evaluation_keys"),
    )


def _evaluation_callbacks() -> None:
    op.create_table(
        "evaluation_callbacks",
        _required("evaluation_id", ID),
        _required("target", sa.Text()),
        sa.ForeignKeyConstraint(["evaluation_id"], ["evaluations.id"], name="fk_evaluation_callbacks_evaluation_id"),
        sa.PrimaryKeyConstraint("evaluation_id", "target", name="pk_evaluation_callbacks"),
    )


def _eligibilities() -> None:
    op.create_table(
        "eligibilities",
        _required("evaluation_id", ID),
        _required("verdict", _choice("verdict", "approved", "rejected", "referred")),
        _required("currency", sa.String(length=3)),
        _required("approved_amounts", JSON),
        _optional("affordability_cap", sa.BigInteger()),
        _optional("rulebook", sa.Text()),
        _optional("rulebook_version", sa.BigInteger()),
        _optional("rulebook_digest", SHA256),
        _optional("arm", sa.Text()),
        _required("reasons", JSON),
        _required("facts", JSON),
        _required("troubles", JSON),
        _required("books_digest", SHA256),
        _required("profile_version", sa.BigInteger()),
        _optional("notice_due", sa.Date()),
        _required("decided_at", MOMENT),
        _required("body", sa.LargeBinary()),
        sa.ForeignKeyConstraint(["evaluation_id"], ["evaluations.id"], name="fk_eligibilities_evaluation_id"),
        sa.PrimaryKeyConstraint("evaluation_id", name="pk_eligibilities"),
    )


def _evaluation_books() -> None:
    op.create_table(
        "evaluation_books",
        _required("evaluation_id", ID),
        _required("book_position", sa.BigInteger()),
        _required("rulebook", sa.Text()),
        _required("rulebook_version", sa.BigInteger()),
        _required("rulebook_digest", SHA256),
        _required("priority", sa.BigInteger()),
        _required("superseding", sa.Boolean()),
        _optional("arm", sa.Text()),
        _required("certain", sa.Boolean()),
        _required("result", _choice("result", "pass", "fail", "unknown")),
        _optional("first_failed", sa.Text()),
        _optional("cap", sa.BigInteger()),
        sa.ForeignKeyConstraint(
            ["evaluation_id"], ["eligibilities.evaluation_id"], name="fk_evaluation_books_evaluation_id"
        ),
        sa.PrimaryKeyConstraint("evaluation_id", "book_position", name="pk_evaluation_books"),
    )
    op.create_index("ix_evaluation_books_rulebook_result", "evaluation_books", ["rulebook", "result"])


def _evaluation_outcomes() -> None:
    op.create_table(
        "evaluation_outcomes",
        _required("evaluation_id", ID),
        _required("book_position", sa.BigInteger()),
        _required("position", sa.BigInteger()),
        _required("rule", sa.Text()),
        _required("result", _choice("result", "pass", "fail", "unknown")),
        _optional("reason", sa.Text()),
        _required("refers", sa.Boolean()),
        _required("observed", JSON),
        sa.ForeignKeyConstraint(
            ["evaluation_id", "book_position"],
            ["evaluation_books.evaluation_id", "evaluation_books.book_position"],
            name="fk_evaluation_outcomes_evaluation_id",
        ),
        sa.PrimaryKeyConstraint("evaluation_id", "book_position", "position", name="pk_evaluation_outcomes"),
    )
    op.create_index("ix_evaluation_outcomes_rule_result", "evaluation_outcomes", ["rule", "result"])


def _historical_evaluations() -> None:
    op.create_table(
        "historical_evaluations",
        _required("tenant", sa.Text()),
        _required("float_id", sa.Text()),
        _required("evaluation_id", ID),
        _required("user_id", sa.Text()),
        _required("product", _choice("product", "loan", "float")),
        _required("event_id", sa.Text()),
        _required("frozen_at", MOMENT),
        _required("body", sa.LargeBinary()),
        sa.ForeignKeyConstraint(["evaluation_id"], ["evaluations.id"], name="fk_historical_evaluations_evaluation_id"),
        sa.PrimaryKeyConstraint("tenant", "float_id", name="pk_historical_evaluations"),
    )
    op.create_index("ix_historical_evaluations_evaluation_id", "historical_evaluations", ["evaluation_id"])
    op.create_index("ix_historical_evaluations_user", "historical_evaluations", ["tenant", "user_id", "product"])


def _float_ranks() -> None:
    op.create_table(
        "float_ranks",
        _required("tenant", sa.Text()),
        _required("user_id", sa.Text()),
        _required("product", _choice("product", "loan", "float")),
        _required("floats_taken", sa.BigInteger()),
        _required("last_float_id", sa.Text()),
        _required("last_evaluation_id", ID),
        _required("updated_at", MOMENT),
        sa.PrimaryKeyConstraint("tenant", "user_id", "product", name="pk_float_ranks"),
    )
