"""A member of staff changes what one user may take, from the Prefect UI."""

from datetime import UTC, datetime
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from rules.limits.tiers import CURRENCY, TIERS, tiers_enabled
from underwriting.domain.application import CustomerId, Product
from underwriting.domain.money import Money
from underwriting.domain.profile import FloatProfile, Reason, TierId
from underwriting.runtime import open_runtime
from underwriting.store import profiles
from underwriting.store.session import Work


class ProfileChange(BaseModel):
    """The new values; what is left out stays as it is."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: list[TierId] | None = Field(default=None, description="Exactly these tiers: 1 to 7, special")
    paused: list[Product] | None = Field(default=None, description="Exactly these products may not be taken now")
    expires_on: AwareDatetime | None = Field(default=None, description="Only until then; left out, for good")
    reason: Reason = Field(default="staff", description="A short code, such as goodwill")
    note: Annotated[
        str | None, Field(max_length=2000, description="Why. Prefect keeps this text: write nothing personal.")
    ] = None


Tenant = Annotated[str, Field(min_length=1, max_length=64, description="Whose user")]
Staff = Annotated[str, Field(min_length=1, max_length=100, description="Your staff id; stored as who changed it.")]


@flow(flow_run_name="profile-{user_id}", persist_result=False)
async def change_profile(user_id: CustomerId, change: ProfileChange, changed_by: Staff, tenant: Tenant) -> State[None]:
    """Write the next version of a user's float profile, for good or until a moment; earlier versions stay readable.

    A new user gets the default profile first. Fails, and changes nothing, if a tier does not exist or the moment has
    passed.
    """
    async with open_runtime() as runtime, runtime.store.begin() as work:
        profile = await _write(work, tenant, user_id, change, changed_by)
    limit = Money(minor=profile.limit, currency=profile.currency)
    paused = f", paused: {', '.join(sorted(profile.paused))}" if profile.paused else ""
    return Completed(name="Changed", message=f"{user_id}: version {profile.version}, up to {limit}{paused}")


async def _write(work: Work, tenant: str, user_id: str, change: ProfileChange, by: str) -> FloatProfile:
    now = datetime.now(UTC)
    earlier = await profiles.on_first_contact(work, tenant, user_id, now, CURRENCY, TIERS)
    tiers = earlier.tiers if change.enabled is None else tiers_enabled(change.enabled)
    paused = earlier.paused if change.paused is None else change.paused
    return await profiles.put(
        work, tenant, user_id, tiers, paused, change.reason, change.note, by, now, change.expires_on
    )
