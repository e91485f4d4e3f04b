"""Who applies, and whether we serve them."""

from typing import Annotated, ClassVar

from pydantic import Field

from rules.core.columns import Truth, is_one_of
from rules.core.rule import Count, Facts, Rule
from underwriting.domain.documents import CountryCode


class CustomerFound(Rule):
    """The user service knows the customer."""

    fails_as: ClassVar[str] = "customer_not_found"
    unknown_as: ClassVar[str] = "identity_unknown"

    def claim(self, facts: Facts) -> Truth:
        """It has a record of the customer."""
        return facts.customer_found == True  # noqa: E712  # Element by element.


class IdentityComplete(Rule):
    """The applicant's name, birth date, identity document and street are all on file."""

    fails_as: ClassVar[str] = "identity_incomplete"
    unknown_as: ClassVar[str] = "identity_unknown"
    missing_in: ClassVar[str | None] = "identity_missing"

    def claim(self, facts: Facts) -> Truth:
        """Nothing is missing."""
        return facts.identity_fields_missing == 0


class AdultApplicant(Rule):
    """The applicant is old enough to sign a contract."""

    fails_as: ClassVar[str] = "under_age"
    unknown_as: ClassVar[str] = "age_unknown"

    min_age_years: Annotated[int, Field(ge=0, le=120, description="Completed years, this age included")]

    def claim(self, facts: Facts) -> Truth:
        """Completed years reach the minimum."""
        return facts.age_years >= self.min_age_years


class ResidenceServed(Rule):
    """The applicant lives in a country that we serve, and so is the company registered in one."""

    fails_as: ClassVar[str] = "residence_not_served"
    unknown_as: ClassVar[str] = "residence_unknown"

    countries: Annotated[tuple[CountryCode, ...], Field(min_length=1, description="ISO 3166-1 alpha-2 codes")]

    def claim(self, facts: Facts) -> Truth:
        """The person's country is served; for a company, the company's too."""
        company_served = is_one_of(facts.company_country, self.countries)
        return is_one_of(facts.residence_country, self.countries) & (~facts.is_company | company_served)


class CompanyActive(Rule):
    """A company that applies is active and has been in business for long enough."""

    fails_as: ClassVar[str] = "company_not_established"
    unknown_as: ClassVar[str] = "company_unknown"

    min_age_days: Annotated[Count, Field(description="Days since incorporation, this many included")]

    def claim(self, facts: Facts) -> Truth:
        """A person applies, or the registry calls the company active and its age reaches the minimum."""
        return ~facts.is_company | (facts.company_active & (facts.company_age_days >= self.min_age_days))


class ContactVerified(Rule):
    """We can reach the applicant: the e-mail address or the telephone number is verified."""

    fails_as: ClassVar[str] = "contact_not_verified"
    unknown_as: ClassVar[str] = "contact_unknown"

    def claim(self, facts: Facts) -> Truth:
        """Either of them is verified."""
        return facts.email_verified | facts.phone_verified
