"""Float profiles, version by version."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from underwriting.store.columns import Bytewise, Sealed
from underwriting.store.models.base import Base


class ProfileRow(Base):
    """One version of a user's profile; never changed. A temporary one has `expires_on`. Staff's notes are sealed."""

    __tablename__ = "float_profiles"

    tenant: Mapped[str] = mapped_column(primary_key=True)
    user_id: Mapped[str] = mapped_column(Bytewise, primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    currency: Mapped[str] = mapped_column(String(3))
    tiers: Mapped[list[dict[str, Any]]]
    # The limit: the highest enabled amount of the tiers, minor units; 0 where none is enabled.
    amount: Mapped[int]
    paused: Mapped[list[str]]
    created_on: Mapped[datetime]
    created_by: Mapped[str]
    reason: Mapped[str]
    notes: Mapped[Sealed | None]
    expires_on: Mapped[datetime | None]


_temporary = ProfileRow.expires_on.is_not(None)
Index(
    "ix_float_profiles_temporary",
    ProfileRow.tenant,
    ProfileRow.user_id,
    ProfileRow.version,
    postgresql_where=_temporary,
    sqlite_where=_temporary,
)
