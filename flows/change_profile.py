"""A member of staff changes what one user may take, from the Prefect UI."""

from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from rules.limits.tiers import CURRENCY, TIERS, tiers_enabled
from tasks.forms import TierChoice, form, refusing
from underwriting.domain.application import Product
from underwriting.domain.money import Money
from underwriting.runtime import open_runtime
from underwriting.store import profiles
from underwriting.store.errors import StoreError


@flow(flow_run_name="profile-{user_id}", persist_result=False, validate_parameters=False)
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

    A new user gets the default profile first. Fails, and changes nothing, if a tier does not exist or the moment has
    passed.

    Args:
        user_id: The user, such as steady-pay.
        tenant: Whose user it is, such as sandbox.
        enabled: The tiers that the user may take from now on, exactly these. None leaves the tiers as they are; an
            empty list disables all.
        paused: The products that the user may not take from now on, exactly these. None leaves the pauses as they are;
            an empty list ends them.
        expires_on: The change ends at this moment, and the profile of before is in force again. None means for good.
        reason: A short word in small letters that says what kind of change it is, such as goodwill or complaint.
        note: Why you change it. Prefect keeps this text: write nothing personal.
        changed_by: Your staff id, such as ann. It is stored as who changed the profile.
    """
    now = datetime.now(UTC)
    async with open_runtime() as runtime:
        with refusing(ValueError, StoreError):
            async with runtime.store.begin() as work:
                earlier = await profiles.on_first_contact(work, tenant, user_id, now, CURRENCY, TIERS)
                with refusing(ValueError, field="enabled"):
                    tiers = earlier.tiers if enabled is None else tiers_enabled(enabled)
                pauses = earlier.paused if paused is None else paused
                profile = await profiles.put(
                    work, tenant, user_id, tiers, pauses, reason, note or None, changed_by, now, expires_on
                )
    limit = Money(minor=profile.limit, currency=profile.currency)
    products = f", paused: {', '.join(sorted(profile.paused))}" if profile.paused else ""
    return Completed(name="Changed", message=f"{user_id}: version {profile.version}, up to {limit}{products}")
