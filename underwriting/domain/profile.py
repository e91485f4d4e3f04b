"""A float profile: which amounts a user may take at which fee. Versions are never changed, only replaced."""

from datetime import datetime
from typing import Annotated, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, model_validator

from underwriting.domain.application import CustomerId, Product
from underwriting.domain.money import MAX_MINOR, CurrencyCode

TierId = Annotated[
    str, Field(pattern="^([1-9][0-9]?|special)$", description="Id of a tier of the schedule", examples=["3"])
]
Reason = Annotated[
    str,
    Field(
        min_length=1,
        max_length=64,
        pattern="^[a-z][a-z0-9_]*$",
        description="A short code: small letters, digits and _",
        examples=["first_contact"],
    ),
]


class Tier(BaseModel):
    """One amount a user may take, its flat fee, and whether it is enabled. Minor units of the profile's currency."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: TierId
    amount: Annotated[int, Field(strict=True, gt=0, le=MAX_MINOR)]
    fee: Annotated[int, Field(strict=True, ge=0, le=MAX_MINOR)]
    enabled: bool

    @property
    def due(self) -> int:
        """What is to be repaid from the next pay: the amount and its fee."""
        return self.amount + self.fee


class FloatProfile(BaseModel):
    """One version of a user's profile. A temporary one has `expires_on` and is in force until then.

    Version 0 is not stored: it is the default one of a user whom we have not met.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    user_id: CustomerId
    version: Annotated[int, Field(strict=True, ge=0)]
    currency: CurrencyCode
    tiers: Annotated[tuple[Tier, ...], Field(min_length=1)]
    # Products that this user may not take now, whatever the rules decide.
    paused: frozenset[Product] = frozenset()
    created_on: AwareDatetime
    created_by: str
    reason: Reason
    notes: Annotated[str | None, Field(max_length=2000)] = None
    expires_on: AwareDatetime | None = None

    @model_validator(mode="after")
    def _each_tier_once_and_in_order(self) -> Self:
        amounts = [tier.amount for tier in self.tiers]
        if amounts != sorted(set(amounts)):
            raise ValueError("tiers have to be in the order of their amounts, each amount once")
        if len({tier.id for tier in self.tiers}) < len(self.tiers):
            raise ValueError("a tier's id appears twice; keep one")
        return self

    @property
    def limit(self) -> int:
        """The highest enabled amount, minor units; 0 where none is enabled."""
        return max((tier.amount for tier in self.tiers if tier.enabled), default=0)

    def active(self, now: datetime) -> bool:
        """Whether it has not expired."""
        return self.expires_on is None or now < self.expires_on

    def with_limit(self, amount: int) -> tuple[Tier, ...]:
        """The tiers with exactly those up to `amount` (minor units) enabled."""
        return tuple(tier.model_copy(update={"enabled": tier.amount <= amount}) for tier in self.tiers)
