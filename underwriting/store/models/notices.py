"""Notices that were sent, when and how, and warnings before a deadline. Rows are added, never changed."""

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from underwriting.domain.notice import NoticeKind
from underwriting.store.columns import Sealed
from underwriting.store.models.base import Base


class NoticeRow(Base):
    """One notice that was sent. `content` is what the customer was sent, sealed."""

    __tablename__ = "notices"
    __table_args__ = (Index(None, "subject_id", "customer_id"),)

    id: Mapped[str] = mapped_column(String(30), primary_key=True)
    tenant: Mapped[str]
    # An application, an evaluation or a limit run; and which of the decisions about it.
    subject_id: Mapped[str] = mapped_column(String(30))
    customer_id: Mapped[str]
    number: Mapped[int]
    kind: Mapped[NoticeKind]
    how: Mapped[str]
    sent_at: Mapped[datetime]
    sent_by: Mapped[str]
    recorded_at: Mapped[datetime]
    content: Mapped[Sealed]


class NoticeWarningRow(Base):
    """A warning before the deadline of a notice; one for each notice."""

    __tablename__ = "notice_warnings"

    tenant: Mapped[str]
    subject_id: Mapped[str] = mapped_column(String(30), primary_key=True)
    customer_id: Mapped[str] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    warned_at: Mapped[datetime]
