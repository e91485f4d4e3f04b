"""Float profiles: versions are never changed, only followed by new ones; a temporary version is in force while it is
active.

Permanent and temporary versions of a user share one series of numbers, so a number says exactly what was in force. A
permanent version that is written while a temporary one is active is followed by the temporary one again, with the new
pauses: the version in force is then the newest one, and a pause takes effect at once. Only the newest temporary version
counts. The primary key decides which of several writers gets the next number; the others read again and retry.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from pydantic_core import to_json
from sqlalchemy import select

from underwriting.domain.application import Product
from underwriting.domain.profile import FloatProfile, Tier
from underwriting.store import audit
from underwriting.store.errors import NoTemporaryProfile, VersionConflict
from underwriting.store.models import Channel, ProfileRow
from underwriting.store.profile_rows import VersionsInForce, in_force, profile_of, values_of, versions_in_force
from underwriting.store.queue import outbox
from underwriting.store.session import Work

SYSTEM = "system"
# The version of the profile of a user whom we have not met.
NOT_STORED = 0
HAS_PASSED = "a temporary profile has to expire after now; choose a later moment"


async def current(work: Work, tenant: str, user_id: str, now: datetime) -> FloatProfile | None:
    """The profile in force: the newest temporary one while it is active, else the newest permanent one.

    None before the first contact.
    """
    return await in_force(work, tenant, user_id, now)


async def on_first_contact(
    work: Work, tenant: str, user_id: str, now: datetime, currency: str, tiers: Iterable[Tier]
) -> FloatProfile:
    """The profile in force, and on first contact a default one of these tiers (see `rules.limits.tiers`)."""
    if (met := await current(work, tenant, user_id, now)) is not None:
        return met
    default = default_profile(user_id, now, currency, tiers, version=1)
    if await _add(work, tenant, default):
        return default
    return (await versions_in_force(work, tenant, user_id, now)).in_force


def default_profile(
    user_id: str, now: datetime, currency: str, tiers: Iterable[Tier], version: int = NOT_STORED
) -> FloatProfile:
    """The profile of a user before the first contact."""
    return FloatProfile(
        user_id=user_id,
        version=version,
        currency=currency,
        tiers=tuple(tiers),
        created_on=now,
        created_by=SYSTEM,
        reason="first_contact",
    )


async def put(
    work: Work,
    tenant: str,
    user_id: str,
    tiers: Iterable[Tier],
    paused: Iterable[Product],
    reason: str,
    notes: str | None,
    by: str,
    now: datetime,
    expires_on: datetime | None = None,
    expected_version: int | None = None,
) -> FloatProfile:
    """Write the next permanent version or, with `expires_on`, a temporary one that replaces any earlier temporary one.

    Returns the version in force, which is a temporary one while that is active. UnknownProfile before the first
    contact. VersionConflict if `expected_version` is not the one in force; without it the last writer wins. ValueError
    if the tiers make no profile, or if `expires_on` has passed. `notes` are for staff, and are sealed.
    """
    if expires_on is not None and expires_on <= now:
        raise ValueError(f"expires_on: {HAS_PASSED}")
    changes = {"tiers": tuple(tiers), "paused": frozenset(paused), "reason": reason, "notes": notes, "created_by": by}

    def change(found: VersionsInForce) -> list[FloatProfile]:
        if expires_on is None:
            return found.followed_by(now, **changes)
        return found.overridden(now, expires_on, **changes)

    return await _follow(work, tenant, user_id, now, change, expected_version)


async def end_temporary(
    work: Work, tenant: str, user_id: str, by: str, now: datetime, expected_version: int | None = None
) -> FloatProfile:
    """End the temporary version before it expires; the permanent one follows it and is in force.

    UnknownProfile before the first contact, NoTemporaryProfile where none is active, VersionConflict as for `put`.
    """

    def change(found: VersionsInForce) -> list[FloatProfile]:
        if not (following := found.ended(now, reason="temporary_ended", notes=None, created_by=by)):
            raise NoTemporaryProfile(user_id)
        return following

    return await _follow(work, tenant, user_id, now, change, expected_version)


async def refresh(work: Work, tenant: str, user_id: str, by: str, now: datetime) -> FloatProfile:
    """Write an equal version after the one in force, so that earlier evaluations are no longer the answer.

    UnknownProfile before the first contact.
    """
    changes = {"reason": "refreshed", "notes": None, "created_by": by}
    return await _follow(work, tenant, user_id, now, lambda found: found.followed_by(now, **changes), None)


async def versions(
    work: Work, tenant: str, user_id: str, after: int | None = None, limit: int = 50
) -> list[FloatProfile]:
    """All versions, permanent and temporary, newest first, from below the version `after` on."""
    query = select(ProfileRow).where(ProfileRow.tenant == tenant, ProfileRow.user_id == user_id)
    if after is not None:
        query = query.where(ProfileRow.version < after)
    rows = await work.scalars(query.order_by(ProfileRow.version.desc()).limit(limit))
    return [profile_of(work, row) for row in rows]


async def _follow(
    work: Work,
    tenant: str,
    user_id: str,
    now: datetime,
    change: Callable[[VersionsInForce], list[FloatProfile]],
    expected_version: int | None,
) -> FloatProfile:
    """Write the versions that `change` makes of those in force; read again if another writer took the number."""
    while True:
        found = await versions_in_force(work, tenant, user_id, now)
        if expected_version is not None and found.in_force.version != expected_version:
            raise VersionConflict(user_id, expected_version, found.in_force.version)
        following = change(found)
        if await _add(work, tenant, *following):
            return following[-1]


async def _add(work: Work, tenant: str, *following: FloatProfile) -> bool:
    """Store and audit versions, and send an event about the last one, which is in force; False if a number is taken."""
    for profile in following:
        if await work.add_new(ProfileRow, **values_of(work, tenant, profile)) is None:
            return False
    last = following[-1]
    await outbox.enqueue(
        work,
        Channel.EVENTS,
        tenant=tenant,
        customer_id=last.user_id,
        subject_id=last.user_id,
        event="profile.updated",
        at=last.created_on,
        record=to_json({**published(last), "user_id": last.user_id}),
    )
    for profile in following:
        await audit.append(
            work, "profile.updated", f"{tenant}/{profile.user_id}", profile.created_by, **published(profile)
        )
    return True


def published(profile: FloatProfile) -> dict[str, Any]:
    """What events and audit entries show of a version; never the notes."""
    return {
        "version": profile.version,
        "reason": profile.reason,
        "currency": profile.currency,
        "enabled": [tier.id for tier in profile.tiers if tier.enabled],
        "limit": profile.limit,
        "paused": sorted(profile.paused),
        "expires_on": profile.expires_on and profile.expires_on.isoformat(),
    }
