"""The audit chain, the messages to send, and the events received."""

from datetime import datetime

from sqlalchemy import Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from underwriting.store.columns import RowNumber, Sealed
from underwriting.store.models.base import Base, QueuedRow
from underwriting.store.models.states import Channel, QueueState


class MessageRow(QueuedRow):
    """One message to send; its `id` is the same at all deliveries."""

    __tablename__ = "outbox"

    seq: Mapped[int] = mapped_column(RowNumber, primary_key=True)
    id: Mapped[str] = mapped_column(String(30), unique=True)
    channel: Mapped[Channel]
    tenant: Mapped[str]
    customer_id: Mapped[str]
    # What it is about: an application, an evaluation, a user's profile.
    subject_id: Mapped[str] = mapped_column(index=True)
    # The address of a callback; the settings name those of the other channels.
    target: Mapped[str | None]
    body: Mapped[bytes]
    created_at: Mapped[datetime]


_unsent = MessageRow.state == QueueState.PENDING.value
Index("ix_outbox_due", MessageRow.channel, MessageRow.due_at, postgresql_where=_unsent, sqlite_where=_unsent)
Index(
    "ix_outbox_in_order",
    MessageRow.tenant,
    MessageRow.customer_id,
    MessageRow.channel,
    MessageRow.seq,
    postgresql_where=_unsent,
    sqlite_where=_unsent,
)


class EventRow(QueuedRow):
    """One event from outside, kept before it is acknowledged; the payload is sealed."""

    __tablename__ = "inbox"
    # Ids are the source's and, over HTTP, the tenant's own: another tenant's same id is another event.
    __table_args__ = (UniqueConstraint("source", "tenant", "event_id", name="uq_inbox_event"),)

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    source: Mapped[str]
    event_id: Mapped[str]
    type: Mapped[str]
    tenant: Mapped[str]
    user_id: Mapped[str]
    payload: Mapped[Sealed]
    occurred_at: Mapped[datetime]
    received_at: Mapped[datetime]


_unhandled = EventRow.state == QueueState.PENDING.value
Index("ix_inbox_due", EventRow.due_at, EventRow.id, postgresql_where=_unhandled, sqlite_where=_unhandled)


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
