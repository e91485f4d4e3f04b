"""The loans that run with us."""

from typing import Annotated, ClassVar

from pydantic import Field

from rules.core.columns import Truth
from rules.core.rule import Count, Facts, Part, Rule


class OpenLoans(Rule):
    """The applicant has few loans running with us."""

    fails_as: ClassVar[str] = "open_loans_many"
    unknown_as: ClassVar[str] = "open_loans_unknown"

    max_count: Annotated[Count, Field(description="Without the one applied for")]

    def claim(self, facts: Facts) -> Truth:
        """Open loans stay within the maximum."""
        return facts.open_loans <= self.max_count


class InstalmentBurden(Rule):
    """Our instalments, the new one included, take no more than a part of the income."""

    fails_as: ClassVar[str] = "instalments_high"
    unknown_as: ClassVar[str] = "instalment_burden_unknown"

    max_ratio: Annotated[Part, Field(description="Instalments over income")]

    def claim(self, facts: Facts) -> Truth:
        """The ratio stays within the maximum."""
        return facts.instalment_burden <= self.max_ratio
