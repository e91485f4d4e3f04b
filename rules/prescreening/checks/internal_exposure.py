"""What the customer owes us over all products."""

from typing import Annotated, ClassVar

from rules.core.columns import Truth
from rules.core.rule import Facts, MinorUnits, Plausible, Rule


class WithinExposure(Rule):
    """With this loan the customer would not owe us more than we lend to one customer."""

    fails_as: ClassVar[str] = "exposure_limit"
    unknown_as: ClassVar[str] = "exposure_unknown"

    max_total: Annotated[MinorUnits, Plausible(least=1)]

    def claim(self, facts: Facts) -> Truth:
        """What is owed, with the requested amount, stays within the maximum."""
        return facts.exposure_with_request <= self.max_total
