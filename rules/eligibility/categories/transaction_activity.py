"""Whether the bank account is in use, and the advances from other providers that it shows."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from rules.core.columns import Truth
from rules.core.rule import Amount, Count, Facts, Rank, Rule


class CompetitorEwa(Rule):
    """The user has taken advances from other providers, and has repaid them, often enough."""

    fails_as: ClassVar[str] = "competitor_advances_few"
    unknown_as: ClassVar[str] = "competitor_advances_unknown"

    min_advances: Annotated[Count, Field(description="Advances received in the window")]
    min_repayments: Annotated[Count, Field(description="Repayments made in the window")]
    number_of_days: Annotated[Literal[30, 60, 90], Field(description="The window, up to and including the day")]

    def claim(self, facts: Facts) -> Truth:
        """Advances and repayments both reach their minimum."""
        borrowed = facts.over(self.number_of_days, "competitor_advances") >= self.min_advances
        return borrowed & (facts.over(self.number_of_days, "competitor_repayments") >= self.min_repayments)


class EwaDollarAmount(Rule):
    """The user has taken advances from other providers, and has repaid them, to a sufficient amount."""

    fails_as: ClassVar[str] = "competitor_amounts_low"
    unknown_as: ClassVar[str] = "competitor_advances_unknown"

    required_min_borrow_amount: Annotated[Amount, Field(description="Borrowed in the last 90 days, minor units")]
    required_min_repayment_amount: Annotated[Amount, Field(description="Repaid in the last 90 days, minor units")]

    def claim(self, facts: Facts) -> Truth:
        """What was borrowed and what was repaid both reach their minimum."""
        borrowed = facts.competitor_borrowed_90d >= self.required_min_borrow_amount
        return borrowed & (facts.competitor_repaid_90d >= self.required_min_repayment_amount)


class AdvanceProviders(Rule):
    """The user does not use advances from many providers at once."""

    fails_as: ClassVar[str] = "advance_providers_many"
    unknown_as: ClassVar[str] = "competitor_advances_unknown"

    max_providers: Annotated[Count, Field(description="Providers with an open advance, or one of the last 35 days")]

    def claim(self, facts: Facts) -> Truth:
        """Providers in use at once stay within the maximum."""
        return facts.competitor_advance_providers <= self.max_providers


class EssentialSpend(Rule):
    """A user below the rank pays for essentials from this account often enough."""

    fails_as: ClassVar[str] = "essential_spend_low"
    unknown_as: ClassVar[str] = "account_activity_unknown"

    required_float_rank: Annotated[Rank, Field(description="From this rank on the rule always passes")]
    required_number_of_transactions: Annotated[Count, Field(description="Essential debits of the last 30 days")]

    def claim(self, facts: Facts) -> Truth:
        """The rank is reached, or essential debits reach the minimum."""
        ranked = facts.float_rank >= self.required_float_rank
        return ranked | (facts.essential_transactions >= self.required_number_of_transactions)


class LowTransactions(Rule):
    """A user below the rank uses this account: it has enough transactions a month."""

    fails_as: ClassVar[str] = "transactions_few"
    unknown_as: ClassVar[str] = "account_activity_unknown"

    average_transactions: Annotated[float, Field(ge=0, description="Transactions a month, over the last 90 days")]
    float_rank: Annotated[Rank, Field(description="From this rank on the rule always passes")]

    def claim(self, facts: Facts) -> Truth:
        """The rank is reached, or transactions a month reach the minimum."""
        return (facts.float_rank >= self.float_rank) | (facts.transactions_per_month >= self.average_transactions)


class TransactionRecency(Rule):
    """The bank account is in use now."""

    fails_as: ClassVar[str] = "transactions_old"
    unknown_as: ClassVar[str] = "account_activity_unknown"

    max_days: Annotated[Count, Field(description="Days since the latest transaction")]

    def claim(self, facts: Facts) -> Truth:
        """The latest transaction is recent enough."""
        return facts.days_since_transaction <= self.max_days


class FeedComplete(Rule):
    """The full history of the bank account has been read."""

    fails_as: ClassVar[str] = "feed_still_reading"
    unknown_as: ClassVar[str] = "feed_freshness_unknown"

    def claim(self, facts: Facts) -> Truth:
        """The provider has read all of it."""
        return facts.feed_complete == True  # noqa: E712  # Element by element.


class FeedConnected(Rule):
    """The bank account is connected: the bank does not ask the user to log in again."""

    fails_as: ClassVar[str] = "feed_login_required"
    unknown_as: ClassVar[str] = "feed_freshness_unknown"

    def claim(self, facts: Facts) -> Truth:
        """The bank gives the provider access."""
        return facts.feed_connected == True  # noqa: E712  # Element by element.


class FeedFreshness(Rule):
    """Our data about the bank account is recent."""

    fails_as: ClassVar[str] = "feed_stale"
    unknown_as: ClassVar[str] = "feed_freshness_unknown"

    max_hours: Annotated[float, Field(ge=0, description="Hours since the feed was refreshed")]

    def claim(self, facts: Facts) -> Truth:
        """The feed's age stays within the maximum."""
        return facts.feed_age_hours <= self.max_hours
