"""Whether the user pays for the subscription."""

from typing import Annotated, ClassVar

from pydantic import Field

from rules.columns import Truth
from rules.rule import Count, Facts, Rule


class SubscriptionCurrent(Rule):
    """The user has paid for the subscription often enough."""

    fails_as: ClassVar[str] = "subscription_unpaid"
    unknown_as: ClassVar[str] = "subscription_unknown"

    min_renewals: Annotated[Count, Field(description="Renewals paid")]

    def claim(self, facts: Facts) -> Truth:
        """Renewals paid reach the minimum."""
        return facts.renewals_paid >= self.min_renewals
