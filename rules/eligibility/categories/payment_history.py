"""How the user repaid earlier floats; a user without floats passes."""

from typing import Annotated, ClassVar

from pydantic import Field

from rules.core.columns import Truth
from rules.core.rule import Count, Facts, Rule, Score


class CollectionsErrors(Rule):
    """When we collected repayments, the bank seldom refused."""

    fails_as: ClassVar[str] = "collections_refused"
    unknown_as: ClassVar[str] = "float_history_unknown"

    max_error_ratio: Annotated[Score, Field(description="Collections refused over collections attempted")]

    def claim(self, facts: Facts) -> Truth:
        """The share of refusals stays within the maximum."""
        return facts.collection_error_ratio <= self.max_error_ratio


class OnTimeFloatPayback(Rule):
    """The last floats were repaid on time, or the last late one was long enough ago."""

    fails_as: ClassVar[str] = "floats_late"
    unknown_as: ClassVar[str] = "float_history_unknown"

    days_after_float_on_time: Annotated[Count, Field(description="Days since a float was last late that excuse it")]
    required_last_floats: Annotated[Count, Field(description="Floats in a row, up to the last, repaid on time")]

    def claim(self, facts: Facts) -> Truth:
        """None ever was late, or enough in a row were repaid on time, or enough days have passed since."""
        never_late = facts.floats_ever_late == 0
        in_a_row = facts.on_time_streak >= self.required_last_floats
        return never_late | in_a_row | (facts.days_since_late >= self.days_after_float_on_time)


class OutstandingFloats(Rule):
    """The user has few floats that are not repaid yet."""

    fails_as: ClassVar[str] = "floats_outstanding"
    unknown_as: ClassVar[str] = "float_history_unknown"

    max_outstanding: Count

    def claim(self, facts: Facts) -> Truth:
        """Floats that are not repaid stay within the maximum."""
        return facts.outstanding_floats <= self.max_outstanding
