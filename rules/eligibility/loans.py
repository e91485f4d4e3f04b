"""The user's loans with us."""

from typing import Annotated, ClassVar

from pydantic import Field

from rules.columns import Truth
from rules.rule import Count, Facts, Ratio, Rule


class LoansOpen(Rule):
    """The user has few loans running with us."""

    fails_as: ClassVar[str] = "open_loans_many"
    unknown_as: ClassVar[str] = "open_loans_unknown"

    max_count: Annotated[Count, Field(description="Without the one asked for")]

    def claim(self, facts: Facts) -> Truth:
        """Open loans stay within the maximum."""
        return facts.loans_open <= self.max_count


class LoanBurden(Rule):
    """Our loans that run already take no more than a part of the income."""

    fails_as: ClassVar[str] = "instalments_high"
    unknown_as: ClassVar[str] = "instalment_burden_unknown"

    max_ratio: Annotated[Ratio, Field(description="Instalments of a month over the monthly income")]

    def claim(self, facts: Facts) -> Truth:
        """There are no instalments, or there is an income and their share of it stays within the maximum."""
        owed, income = facts.loan_instalments, facts.monthly_income
        return (owed == 0) | ((income > 0) & (owed / income <= self.max_ratio))
