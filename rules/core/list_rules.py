"""Rules about screening lists, which books of both kinds and limit policies share."""

from typing import Annotated, ClassVar

from pydantic import Field, ValidationInfo, field_validator

from rules.core.columns import Truth
from rules.core.rule import Count, Facts, Rule, Score


class NotListed(Rule):
    """The applicant is on no sanction or block list; a person decides on a match of the name alone."""

    check: ClassVar[str] = "fraud"
    fails_as: ClassVar[str] = "list_match"
    unknown_as: ClassVar[str] = "list_screening_unavailable"
    grey_as: ClassVar[str | None] = "list_match_possible"

    min_match_score: Annotated[
        Score, Field(description="A match from this score on is a hit, if birth date or document confirm it")
    ]
    grey_match_score: Annotated[Score, Field(description="A match from this score on may be one")]

    @field_validator("grey_match_score")
    @classmethod
    def _is_below_a_hit(cls, grey: float, given: ValidationInfo) -> float:
        if grey > given.data.get("min_match_score", grey):
            raise ValueError("is above min_match_score, so that no match would be grey; lower it")
        return grey

    def claim(self, facts: Facts) -> Truth:
        """The best match is below the threshold, or only its name agrees."""
        return (facts.list_match_score < self.min_match_score) | (facts.list_confirmed_score < self.min_match_score)

    def grey(self, facts: Facts) -> Truth:
        """The best match may be the applicant."""
        return facts.list_match_score >= self.grey_match_score


class ListsCurrent(Rule):
    """The lists that the applicant was compared with are up to date."""

    check: ClassVar[str] = "fraud"
    fails_as: ClassVar[str] = "lists_outdated"
    unknown_as: ClassVar[str] = "list_screening_unavailable"

    max_days: Count

    def claim(self, facts: Facts) -> Truth:
        """Every list was loaded within so many days, or found to be the same as before."""
        return facts.list_age_days <= self.max_days
