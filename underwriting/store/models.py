"""The tables. Money is minor units beside its currency; every moment is UTC; personal data is sealed bytes."""

from datetime import date, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, Enum, ForeignKey, ForeignKeyConstraint, Index, LargeBinary, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, QueryableAttribute, mapped_column

from underwriting.domain.application import Product, State
from underwriting.domain.decision import FactValue, Result, Verdict
from underwriting.store.columns import Json, RowNumber, UtcDateTime
from underwriting.store.crypto import Place


class EffectState(StrEnum):
    """How far a paid call came; `UNKNOWN` is never repeated."""

    INTENT = "intent"
    DONE = "done"
    UNKNOWN = "unknown"


class MessageState(StrEnum):
    """Where a message stands; `DEAD` waits for an operator."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


def _choice(kind: type[StrEnum]) -> Enum:
    """Text with a check constraint: a new member is a plain migration on both databases."""
    return Enum(
        kind,
        native_enum=False,
        length=16,
        create_constraint=True,
        name=kind.__name__.lower(),
        values_callable=lambda members: [member.value for member in members],
    )


class Base(DeclarativeBase):
    """Types and constraint names that all tables share."""

    metadata = MetaData(
        naming_convention={
            "pk": "pk_%(table_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "uq": "uq_%(table_name)s_%(column_0_name)s",
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
        }
    )
    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's own name and form
        int: BigInteger(),
        str: Text(),
        bytes: LargeBinary(),
        datetime: UtcDateTime(),
        dict[str, Any]: Json,
        dict[str, FactValue]: Json,
        list[dict[str, str]]: Json,
        State: _choice(State),
        Product: _choice(Product),
        Verdict: _choice(Verdict),
        Result: _choice(Result),
        EffectState: _choice(EffectState),
        MessageState: _choice(MessageState),
    }


class ApplicationRow(Base):
    """One application: what was asked, where it stands, and who owns it by which fence."""

    __tablename__ = "applications"

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    tenant: Mapped[str]
    request_key: Mapped[str] = mapped_column(String(64), unique=True)
    fingerprint: Mapped[str] = mapped_column(String(64))
    customer_id: Mapped[str]
    product: Mapped[Product]
    amount: Mapped[int]
    currency: Mapped[str] = mapped_column(String(3))
    term_months: Mapped[int | None]
    as_of: Mapped[date]
    received_at: Mapped[datetime]

    state: Mapped[State]
    fence: Mapped[int] = mapped_column(default=0)
    attempts: Mapped[int] = mapped_column(default=0)
    lease_until: Mapped[datetime | None]
    dispatch_no: Mapped[int] = mapped_column(default=0)
    dispatched_at: Mapped[datetime | None]
    flow_run_id: Mapped[str | None] = mapped_column(String(36))
    trouble: Mapped[str | None]


_owed = ApplicationRow.state.in_((State.PENDING.value, State.RUNNING.value))
Index("ix_applications_tenant_id", ApplicationRow.tenant, ApplicationRow.id)
Index("ix_applications_customer", ApplicationRow.tenant, ApplicationRow.customer_id)
Index("ix_applications_owed", ApplicationRow.state, ApplicationRow.id, postgresql_where=_owed, sqlite_where=_owed)


class DecisionRow(Base):
    """One decision: sequence 1 is the rulebook's, 2 a person's. `body` is what the API answers, byte for byte."""

    __tablename__ = "decisions"

    application_id: Mapped[str] = mapped_column(ForeignKey(ApplicationRow.id), primary_key=True)
    sequence: Mapped[int] = mapped_column(primary_key=True)
    verdict: Mapped[Verdict]
    approved: Mapped[int | None]
    reasons: Mapped[list[dict[str, str]]]
    rulebook: Mapped[str]
    rulebook_version: Mapped[int]
    rulebook_digest: Mapped[str] = mapped_column(String(64))
    decided_by: Mapped[str]
    decided_at: Mapped[datetime]
    notice_due: Mapped[date | None]
    note: Mapped[bytes | None]
    body: Mapped[bytes]


class CheckRow(Base):
    """One check of a review, all its facts, and why its source gave nothing, if it did."""

    __tablename__ = "checks"

    application_id: Mapped[str] = mapped_column(ForeignKey(ApplicationRow.id), primary_key=True)
    check_name: Mapped[str] = mapped_column(primary_key=True)
    position: Mapped[int]
    facts: Mapped[dict[str, FactValue]]
    trouble: Mapped[str | None]


class OutcomeRow(Base):
    """What one rule said, and the facts it looked at."""

    __tablename__ = "outcomes"
    __table_args__ = (
        ForeignKeyConstraint(["application_id", "check_name"], [CheckRow.application_id, CheckRow.check_name]),
        Index("ix_outcomes_rule_result", "rule", "result"),
    )

    application_id: Mapped[str] = mapped_column(String(30), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True)
    check_name: Mapped[str]
    rule: Mapped[str]
    result: Mapped[Result]
    reason: Mapped[str | None]
    refers: Mapped[bool]
    observed: Mapped[dict[str, FactValue]]


class EffectRow(Base):
    """One paid or irreversible call: the intent before it, the sealed answer after it."""

    __tablename__ = "effects"

    application_id: Mapped[str] = mapped_column(ForeignKey(ApplicationRow.id), primary_key=True)
    effect: Mapped[str] = mapped_column(primary_key=True)
    state: Mapped[EffectState]
    fence: Mapped[int]
    payload: Mapped[bytes | None]
    begun_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]


class MessageRow(Base):
    """One message owed to a tenant; `id` stays the same over all its deliveries."""

    __tablename__ = "outbox"

    seq: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    id: Mapped[str] = mapped_column(String(30), unique=True)
    tenant: Mapped[str]
    customer_id: Mapped[str]
    application_id: Mapped[str] = mapped_column(ForeignKey(ApplicationRow.id), index=True)
    body: Mapped[bytes]
    state: Mapped[MessageState]
    attempts: Mapped[int] = mapped_column(default=0)
    due_at: Mapped[datetime]
    lease_until: Mapped[datetime | None]
    trouble: Mapped[str | None]
    created_at: Mapped[datetime]
    delivered_at: Mapped[datetime | None]


_unsent = MessageRow.state == MessageState.PENDING.value
Index("ix_outbox_due", MessageRow.due_at, postgresql_where=_unsent, sqlite_where=_unsent)
Index(
    "ix_outbox_in_order",
    MessageRow.tenant,
    MessageRow.customer_id,
    MessageRow.seq,
    postgresql_where=_unsent,
    sqlite_where=_unsent,
)


class AuditRow(Base):
    """One entry of the audit chain; `details` is the canonical JSON that was hashed."""

    __tablename__ = "audit"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str]
    subject: Mapped[str] = mapped_column(index=True)
    details: Mapped[str]
    previous: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class AuditHeadRow(Base):
    """The one row that every append locks: the chain's length and last hash."""

    __tablename__ = "audit_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    seq: Mapped[int]
    hash: Mapped[str] = mapped_column(String(64))


class RulebookRow(Base):
    """One published version of a rulebook; never changed."""

    __tablename__ = "rulebooks"

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    product: Mapped[Product]
    text: Mapped[str]
    published_by: Mapped[str]
    published_at: Mapped[datetime]


class ListRow(Base):
    """One screening list as last loaded."""

    __tablename__ = "screening_lists"

    name: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    entries: Mapped[int]
    loaded_by: Mapped[str]
    loaded_at: Mapped[datetime]


class ListEntryRow(Base):
    """One sealed entry of a screening list."""

    __tablename__ = "screening_entries"

    list_name: Mapped[str] = mapped_column(ForeignKey(ListRow.name), primary_key=True)
    entry_id: Mapped[str] = mapped_column(primary_key=True)
    record: Mapped[bytes]


# Every column of sealed values.
SEALED = (DecisionRow.note, EffectRow.payload, ListEntryRow.record)


def place(column: QueryableAttribute[Any], *key: str | int) -> Place:
    """Where the sealed value of `column` stands in the row of this primary key."""
    return Place(column.class_.__tablename__, column.key, key)
