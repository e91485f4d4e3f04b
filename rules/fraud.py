"""Whether the applicant is who they say, and is nobody we must not lend to."""

from typing import Annotated, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from rules.columns import Truth
from rules.rule import Count, Facts, Rule, Score


class NotListed(Rule):
    """The applicant is on no sanction or block list; a match that only the name speaks for is for a person to judge."""

    fails_as: ClassVar[str] = "list_match"
    unknown_as: ClassVar[str] = "list_screening_unavailable"
    grey_as: ClassVar[str | None] = "list_match_possible"

    min_match_score: Annotated[
        Score, Field(description="A match from this score on is a hit, if birth date or document confirm it")
    ]
    grey_match_score: Annotated[Score, Field(description="A match from this score on may be one")]

    @field_validator("grey_match_score")
    @classmethod
    def _lies_below_a_hit(cls, grey: float, given: ValidationInfo) -> float:
        if grey > given.data.get("min_match_score", grey):
            raise ValueError("lies above min_match_score, so that no match would be grey; lower it")
        return grey

    def claim(self, facts: Facts) -> Truth:
        """No match is a hit that more than the name speaks for."""
        return (facts.list_match_score < self.min_match_score) | (facts.list_confirmed_score < self.min_match_score)

    def grey(self, facts: Facts) -> Truth:
        """The best match may be the applicant."""
        return facts.list_match_score >= self.grey_match_score


class ListsCurrent(Rule):
    """The lists that the applicant was compared with are up to date."""

    fails_as: ClassVar[str] = "lists_outdated"
    unknown_as: ClassVar[str] = "list_screening_unavailable"

    max_days: Count

    def claim(self, facts: Facts) -> Truth:
        """Every list was loaded within so many days, or found to be the same as before."""
        return facts.list_age_days <= self.max_days


class IdentityConsistent(Rule):
    """The fraud service finds that the identity's parts belong together."""

    fails_as: ClassVar[str] = "identity_inconsistent"
    unknown_as: ClassVar[str] = "fraud_check_unavailable"

    def claim(self, facts: Facts) -> Truth:
        """They do."""
        return facts.identity_consistent == True  # noqa: E712  # Element by element.


class ApplicationVelocity(Rule):
    """The applicant did not apply all over the place in the last 30 days."""

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
