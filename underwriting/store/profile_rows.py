"""Rows of profiles: which versions are in force, and the conversion to and from the domain."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Subquery, bindparam, func, or_, select

from underwriting.domain.application import Product
from underwriting.domain.profile import FloatProfile, Tier
from underwriting.store.columns import UtcDateTime
from underwriting.store.errors import UnknownProfile
from underwriting.store.models import ProfileRow, sealed_cell
from underwriting.store.session import Work

# Statements are built once, with these parameters, because building one takes longer than running it.
TENANT: BindParameter[str] = bindparam("tenant")
USER: BindParameter[str] = bindparam("user_id")
NOW = bindparam("now", type_=UtcDateTime())


def _newest(*kind: ColumnElement[bool]) -> Subquery:
    """The newest version of one kind and when it expires."""
    return (
        select(ProfileRow.version, ProfileRow.expires_on)
        .where(ProfileRow.tenant == TENANT, ProfileRow.user_id == USER, *kind)
        .order_by(ProfileRow.version.desc())
        .limit(1)
        .subquery()
    )


_permanent, _temporary = _newest(ProfileRow.expires_on.is_(None)), _newest(ProfileRow.expires_on.is_not(None))
# The number of the version in force, as SQL; NULL before the first contact.
VERSION_IN_FORCE = func.coalesce(
    select(_temporary.c.version).where(_temporary.c.expires_on > NOW).scalar_subquery(),
    select(_permanent.c.version).scalar_subquery(),
)
_of_user = select(ProfileRow).where(ProfileRow.tenant == TENANT, ProfileRow.user_id == USER)
_IN_FORCE = _of_user.where(ProfileRow.version == VERSION_IN_FORCE)
_NEWEST = _of_user.where(
    or_(*(ProfileRow.version == select(newest.c.version).scalar_subquery() for newest in (_permanent, _temporary)))
).order_by(ProfileRow.version)


@dataclass(frozen=True)
class VersionsInForce:
    """The newest permanent version, the temporary one while active, and the last number."""

    permanent: FloatProfile
    temporary: FloatProfile | None
    newest: int

    @property
    def in_force(self) -> FloatProfile:
        """The temporary version while it is active."""
        return self.temporary or self.permanent

    def followed_by(self, now: datetime, **changes: Any) -> list[FloatProfile]:
        """A permanent version, and after it the active temporary one again, with the same pauses."""
        permanent = changed(self.permanent, version=self.newest + 1, created_on=now, **changes)
        if self.temporary is None:
            return [permanent]
        again = {"version": self.newest + 2, "created_on": now, "created_by": permanent.created_by}
        return [permanent, changed(self.temporary, paused=permanent.paused, **again)]

    def overridden(self, now: datetime, expires_on: datetime, **changes: Any) -> list[FloatProfile]:
        """A temporary version."""
        following = {"version": self.newest + 1, "created_on": now, "expires_on": expires_on}
        return [changed(self.permanent, **following, **changes)]

    def ended(self, now: datetime, **changes: Any) -> list[FloatProfile]:
        """The active temporary version, now expired, and after it the permanent one; none if none is active."""
        if self.temporary is None:
            return []
        following = {"created_on": now, **changes}
        return [
            changed(self.temporary, version=self.newest + 1, expires_on=now, **following),
            changed(self.permanent, version=self.newest + 2, **following),
        ]


def changed(profile: FloatProfile, **changes: Any) -> FloatProfile:
    """A copy that is validated, unlike pydantic's own."""
    return FloatProfile(**{**dict(profile), **changes})


def newest_versions(of: ColumnElement[bool]) -> Subquery:
    """The numbers of the newest permanent and the newest version of each user of one tenant, as a table."""
    permanent = func.max(ProfileRow.version).filter(ProfileRow.expires_on.is_(None))
    return (
        select(ProfileRow.user_id, permanent.label("permanent"), func.max(ProfileRow.version).label("newest"))
        .where(of)
        .group_by(ProfileRow.user_id)
        .subquery()
    )


async def in_force(work: Work, tenant: str, user_id: str, now: datetime) -> FloatProfile | None:
    """The version in force; None before the first contact."""
    row = await work.scalar(_IN_FORCE, {"tenant": tenant, "user_id": user_id, "now": now})
    return None if row is None else profile_of(work, row)


async def versions_in_force(work: Work, tenant: str, user_id: str, now: datetime) -> VersionsInForce:
    """The versions that the next one follows; UnknownProfile before the first contact."""
    rows = await work.scalars(_NEWEST, {"tenant": tenant, "user_id": user_id})
    found = [profile_of(work, row) for row in rows]
    permanent = [profile for profile in found if profile.expires_on is None]
    temporary = [profile for profile in found if profile.expires_on is not None and profile.active(now)]
    if not permanent:
        raise UnknownProfile(user_id)
    return VersionsInForce(permanent[0], temporary[0] if temporary else None, found[-1].version)


def values_of(work: Work, tenant: str, profile: FloatProfile) -> dict[str, Any]:
    """The columns of a version, its notes sealed."""
    at = sealed_cell(ProfileRow.notes, tenant, profile.user_id, profile.version)
    return {
        "tenant": tenant,
        "user_id": profile.user_id,
        "version": profile.version,
        "currency": profile.currency,
        "tiers": [tier.model_dump() for tier in profile.tiers],
        "amount": profile.limit,
        "paused": sorted(profile.paused),
        "created_on": profile.created_on,
        "created_by": profile.created_by,
        "reason": profile.reason,
        "notes": None if profile.notes is None else work.keys.seal(profile.notes.encode(), at),
        "expires_on": profile.expires_on,
    }


def profile_of(work: Work, row: ProfileRow) -> FloatProfile:
    """The domain's view of a row, its notes opened."""
    at = sealed_cell(ProfileRow.notes, row.tenant, row.user_id, row.version)
    return FloatProfile(
        user_id=row.user_id,
        version=row.version,
        currency=row.currency,
        tiers=tuple(map(Tier.model_validate, row.tiers)),
        paused=frozenset(map(Product, row.paused)),
        created_on=row.created_on,
        created_by=row.created_by,
        reason=row.reason,
        notes=None if row.notes is None else work.keys.note(row.notes, at),
        expires_on=row.expires_on,
    )
