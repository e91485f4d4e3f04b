"""Changes of one user's float profile by staff: what the form and the command line share."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from underwriting.domain.application import Product
from underwriting.domain.profile import FloatProfile, Tier
from underwriting.store import profiles
from underwriting.store.errors import NoSuchUser, VersionConflict
from underwriting.store.session import Store, Work


async def change(
    store: Store,
    tenant: str,
    user_id: str,
    *,
    tiers: Callable[[Iterable[Tier]], Iterable[Tier]] | None = None,
    paused: Callable[[frozenset[Product]], Iterable[Product]] | None = None,
    reason: str,
    note: str | None,
    by: str,
    expires_on: datetime | None = None,
) -> FloatProfile:
    """Write the next version of a profile, for good or until a moment, and return the version in force.

    `tiers` and `paused` make the new ones of those in force; None leaves them as they are. Where somebody else writes a
    version meanwhile, they are applied to that one. NoSuchUser before the first contact, ValueError as in
    `profiles.put`.
    """

    async def put(work: Work, now: datetime) -> FloatProfile:
        earlier = await profiles.current(work, tenant, user_id, now)
        if earlier is None:
            raise NoSuchUser(tenant, user_id)
        return await profiles.put(
            work,
            tenant,
            user_id,
            tiers(earlier.tiers) if tiers else earlier.tiers,
            paused(earlier.paused) if paused else earlier.paused,
            reason,
            note,
            by,
            now,
            expires_on,
            expected_version=earlier.version,
        )

    while True:
        try:
            async with store.begin() as work:
                return await put(work, datetime.now(UTC))
        except VersionConflict:
            continue
