"""Whether the user has been with us, and with the bank, for long enough and is in good standing."""

from typing import Annotated, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from rules.core.columns import Truth
from rules.core.rule import Count, Facts, Rank, Rule, not_below


class AgeOfAccount(Rule):
    """The bank account has been used for long enough."""

    fails_as: ClassVar[str] = "account_young"
    unknown_as: ClassVar[str] = "account_age_unknown"

    min_age: Annotated[Count, Field(description="Days since the oldest transaction")]

    def claim(self, facts: Facts) -> Truth:
        """The oldest transaction is old enough."""
        return facts.history_days >= self.min_age


class FloatRank(Rule):
    """The user has repaid as many floats as this book is meant for."""

    fails_as: ClassVar[str] = "float_rank_outside"
    unknown_as: ClassVar[str] = "float_history_unknown"

    min_float_rank: Annotated[Rank, Field(description="Floats repaid, capped at 8")]
    max_float_rank: Annotated[Rank, Field(description="Floats repaid, capped at 8")]

    @field_validator("max_float_rank")
    @classmethod
    def _is_no_lower_than_the_minimum(cls, rank: int, given: ValidationInfo) -> int:
        return not_below("min_float_rank", rank, given)

    def claim(self, facts: Facts) -> Truth:
        """The rank is between the minimum and the maximum, both included."""
        return (facts.float_rank >= self.min_float_rank) & (facts.float_rank <= self.max_float_rank)


class UserFound(Rule):
    """The user service knows the user."""

    fails_as: ClassVar[str] = "customer_not_found"
    unknown_as: ClassVar[str] = "standing_unknown"

    def claim(self, facts: Facts) -> Truth:
        """It has a record of the user."""
        return facts.user_found == True  # noqa: E712  # Element by element.


class GoodStanding(Rule):
    """The user is neither blocked nor in dispute with us, and no fraud was confirmed."""

    fails_as: ClassVar[str] = "standing_bad"
    unknown_as: ClassVar[str] = "standing_unknown"

    def claim(self, facts: Facts) -> Truth:
        """The standing is good, and there is no fraud."""
        return (facts.good_standing == True) & (facts.fraud_hit == False)  # noqa: E712  # Element by element.
