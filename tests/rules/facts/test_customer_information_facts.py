"""What the user service and the company registry say."""

from datetime import date, timedelta

import pytest
from support.applicants import AS_OF, DIRECTOR, PERSON, facts

from underwriting.domain.documents import Company, CompanyStatus, NoPerson

COMPANY = Company(name="Engines", status=CompanyStatus.ACTIVE, incorporated_on=date(2020, 6, 15), country="US")


def customer(*documents, as_of=AS_OF):
    return facts("customer_information", *documents, as_of=as_of)


def test_a_source_without_an_answer_leaves_everything_unknown():
    assert set(customer().values()) == {None}
    # A company without its person tells nothing of the applicant.
    assert set(customer(COMPANY).values()) == {None}


def test_of_a_customer_whom_the_user_service_does_not_have_that_is_all_that_is_known():
    found = customer(NoPerson())
    assert {name: value for name, value in found.items() if value is not None} == {"customer_found": False}


def test_a_person():
    assert customer(PERSON) == {
        "customer_found": True,
        "is_company": False,
        "identity_fields_missing": 0,
        "identity_missing": None,
        "age_years": 35,
        "residence_country": "US",
        "email_verified": True,
        "phone_verified": False,
        "company_active": None,
        "company_age_days": None,
        "company_country": None,
    }


def test_a_company():
    found = customer(DIRECTOR, COMPANY)
    assert found["is_company"] is True
    assert found["company_active"] is True
    assert found["company_age_days"] == (AS_OF - date(2020, 6, 15)).days
    assert found["company_country"] == "US"


def test_a_registry_without_an_answer_leaves_the_company_unknown():
    found = customer(DIRECTOR)
    assert (found["is_company"], found["company_active"], found["company_age_days"]) == (True, None, None)


@pytest.mark.parametrize("status", sorted(set(CompanyStatus) - {CompanyStatus.ACTIVE}))
def test_any_other_status_is_not_active(status):
    assert customer(DIRECTOR, COMPANY.model_copy(update={"status": status}))["company_active"] is False


@pytest.mark.parametrize("name", ["given_name", "family_name", "birth_date", "identity_document", "street"])
def test_each_missing_field_is_counted(name):
    found = customer(PERSON.model_copy(update={name: None}))
    assert (found["identity_fields_missing"], found["identity_missing"]) == (1, name.replace("_", " "))


def test_what_is_missing_is_named_in_order():
    found = customer(PERSON.model_copy(update={"street": " ", "family_name": None}))
    assert (found["identity_fields_missing"], found["identity_missing"]) == (2, "family name, street")


@pytest.mark.parametrize("name", ["given_name", "family_name", "identity_document", "street"])
def test_blanks_are_missing(name):
    assert customer(PERSON.model_copy(update={name: "  "}))["identity_fields_missing"] == 1


@pytest.mark.parametrize(
    ("born", "as_of", "age"),
    [
        (date(2007, 6, 15), date(2025, 6, 14), 17),
        (date(2007, 6, 15), date(2025, 6, 15), 18),
        (date(2007, 6, 15), date(2025, 6, 16), 18),
        # Who was born on 29 February comes of age on 1 March of a common year.
        (date(2004, 2, 29), date(2022, 2, 28), 17),
        (date(2004, 2, 29), date(2022, 3, 1), 18),
        (date(2004, 2, 29), date(2024, 2, 29), 20),
        (date(2004, 3, 1), date(2022, 2, 28), 17),
        (date(2004, 3, 1), date(2022, 3, 1), 18),
        (date(2004, 3, 1), date(2024, 2, 29), 19),
        (date(2001, 3, 1), date(2020, 2, 29), 18),
        (date(2005, 2, 28), date(2024, 2, 28), 19),
        (date(2005, 2, 28), date(2024, 2, 27), 18),
        (date(2006, 12, 31), date(2024, 12, 30), 17),
    ],
)
def test_age_is_counted_in_completed_years(born, as_of, age):
    assert customer(PERSON.model_copy(update={"birth_date": born}), as_of=as_of)["age_years"] == age


def test_what_lies_after_as_of_was_not_known():
    before = AS_OF - timedelta(days=20_000)
    found = customer(DIRECTOR, COMPANY, as_of=before)
    assert (found["age_years"], found["identity_fields_missing"]) == (None, 1)
    assert (found["company_active"], found["company_age_days"], found["company_country"]) == (None, None, None)


def test_a_company_founded_today_exists():
    found = customer(DIRECTOR, COMPANY.model_copy(update={"incorporated_on": AS_OF}))
    assert (found["company_active"], found["company_age_days"]) == (True, 0)
