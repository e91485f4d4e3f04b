"""Screening lists, and who was found on them."""

from datetime import datetime

from sqlalchemy import Double, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from underwriting.store.columns import Bytewise, Sealed
from underwriting.store.models.base import Base


class ListRow(Base):
    """One screening list as last loaded. `checked_at` is when it was last loaded or found to be the same."""

    __tablename__ = "screening_lists"

    name: Mapped[str] = mapped_column(primary_key=True)
    digest: Mapped[str] = mapped_column(String(64))
    entries: Mapped[int]
    loaded_by: Mapped[str]
    loaded_at: Mapped[datetime]
    checked_at: Mapped[datetime]
    # The `loaded_at` of the newest version that all known customers were compared with.
    screened_at: Mapped[datetime | None]


class ListEntryRow(Base):
    """One sealed entry of a screening list; `changed_at` is when what it says was first loaded."""

    __tablename__ = "screening_entries"

    list_name: Mapped[str] = mapped_column(ForeignKey(ListRow.name), primary_key=True)
    entry_id: Mapped[str] = mapped_column(primary_key=True)
    record: Mapped[Sealed]
    changed_at: Mapped[datetime]


class ListMatchRow(Base):
    """A customer who may be an entry of a list. Cleared by staff, it is no match while `compared` stays the same.

    `compared` is a sealed digest of all that was compared, of the customer and of the entry.
    """

    __tablename__ = "list_matches"

    tenant: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(Bytewise, primary_key=True)
    list_name: Mapped[str] = mapped_column(primary_key=True)
    entry_id: Mapped[str] = mapped_column(primary_key=True)
    # Whether the person was found or the company that the person acts for.
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    compared: Mapped[Sealed]
    score: Mapped[float] = mapped_column(Double)
    confirmed: Mapped[bool]
    evidence: Mapped[str]
    found_at: Mapped[datetime]
    cleared_at: Mapped[datetime | None]
    cleared_by: Mapped[str | None]
    note: Mapped[Sealed | None]


Index("ix_list_matches_entry", ListMatchRow.list_name, ListMatchRow.entry_id)
