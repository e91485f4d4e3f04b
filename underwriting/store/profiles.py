"""Float profiles: versions that are never changed, only followed; a temporary one wins while it is active.

One series of numbers counts a user's permanent and temporary versions, so a version's number says exactly what was in
force. Whatever is written while a temporary profile is active, the temporary one follows as a version of its own with
the new pauses: the version in force is then the newest one, and a pause holds at once. Of temporary versions only the
newest counts. Writers take the next number by the table's key; who comes second reads again.
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
from underwriting.store.profile_rows import Standing, in_force, profile_of, standing_of, values_of
from underwriting.store.queue import outbox
from underwriting.store.session import Work

SYSTEM = "system"


async def current(work: Work, tenant: str, user_id: str, now: datetime) -> FloatProfile | None:
    """The profile in force: the newest temporary one while it is active, else the newest permanent one.

    None before the first contact. A product that is paused stands in its `paused`.
    """
    return await in_force(work, tenant, user_id, now)


async def on_first_contact(
    work: Work, tenant: str, user_id: str, now: datetime, currency: str, tiers: Iterable[Tier]
) -> FloatProfile:
    """The profile in force, and on first contact a default one of these tiers (see `rules.limits.tiers`)."""
    if (met := await current(work, tenant, user_id, now)) is not None:
        return met
    default = FloatProfile(
        user_id=user_id,
        version=1,
        currency=currency,
        tiers=tuple(tiers),
        created_on=now,
        created_by=SYSTEM,
        reason="first_contact",
    )
    if await _add(work, tenant, default):
        return default
    return (await standing_of(work, tenant, user_id, now)).in_force


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
    expected_version: int | None = None,
) -> FloatProfile:
    """Write the next permanent version; returns the version in force, which is a temporary one while that is active.

    UnknownProfile before the first contact. VersionConflict where `expected_version` is not the one in force; without
    it the last writer wins. ValueError where the tiers make no profile. `notes` are staff's, and are sealed.
    """
    changes = {"tiers": tuple(tiers), "paused": frozenset(paused), "reason": reason, "notes": notes, "created_by": by}
    return await _follow(
        work, tenant, user_id, now, lambda standing: standing.followed_by(now, **changes), expected_version
    )


async def put_temporary(
    work: Work,
    tenant: str,
    user_id: str,
    tiers: Iterable[Tier],
    paused: Iterable[Product],
    reason: str,
    notes: str | None,
    by: str,
    now: datetime,
    expires_on: datetime,
    expected_version: int | None = None,
) -> FloatProfile:
    """Write a temporary version, in force until `expires_on`, in the place of any earlier temporary one.

    The same errors as `put`; ValueError, too, where `expires_on` is not ahead.
    """
    if expires_on <= now:
        raise ValueError("a temporary profile has to expire after now")
    changes = {"tiers": tuple(tiers), "paused": frozenset(paused), "reason": reason, "notes": notes, "created_by": by}
    return await _follow(
        work, tenant, user_id, now, lambda standing: standing.overridden(now, expires_on, **changes), expected_version
    )


async def end_temporary(
    work: Work, tenant: str, user_id: str, by: str, now: datetime, expected_version: int | None = None
) -> FloatProfile:
    """End the temporary version before it expires; the permanent one follows it and is in force.

    UnknownProfile before the first contact, NoTemporaryProfile where none is active, VersionConflict as for `put`.
    """

    def change(standing: Standing) -> list[FloatProfile]:
        if not (following := standing.ended(now, reason="temporary_ended", notes=None, created_by=by)):
            raise NoTemporaryProfile(user_id)
        return following

    return await _follow(work, tenant, user_id, now, change, expected_version)


async def refresh(work: Work, tenant: str, user_id: str, by: str, now: datetime) -> FloatProfile:
    """Follow the version in force by an equal one, so that no evaluation from before answers any more.

    UnknownProfile before the first contact.
    """
    changes = {"reason": "refreshed", "notes": None, "created_by": by}
    return await _follow(work, tenant, user_id, now, lambda standing: standing.followed_by(now, **changes), None)


async def pause(
    work: Work, tenant: str, user_id: str, product: Product, by: str, now: datetime, notes: str | None = None
) -> FloatProfile:
    """Let the user take no more of `product`, whatever the rules say; returns the version in force."""
    return await _pausing(work, tenant, user_id, now, by, notes, reason="paused", add=frozenset({product}))


async def unpause(
    work: Work, tenant: str, user_id: str, product: Product, by: str, now: datetime, notes: str | None = None
) -> FloatProfile:
    """End the pause of `product`; returns the version in force."""
    return await _pausing(work, tenant, user_id, now, by, notes, reason="unpaused", drop=frozenset({product}))


async def versions(
    work: Work, tenant: str, user_id: str, after: int | None = None, limit: int = 50
) -> list[FloatProfile]:
    """All versions, permanent and temporary, newest first, from below the version `after` on."""
    query = select(ProfileRow).where(ProfileRow.tenant == tenant, ProfileRow.user_id == user_id)
    if after is not None:
        query = query.where(ProfileRow.version < after)
    rows = await work.scalars(query.order_by(ProfileRow.version.desc()).limit(limit))
    return [profile_of(work, row) for row in rows]


async def _pausing(
    work: Work,
    tenant: str,
    user_id: str,
    now: datetime,
    by: str,
    notes: str | None,
    *,
    reason: str,
    add: frozenset[Product] = frozenset(),
    drop: frozenset[Product] = frozenset(),
) -> FloatProfile:
    def change(standing: Standing) -> list[FloatProfile]:
        paused = (standing.in_force.paused | add) - drop
        if paused == standing.in_force.paused == standing.permanent.paused:
            return []
        return standing.followed_by(now, paused=paused, reason=reason, notes=notes, created_by=by)

    return await _follow(work, tenant, user_id, now, change, None)


async def _follow(
    work: Work,
    tenant: str,
    user_id: str,
    now: datetime,
    change: Callable[[Standing], list[FloatProfile]],
    expected_version: int | None,
) -> FloatProfile:
    """Write what follows; where another writer took the number first, look again at what there is to follow."""
    while True:
        standing = await standing_of(work, tenant, user_id, now)
        if expected_version is not None and standing.in_force.version != expected_version:
            raise VersionConflict(user_id, expected_version, standing.in_force.version)
        following = change(standing)
        if not following:
            return standing.in_force
        if await _add(work, tenant, *following):
            return following[-1]


async def _add(work: Work, tenant: str, *following: FloatProfile) -> bool:
    """Store versions, audit each, and tell of the last, which is in force; False where the first number is taken."""
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
        record=to_json({**told(last), "user_id": last.user_id}),
    )
    for profile in following:
        await audit.append(work, "profile.updated", f"{tenant}/{profile.user_id}", profile.created_by, **told(profile))
    return True


def told(profile: FloatProfile) -> dict[str, Any]:
    """What the world may know of a version: never the notes."""
    return {
        "version": profile.version,
        "reason": profile.reason,
        "currency": profile.currency,
        "enabled": [tier.id for tier in profile.tiers if tier.enabled],
        "limit": profile.limit,
        "paused": sorted(profile.paused),
        "expires_on": profile.expires_on and profile.expires_on.isoformat(),
    }
