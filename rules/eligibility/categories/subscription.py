"""Whether the user pays for the subscription."""

from typing import Annotated, ClassVar

from pydantic import Field

from rules.core.columns import Truth
from rules.core.rule import Count, Facts, Rule

# A hundred years: no limit.
_ANY_TIME = 36_500


class SubscriptionCurrent(Rule):
    """The user has paid for the subscription often enough, up to now."""

    fails_as: ClassVar[str] = "subscription_unpaid"
    unknown_as: ClassVar[str] = "subscription_unknown"

    min_renewals: Annotated[Count, Field(description="Latest renewals in a row that were paid")]
    # Left out of the canonical form where any time is good enough, so that books without it keep their digest.
    max_days: Annotated[
        Count,
        Field(
            exclude_if=lambda days: days == _ANY_TIME,
            description="Days since the last renewal that was paid fell due",
        ),
    ] = _ANY_TIME

    def claim(self, facts: Facts) -> Truth:
        """The latest renewals were paid, as many as the minimum, and the last of them fell due lately."""
        return (facts.renewals_in_a_row >= self.min_renewals) & (facts.days_since_renewal <= self.max_days)
