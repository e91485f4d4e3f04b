"""Whether an income comes in, often and evenly enough. Public assistance counts like wages."""

from typing import Annotated, ClassVar, cast

import pandas as pd
from pydantic import Field

from rules.core.columns import Truth
from rules.core.rule import Amount, Count, Facts, Ratio, Rule

_HOURS = 24.0


class RecurringDeposits(Rule):
    """Income arrives again and again from one payer, in deposits that are large enough."""

    fails_as: ClassVar[str] = "recurring_deposits_few"
    unknown_as: ClassVar[str] = "income_unverified"

    min_count: Annotated[Count, Field(le=6, description="Deposits of the main stream, of which the latest six count")]
    min_amount: Annotated[Amount, Field(description="Their 25th percentile, minor units")]

    def claim(self, facts: Facts) -> Truth:
        """There are enough of them, and they are large enough."""
        return (facts.recurring_deposits >= self.min_count) & (facts.recurring_deposit_amount >= self.min_amount)


class MinimumIncome(Rule):
    """The income of a month is high enough."""

    fails_as: ClassVar[str] = "income_low"
    unknown_as: ClassVar[str] = "income_unverified"

    min_monthly: Annotated[Amount, Field(description="Over the last 90 days, minor units a month")]

    def claim(self, facts: Facts) -> Truth:
        """The monthly income reaches the minimum."""
        # It fails only where the recurring deposits are known: money that nobody could classify may be income.
        return (facts.monthly_income >= self.min_monthly) | ~(facts.recurring_deposits >= 0)


class IncomeContinues(Rule):
    """The income has not stopped: the last pay is not much more than a pay period ago."""

    fails_as: ClassVar[str] = "income_stopped"
    unknown_as: ClassVar[str] = "income_unverified"

    max_pay_periods: Annotated[Ratio, Field(description="Pay periods since the last pay")]

    def claim(self, facts: Facts) -> Truth:
        """The days since the last pay stay within so many pay periods."""
        # It fails only where the feed was refreshed after that: a pay may have come since. Where there is no recurring
        # income none can stop: `RecurringDeposits` fails.
        allowed = facts.pay_period_days * (self.max_pay_periods * _HOURS)
        came = facts.days_since_pay * _HOURS
        seen_late = came - facts.feed_age_hours > allowed
        return (facts.recurring_deposits == 0) | (came <= allowed) | (~seen_late & cast("Truth", pd.NA))


class IncomeVariability(Rule):
    """The income does not vary too much from one pay to the next."""

    fails_as: ClassVar[str] = "income_variable"
    unknown_as: ClassVar[str] = "income_unverified"

    max_cv: Annotated[Ratio, Field(description="Standard deviation over mean of the recurring deposits")]

    def claim(self, facts: Facts) -> Truth:
        """The variation stays within the maximum."""
        return facts.recurring_income_cv <= self.max_cv
