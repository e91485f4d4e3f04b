"""The user's loans with us, and what the law allows for the next one."""

from typing import Annotated, ClassVar, cast

import pandas as pd
from pydantic import Field

from rules.core.columns import Truth
from rules.core.rule import Count, Facts, Part, Ratio, Rule


class LoansOpen(Rule):
    """The user has few loans running with us."""

    fails_as: ClassVar[str] = "open_loans_many"
    unknown_as: ClassVar[str] = "open_loans_unknown"

    max_count: Annotated[Count, Field(description="Without the requested one")]

    def claim(self, facts: Facts) -> Truth:
        """Open loans stay within the maximum."""
        return facts.loans_open <= self.max_count


class LoanBurden(Rule):
    """Our loans that run already take no more than a part of the income."""

    fails_as: ClassVar[str] = "instalments_high"
    unknown_as: ClassVar[str] = "instalment_burden_unknown"

    max_ratio: Annotated[Part, Field(description="Instalments of a month over the monthly income")]

    def claim(self, facts: Facts) -> Truth:
        """There are no instalments, or there is an income and their share of it stays within the maximum."""
        owed, income = facts.loan_instalments, facts.monthly_income
        return (owed == 0) | ((income > 0) & (owed / income <= self.max_ratio))


class MilitaryRate(Rule):
    """A covered borrower under the Military Lending Act pays no more than the highest rate that it allows."""

    fails_as: ClassVar[str] = "military_rate_high"
    unknown_as: ClassVar[str] = "military_status_unknown"
    grey_as: ClassVar[str | None] = "military_status_old"

    mapr: Annotated[
        Ratio,
        Field(
            description="Highest military annual percentage rate of the book's amounts, with every fee that 32 CFR "
            "232.4(c) counts"
        ),
    ]
    max_mapr: Annotated[Part, Field(description="0.36 is 36%")]
    max_age_days: Annotated[Count, Field(description="Days for which the stated status may be relied on")]

    def claim(self, facts: Facts) -> Truth:
        """The rate stays within the maximum, or the user is no covered borrower. An old status does not fail."""
        fits = ~facts.user_covered_borrower | (self.mapr <= self.max_mapr)
        return fits | (self._old(facts) & cast("Truth", pd.NA))

    def grey(self, facts: Facts) -> Truth:
        """The rate is higher, and the status was looked up too long ago."""
        return self._old(facts) & (self.mapr > self.max_mapr)

    def _old(self, facts: Facts) -> Truth:
        return facts.user_covered_borrower_age_days > self.max_age_days
