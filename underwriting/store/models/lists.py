"""Screening lists."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from underwriting.store.models.base import Base


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
