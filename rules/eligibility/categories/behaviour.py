"""How the bank account is run."""

from typing import Annotated, ClassVar, cast

import pandas as pd
from pydantic import Field

from rules.core.columns import Truth
from rules.core.rule import Amount, Count, Facts, Part, Rule, TimesIncome


class HighTransfer(Rule):
    """A user with a sufficient income does not transfer most of it away."""

    fails_as: ClassVar[str] = "transfers_high"
    unknown_as: ClassVar[str] = "transfers_unknown"

    max_transfer_ratio: Annotated[TimesIncome, Field(description="Transfers out over income in the last 90 days")]
    min_income: Annotated[
        Amount, Field(description="Below this income of 90 days, minor units, the rule always passes")
    ]

    def claim(self, facts: Facts) -> Truth:
        """The income is below the minimum, or the transfers' share of it stays within the maximum."""
        return (facts.income_90d < self.min_income) | (facts.transfer_ratio <= self.max_transfer_ratio)


class NegativeBalanceDays(Rule):
    """The account seldom ended a day below zero in the last 30."""

    fails_as: ClassVar[str] = "negative_days_many"
    unknown_as: ClassVar[str] = "balance_unknown"

    max_days: Count

    def claim(self, facts: Facts) -> Truth:
        """Days below zero stay within the maximum."""
        return facts.negative_days_30d <= self.max_days


class OverdraftFees(Rule):
    """The bank charged few overdraft fees in the last 30 days."""

    fails_as: ClassVar[str] = "overdraft_fees_many"
    unknown_as: ClassVar[str] = "account_activity_unknown"

    max_count: Count

    def claim(self, facts: Facts) -> Truth:
        """Overdraft fees stay within the maximum."""
        return facts.overdraft_fees_30d <= self.max_count


class SpendToIncome(Rule):
    """The user does not spend too much of the income."""

    fails_as: ClassVar[str] = "spending_high"
    unknown_as: ClassVar[str] = "spending_unknown"

    max_ratio: Annotated[TimesIncome, Field(description="Spending over income in the last 90 days")]

    def claim(self, facts: Facts) -> Truth:
        """Spending over income stays within the maximum."""
        return facts.spend_to_income <= self.max_ratio


class Gambling(Rule):
    """The user does not gamble too much of the income away."""

    fails_as: ClassVar[str] = "gambling_high"
    unknown_as: ClassVar[str] = "spending_unknown"

    max_share: Annotated[Part, Field(description="Stakes over income in the last 90 days")]

    def claim(self, facts: Facts) -> Truth:
        """Stakes over income stay within the maximum."""
        return facts.gambling_share <= self.max_share


class LoansReceived(Rule):
    """Lenders did not pay out much lately, measured by the income."""

    fails_as: ClassVar[str] = "loans_received_high"
    unknown_as: ClassVar[str] = "loans_received_unknown"

    max_share: Annotated[Part, Field(description="Loans paid out to the account over income in the last 90 days")]

    def claim(self, facts: Facts) -> Truth:
        """There are none, or they stay within the maximum, even if all unclassified money in is a loan."""
        limit, loans = facts.income_90d * self.max_share, facts.loans_received_90d
        others = facts.unclassified_received_90d
        high = (loans > 0) & (loans > limit)
        fits = ((loans == 0) & (others == 0)) | (others <= limit - loans)
        return ~high & (fits | cast("Truth", pd.NA))
