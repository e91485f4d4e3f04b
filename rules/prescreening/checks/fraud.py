"""Whether the applicant is who they say, and is nobody we must not lend to."""

from typing import ClassVar

from rules.core.columns import Truth
from rules.core.list_rules import ListsCurrent, NotListed
from rules.core.rule import Count, Facts, Rule, Score

__all__ = ["ApplicationVelocity", "DeviceRisk", "IdentityConsistent", "ListsCurrent", "NotListed"]


class IdentityConsistent(Rule):
    """The fraud service finds that the identity's parts belong together."""

    fails_as: ClassVar[str] = "identity_inconsistent"
    unknown_as: ClassVar[str] = "fraud_check_unavailable"

    def claim(self, facts: Facts) -> Truth:
        """They do."""
        return facts.identity_consistent == True  # noqa: E712  # Element by element.


class ApplicationVelocity(Rule):
    """The applicant made few applications in the last 30 days."""

    fails_as: ClassVar[str] = "applications_frequent"
    unknown_as: ClassVar[str] = "fraud_check_unavailable"

    max_30d: Count

    def claim(self, facts: Facts) -> Truth:
        """Applications stay within the maximum."""
        return facts.applications_30d <= self.max_30d


class DeviceRisk(Rule):
    """The device that the application came from is not known for fraud."""

    fails_as: ClassVar[str] = "device_risk_high"
    unknown_as: ClassVar[str] = "fraud_check_unavailable"

    max_score: Score

    def claim(self, facts: Facts) -> Truth:
        """The risk score stays within the maximum."""
        return facts.device_risk <= self.max_score
