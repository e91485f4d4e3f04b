"""What a company earns by its accounts, or a person by the account's statements, and what debts take of it."""

from typing import Annotated, ClassVar

from pydantic import Field

from rules.core.columns import Truth
from rules.core.rule import AlwaysRefer, Facts, Part, Ratio, Rule


class AccountsAddUp(Rule):
    """The company's accounts do not contradict themselves; if they do, a person decides."""

    fails_as: ClassVar[str] = "accounts_inconsistent"
    unknown_as: ClassVar[str] = "income_unverified"

    on_fail: AlwaysRefer = "refer"

    def claim(self, facts: Facts) -> Truth:
        """They do not."""
        return facts.accounts_add_up == True  # noqa: E712  # Element by element.


class PositiveProfit(Rule):
    """Something is left of the income after all spending."""

    fails_as: ClassVar[str] = "profit_insufficient"
    unknown_as: ClassVar[str] = "income_unverified"

    min_margin: Annotated[float, Field(ge=-1, le=1, description="Profit over income")]

    def claim(self, facts: Facts) -> Truth:
        """The margin reaches the minimum."""
        return facts.profit_margin >= self.min_margin


class RevenueTrend(Rule):
    """The income does not fall too fast."""

    fails_as: ClassVar[str] = "income_falling"
    unknown_as: ClassVar[str] = "income_trend_unknown"

    min_growth: Annotated[float, Field(ge=-1, description="Change over the income before; -0.1 is a tenth less")]

    def claim(self, facts: Facts) -> Truth:
        """Growth reaches the minimum."""
        return facts.revenue_growth >= self.min_growth


class RepaymentCapacity(Rule):
    """The cash that comes in covers all debt service, the new instalments included, with a margin."""

    fails_as: ClassVar[str] = "repayment_capacity_low"
    unknown_as: ClassVar[str] = "income_unverified"

    min_dscr: Annotated[Ratio, Field(description="Cash before debt service over debt service")]

    def claim(self, facts: Facts) -> Truth:
        """Coverage reaches the minimum."""
        return facts.debt_service_coverage >= self.min_dscr


class DebtToIncome(Rule):
    """Debt service, the new instalments included, takes no more than a part of the income."""

    fails_as: ClassVar[str] = "obligations_excessive"
    unknown_as: ClassVar[str] = "income_unverified"

    max_ratio: Annotated[Part, Field(description="Debt service over income")]

    def claim(self, facts: Facts) -> Truth:
        """The ratio stays within the maximum."""
        return facts.debt_to_income <= self.max_ratio
