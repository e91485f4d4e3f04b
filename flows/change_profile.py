"""A member of staff changes what one user may take, from the Prefect UI."""

from dataclasses import dataclass
from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from rules.limits.tiers import tiers_enabled
from tasks.forms import InputRefused, TierChoice, form, refusing
from underwriting.domain.application import Product
from underwriting.domain.profile import FloatProfile, Tier
from underwriting.runtime import open_runtime
from underwriting.store import profiles
from underwriting.store.errors import StoreError, VersionConflict
from underwriting.store.session import Store, Work


@flow(flow_run_name="change-profile", persist_result=False, validate_parameters=False)
@form
async def change_profile(
    user_id: str,
    tenant: str,
    enabled: list[TierChoice] | None = None,
    paused: list[Product] | None = None,
    expires_on: datetime | None = None,
    reason: str = "staff",
    note: str = "",
    *,
    changed_by: str,
) -> State[None]:
    """Write the next version of a user's float profile, for good or until a moment; earlier versions stay readable.

    Fails, and changes nothing, if the tenant has no such user, a tier does not exist or the moment has passed.

    Args:
        user_id: The user, such as steady-pay.
        tenant: Whose user it is, such as sandbox.
        enabled: The tiers that the user may take from now on, exactly these: "1" is 10.00 USD, "2" 20.00, "3"
            30.00, "4" 40.00, "5" 50.00, "6" 80.00, "7" 100.00, and "special" 200.00. None leaves the tiers as they
            are; an empty list disables all.
        paused: The products that the user may not take from now on, exactly these. None leaves the pauses as they are;
            an empty list ends them.
        expires_on: The change ends at this moment, and the profile of before is in force again. Empty means for good.
        reason: A short word in small letters that says what kind of change it is, such as goodwill or complaint.
        note: Why you change it. Prefect keeps this text: write nothing personal.
        changed_by: Your staff id, such as ann. It is stored as who changed the profile.
    """
    if enabled is None and paused is None:
        raise InputRefused("enabled, paused: fill in what is to change; both are empty")
    with refusing(ValueError, field="enabled"):
        tiers = None if enabled is None else tiers_enabled(enabled)
    change = _Change(tenant, user_id, tiers, paused, reason, note or None, changed_by, expires_on)
    async with open_runtime() as runtime:
        with refusing(ValueError, StoreError):
            profile = await change.apply(runtime.store)
    return Completed(name="Changed", message=f"Version {profile.version} of the profile is stored.")


@dataclass(frozen=True)
class _Change:
    """What is to change; tiers and pauses of None stay as they are."""

    tenant: str
    user_id: str
    tiers: tuple[Tier, ...] | None
    paused: list[Product] | None
    reason: str
    note: str | None
    by: str
    expires_on: datetime | None

    async def apply(self, store: Store) -> FloatProfile:
        """Write the next version. Where somebody else wrote one meanwhile, what stays as it is is that one's."""
        while True:
            try:
                async with store.begin() as work:
                    return await self._put(work, datetime.now(UTC))
            except VersionConflict:
                continue

    async def _put(self, work: Work, now: datetime) -> FloatProfile:
        earlier = await profiles.current(work, self.tenant, self.user_id, now)
        if earlier is None:
            raise InputRefused(f"user_id: {self.tenant} has no such user; the first check of a user makes the profile")
        return await profiles.put(
            work,
            self.tenant,
            self.user_id,
            earlier.tiers if self.tiers is None else self.tiers,
            earlier.paused if self.paused is None else self.paused,
            self.reason,
            self.note,
            self.by,
            now,
            self.expires_on,
            expected_version=earlier.version,
        )
