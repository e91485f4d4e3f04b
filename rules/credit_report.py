"""What the credit bureau knows."""

from typing import Annotated, ClassVar

from pydantic import Field

from rules.columns import Truth
from rules.rule import Count, Facts, Ratio, Rule


class CreditScore(Rule):
    """The bureau scores the applicant high enough."""

    fails_as: ClassVar[str] = "credit_score_low"
    unknown_as: ClassVar[str] = "credit_score_missing"

    min_score: Annotated[int, Field(ge=0, le=1000)]

    def claim(self, facts: Facts) -> Truth:
        """The score reaches the minimum; a thin file has none."""
        return facts.credit_score >= self.min_score


class Utilisation(Rule):
    """The applicant does not draw too much of the revolving limits."""

    fails_as: ClassVar[str] = "utilisation_high"
    unknown_as: ClassVar[str] = "utilisation_unknown"

    max_ratio: Annotated[Ratio, Field(description="Drawn share of the limits")]

    def claim(self, facts: Facts) -> Truth:
        """The drawn share stays within the maximum."""
        return facts.revolving_utilisation <= self.max_ratio


class Delinquencies(Rule):
    """The bureau reports few delinquencies of the last 24 months."""

    fails_as: ClassVar[str] = "delinquent_obligations"
    unknown_as: ClassVar[str] = "credit_report_unavailable"

    max_24m: Count

    def claim(self, facts: Facts) -> Truth:
        """Delinquencies stay within the maximum."""
        return facts.delinquencies_24m <= self.max_24m


class NoInsolvency(Rule):
    """The bureau reports no insolvency."""

    fails_as: ClassVar[str] = "insolvency"
    unknown_as: ClassVar[str] = "credit_report_unavailable"

    def claim(self, facts: Facts) -> Truth:
        """There is none."""
        return facts.insolvencies == 0


class Inquiries(Rule):
    """The applicant asked few lenders for credit in the last 6 months."""

    fails_as: ClassVar[str] = "inquiries_many"
    unknown_as: ClassVar[str] = "credit_report_unavailable"

    max_6m: Count

    def claim(self, facts: Facts) -> Truth:
        """Inquiries stay within the maximum."""
        return facts.inquiries_6m <= self.max_6m
