"""Published rulebooks and limit policies."""

from datetime import date, datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from underwriting.domain.application import Product
from underwriting.store.models.base import Base
from underwriting.store.models.states import RulebookKind


class RulebookRow(Base):
    """One published version of a rulebook; its content never changes."""

    __tablename__ = "rulebooks"
    __table_args__ = (Index("ix_rulebooks_set", "kind", "product", "name", "version"),)

    name: Mapped[str] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[RulebookKind]
    digest: Mapped[str] = mapped_column(String(64))
    product: Mapped[Product]
    text: Mapped[str]
    # The first and the last day on which it decides; empty where the text sets no bound.
    valid_from: Mapped[date | None]
    valid_until: Mapped[date | None]
    published_by: Mapped[str]
    published_at: Mapped[datetime]
    # It decides nothing while `withdrawn_at` is set; `reinstated_at` is when it was last put in force again.
    withdrawn_at: Mapped[datetime | None]
    withdrawn_by: Mapped[str | None]
    reinstated_at: Mapped[datetime | None]
    reinstated_by: Mapped[str | None]
