"""Whether the bank account holds enough."""

from typing import Annotated, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from rules.core.columns import Truth
from rules.core.rule import Amount, Facts, MinorUnits, Rank, Rule, not_below


class AverageBalance(Rule):
    """The account holds enough on average."""

    fails_as: ClassVar[str] = "average_balance_low"
    unknown_as: ClassVar[str] = "balance_unknown"

    available_threshold: Annotated[MinorUnits, Field(description="Mean over 60 days of the balance, minor units")]

    def claim(self, facts: Facts) -> Truth:
        """The mean balance reaches the threshold."""
        return facts.average_balance >= self.available_threshold


class BalanceBetweenBounds(Rule):
    """A user up to the rank does not have a balance, or a debt, of a size that we do not serve."""

    fails_as: ClassVar[str] = "balance_in_denied_range"
    unknown_as: ClassVar[str] = "balance_unknown"

    max_float_rank: Annotated[Rank, Field(description="Above this rank the rule always passes")]
    min_balance: Annotated[Amount, Field(description="Start of the denied range, minor units, whatever the sign")]
    max_balance: Annotated[Amount, Field(description="End of the denied range, minor units, whatever the sign")]

    @field_validator("max_balance")
    @classmethod
    def _is_no_lower_than_the_minimum(cls, balance: int, given: ValidationInfo) -> int:
        return not_below("min_balance", balance, given)

    def claim(self, facts: Facts) -> Truth:
        """The rank is higher, or the current balance, its sign aside, is outside the range."""
        size = abs(facts.current_balance)
        return (facts.float_rank > self.max_float_rank) | (size < self.min_balance) | (size > self.max_balance)


class BalanceRequirement(Rule):
    """The account holds enough now, available or booked."""

    fails_as: ClassVar[str] = "balance_low"
    unknown_as: ClassVar[str] = "balance_unknown"

    min_available: Annotated[MinorUnits, Field(description="Less what is authorised and not yet booked, minor units")]
    min_current: Annotated[MinorUnits, Field(description="As booked, minor units")]

    def claim(self, facts: Facts) -> Truth:
        """The available or the current balance reaches its minimum."""
        return (facts.available_balance >= self.min_available) | (facts.current_balance >= self.min_current)
