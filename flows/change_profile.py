"""A member of staff changes what one user may take, from the Prefect UI."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed

from rules.limits.tiers import tiers_enabled
from tasks.forms import Empty, InputRefused, PausedChoice, TierChoice, chosen, form_of, refusing
from underwriting.domain.application import Product
from underwriting.profile_changes import change
from underwriting.runtime import open_runtime
from underwriting.store.errors import NoSuchUser, StoreError
from underwriting.store.profiles import HAS_PASSED


async def _misfits(given: Mapping[str, Any]) -> AsyncIterator[str]:
    """Nothing to change, choices that exclude each other, a tier that does not exist, a moment that has passed."""
    if given.get("enabled") == given.get("paused") == ():
        yield "enabled, paused: fill in what is to change; both are empty"
    for field in ("enabled", "paused"):
        try:
            chosen_now = chosen(field, given.get(field, ()))
            with refusing(ValueError, field=field):
                tiers_enabled(chosen_now or () if field == "enabled" else ())
        except InputRefused as refused:
            yield str(refused)
    if (until := given.get("expires_on")) and until <= datetime.now(UTC):
        yield f"expires_on: {HAS_PASSED}"


@flow(flow_run_name="change-profile", persist_result=False, validate_parameters=False)
@form_of(_misfits)
async def change_profile(
    user_id: str,
    tenant: str,
    *,
    enabled: tuple[TierChoice, ...] = (),
    paused: tuple[PausedChoice, ...] = (),
    expires_on: datetime | Empty = None,
    reason: str,
    note: str = "",
    changed_by: str,
) -> State[None]:
    """Write the next version of a user's float profile, for good or until a moment; earlier versions stay readable.

    Fails, and changes nothing, if the tenant has no such user, a tier does not exist or the moment has passed.

    Args:
        user_id: The user, such as steady-pay.
        tenant: Whose user it is, such as sandbox.
        enabled: The tiers that the user may take from now on, exactly these: "1" is 10.00 USD, "2" 20.00, "3"
            30.00, "4" 40.00, "5" 50.00, "6" 80.00, "7" 100.00, and "special" 200.00. "none" disables all. Empty leaves
            the tiers as they are.
        paused: The products that the user may not take from now on, exactly these. "none" ends all pauses. Empty leaves
            the pauses as they are.
        expires_on: The change ends at this moment, and the profile of before is in force again. Empty means for good.
        reason: What kind of change it is, in one short word in small letters, such as goodwill or complaint.
        note: Why you change it. Prefect keeps this text: write nothing personal.
        changed_by: Your staff id, such as ann. It is stored as who changed the profile.
    """
    enabled_now, paused_now = chosen("enabled", enabled), chosen("paused", paused)
    tiers = None if enabled_now is None else tiers_enabled(enabled_now)
    pauses = None if paused_now is None else list(map(Product, paused_now))
    async with open_runtime() as runtime:
        with refusing(ValueError, StoreError):
            try:
                profile = await change(
                    runtime.store,
                    tenant,
                    user_id,
                    tiers=None if tiers is None else lambda _: tiers,
                    paused=None if pauses is None else lambda _: pauses,
                    reason=reason,
                    note=note or None,
                    by=changed_by,
                    expires_on=expires_on,
                )
            except NoSuchUser:
                # Its own message names the user, and Prefect would keep it.
                why = f"user_id: {tenant} has no such user; the first check of a user makes the profile"
                raise InputRefused(why) from None
    return Completed(name="Changed", message=f"Version {profile.version} of the profile is stored.")
