"""How the main account was run over the last six months."""

from typing import Annotated, ClassVar

from pydantic import Field

from rules.core.columns import Truth
from rules.core.rule import AlwaysRefer, Count, Facts, MinorUnits, Ratio, Rule


class StatementsAddUp(Rule):
    """Each line of the statements leads from one balance to the next; if one does not, a person decides."""

    fails_as: ClassVar[str] = "statements_inconsistent"
    unknown_as: ClassVar[str] = "statements_unavailable"

    on_fail: AlwaysRefer = "refer"

    def claim(self, facts: Facts) -> Truth:
        """Every line adds up."""
        return facts.broken_statement_line == 0


class StatementCoverage(Rule):
    """The statements cover enough months, and reach far enough to the present."""

    fails_as: ClassVar[str] = "statements_incomplete"
    unknown_as: ClassVar[str] = "statements_unavailable"
    missing_in: ClassVar[str | None] = "months_missing"

    min_months: Annotated[int, Field(ge=0, le=6, description="Month ends of the last six with a known balance")]
    max_age_days: Annotated[Count, Field(description="Days from the last day covered")]

    def claim(self, facts: Facts) -> Truth:
        """Months reach the minimum, and the last day covered is recent enough."""
        return (facts.months_covered >= self.min_months) & (facts.statement_age_days <= self.max_age_days)


class StableEndOfMonthBalance(Rule):
    """The balance at the end of each month is high enough, and does not vary too much."""

    fails_as: ClassVar[str] = "balance_unstable"
    unknown_as: ClassVar[str] = "balance_unknown"

    min_balance: MinorUnits
    max_cv: Annotated[Ratio, Field(description="Standard deviation over mean")]

    def claim(self, facts: Facts) -> Truth:
        """The lowest balance reaches the minimum, and their variation stays within the maximum."""
        high_enough = facts.lowest_month_end_balance >= self.min_balance
        return high_enough & (facts.month_end_balance_cv <= self.max_cv)


class StableSpending(Rule):
    """What is spent each month does not vary too much."""

    fails_as: ClassVar[str] = "spending_unstable"
    unknown_as: ClassVar[str] = "spending_unknown"

    max_cv: Annotated[Ratio, Field(description="Standard deviation over mean")]

    def claim(self, facts: Facts) -> Truth:
        """The variation stays within the maximum."""
        return facts.spending_cv <= self.max_cv


class NegativeBalanceDays(Rule):
    """The account ended few days below zero."""

    fails_as: ClassVar[str] = "account_overdrawn"
    unknown_as: ClassVar[str] = "balance_unknown"

    max_days: Count

    def claim(self, facts: Facts) -> Truth:
        """Days below zero stay within the maximum."""
        return facts.negative_balance_days <= self.max_days


class ReturnedPayments(Rule):
    """Few payments were returned unpaid."""

    fails_as: ClassVar[str] = "payments_returned"
    unknown_as: ClassVar[str] = "returned_payments_unknown"

    max_count: Count

    def claim(self, facts: Facts) -> Truth:
        """Returned payments stay within the maximum."""
        return facts.returned_payments <= self.max_count
