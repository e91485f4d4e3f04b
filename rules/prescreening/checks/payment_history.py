"""How earlier loans were paid back; an applicant without loans passes."""

from typing import Annotated, ClassVar

from pydantic import Field

from rules.core.columns import Truth
from rules.core.rule import Count, Facts, Rule, Score


class PaidOnTime(Rule):
    """Earlier instalments were mostly paid by their due day."""

    fails_as: ClassVar[str] = "payments_late"
    unknown_as: ClassVar[str] = "payment_history_unknown"

    min_ratio: Annotated[Score, Field(description="Share of the instalments that fell due")]

    def claim(self, facts: Facts) -> Truth:
        """None fell due, or the share paid on time reaches the minimum."""
        return (facts.instalments_due == 0) | (facts.on_time_ratio >= self.min_ratio)


class WorstDaysPastDue(Rule):
    """No instalment was ever very late."""

    fails_as: ClassVar[str] = "payment_long_overdue"
    unknown_as: ClassVar[str] = "payment_history_unknown"

    max_days: Count

    def claim(self, facts: Facts) -> Truth:
        """The longest delay stays within the maximum."""
        return facts.worst_days_past_due <= self.max_days


class NoWriteOff(Rule):
    """We never had to write off a loan of the applicant's."""

    fails_as: ClassVar[str] = "loan_written_off"
    unknown_as: ClassVar[str] = "payment_history_unknown"

    def claim(self, facts: Facts) -> Truth:
        """There is none."""
        return facts.write_offs == 0
