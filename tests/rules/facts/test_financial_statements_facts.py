"""What a company's accounts, or a person's statements, say of income and debts."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.applicants import AS_OF, DIRECTOR, INSTALMENT, PERSON, facts, monthly, statements
from support.examples import steady

from underwriting.domain.documents import FinancialStatements, FinancialYear

UNKNOWN = dict.fromkeys(
    ["accounts_add_up", "profit_margin", "revenue_growth", "debt_service_coverage", "debt_to_income"]
)
REQUESTED_A_YEAR = 12 * INSTALMENT


def finances(*documents, as_of=AS_OF):
    return facts("financial_statements", *documents, as_of=as_of)


def year(end=date(2024, 12, 31), revenue=1_000_000, profit=100_000, cash=300_000, debts=50_000):
    return FinancialYear(period_end=end, revenue=revenue, profit=profit, operating_cash_flow=cash, debt_service=debts)


def accounts(*years, currency="USD"):
    return FinancialStatements(currency=currency, years=years)


def company(*years):
    return finances(DIRECTOR, accounts(*years))


def test_a_company_is_judged_by_its_latest_year():
    found = company(year(), year(end=date(2023, 12, 31), revenue=800_000, profit=1, cash=1, debts=1))
    assert found == pytest.approx(
        {
            "accounts_add_up": True,
            "profit_margin": 0.1,
            "revenue_growth": 0.25,
            "debt_service_coverage": 300_000 / (50_000 + REQUESTED_A_YEAR),
            "debt_to_income": (50_000 + REQUESTED_A_YEAR) / 1_000_000,
        }
    )


def test_losses_are_negative():
    found = company(year(profit=-100_000, cash=-300_000))
    assert found["profit_margin"] == pytest.approx(-0.1)
    assert found["debt_service_coverage"] == pytest.approx(-300_000 / (50_000 + REQUESTED_A_YEAR))


def test_no_revenue_leaves_its_shares_unknown():
    found = company(year(revenue=0, profit=0), year(end=date(2023, 12, 31)))
    assert (found["profit_margin"], found["debt_to_income"], found["revenue_growth"]) == (None, None, -1)
    assert company(year(), year(end=date(2023, 12, 31), revenue=0, profit=0))["revenue_growth"] is None


@pytest.mark.parametrize(
    ("before", "known"),
    [
        (date(2024, 1, 31), True),
        (date(2024, 2, 1), False),
        (date(2023, 11, 30), True),
        (date(2023, 11, 29), False),
        (date(2022, 12, 31), False),
    ],
)
def test_growth_compares_with_the_year_before(before, known):
    assert (company(year(), year(end=before))["revenue_growth"] is not None) == known


def test_two_versions_of_a_year_do_not_add_up():
    contradicting = {**UNKNOWN, "accounts_add_up": False}
    assert company(year(), year(revenue=500_000), year(end=date(2023, 12, 31))) == contradicting
    assert company(year(), year()) == contradicting


@pytest.mark.parametrize(("profit", "adds_up"), [(999_999, True), (1_000_000, True), (1_000_001, False)])
def test_a_profit_above_the_revenue_does_not_add_up(profit, adds_up):
    found = company(year(profit=profit))
    assert found["accounts_add_up"] is adds_up
    assert (found["profit_margin"] is not None) is adds_up


@pytest.mark.parametrize(("end", "known"), [(date(2023, 6, 15), False), (date(2023, 6, 16), True), (AS_OF, True)])
def test_old_accounts_say_nothing(end, known):
    assert (company(year(end=end)) != {**UNKNOWN, "accounts_add_up": True}) == known


def test_a_year_that_ends_after_as_of_was_not_known():
    assert finances(DIRECTOR, accounts(year()), as_of=date(2024, 12, 30)) == {
        **UNKNOWN,
        "accounts_add_up": True,
    }


@pytest.mark.parametrize(
    "documents",
    [
        [],
        [PERSON],
        [DIRECTOR],
        [DIRECTOR, accounts()],
        [accounts(year())],
        [PERSON, accounts(year())],
        [DIRECTOR, accounts(year(), currency="EUR")],
        # A company's account is no account of its books.
        [DIRECTOR, statements(*monthly([100_000] * 7, "income"))],
        [statements(*monthly([100_000] * 7, "income"))],
        [PERSON, statements(*monthly([100_000] * 7, "income"), currency="EUR")],
    ],
)
def test_without_the_right_document_everything_is_unknown(documents):
    found = finances(*documents)
    # A person has no accounts, and those of a company have to be there.
    assert found["accounts_add_up"] in (None, True)
    assert {**found, "accounts_add_up": None} == UNKNOWN


INCOME = [100_000, 100_000, 100_000, 120_000, 120_000, 120_000, 999_999]


def test_a_person_is_judged_by_the_whole_months():
    found = finances(
        PERSON,
        statements(
            *monthly(INCOME, "income"),
            *monthly([-50_000] * 7, "spending"),
            *monthly([-10_000] * 7, "debt_service"),
            *monthly([70_000, -80_000] * 3, "transfer"),
            *monthly([500_000], "loan_payout"),
        ),
    )
    assert found == pytest.approx(
        {
            "accounts_add_up": True,
            "profit_margin": (660_000 - 360_000) / 660_000,
            "revenue_growth": 0.2,
            "debt_service_coverage": (660_000 - 300_000) / (60_000 + 6 * INSTALMENT),
            "debt_to_income": (60_000 + 6 * INSTALMENT) / 660_000,
        }
    )


def test_the_first_of_a_month_belongs_to_it():
    found = finances(PERSON, statements(*monthly(INCOME, "income", day=1), *monthly([-50_000] * 7, "spending", day=1)))
    assert found["profit_margin"] == pytest.approx(360_000 / 660_000)
    assert found["revenue_growth"] == pytest.approx(0.2)


def test_money_in_that_is_not_classified_is_no_income():
    found = finances(PERSON, statements(*monthly([100_000] * 7, None), *monthly([-10_000] * 7, None)))
    assert (found["profit_margin"], found["debt_to_income"]) == (None, None)
    assert found["debt_service_coverage"] == pytest.approx(-10_000 / INSTALMENT)


def test_a_person_without_income_cannot_pay():
    assert finances(PERSON, statements()) == {**UNKNOWN, "accounts_add_up": True, "debt_service_coverage": 0}


@pytest.mark.parametrize(
    ("start", "growth"),
    [
        (date(2024, 12, 1), 0.2),
        (date(2024, 12, 2), 0.2),
        # Two months are enough to compare with, one is not.
        (date(2025, 1, 1), 0.2),
        (date(2025, 1, 2), None),
        (date(2025, 3, 1), None),
    ],
)
def test_growth_of_a_person_needs_months_before(start, growth):
    booked = [each for each in monthly(INCOME, "income") if each[0] >= start]
    found = finances(PERSON, statements(*booked, start=start))
    assert found["revenue_growth"] == pytest.approx(growth)
    assert found["profit_margin"] == 1


@pytest.mark.parametrize(
    "period",
    [{"start": date(2025, 3, 2)}, {"end": date(2025, 5, 30)}, {"start": date(2024, 1, 1), "end": date(2024, 12, 31)}],
)
def test_a_person_without_the_last_three_months_is_unknown(period):
    assert finances(PERSON, statements(**period)) == {**UNKNOWN, "accounts_add_up": True}


def test_income_that_stopped_has_fallen():
    found = finances(PERSON, statements(*monthly([100_000] * 3, "income")))
    assert found["revenue_growth"] == -1


@steady(25)
@given(
    st.lists(
        st.builds(
            year,
            end=st.dates(date(2021, 1, 1), date(2025, 12, 31)),
            revenue=st.integers(0, 10**12),
            profit=st.integers(-(10**12), 10**12),
            cash=st.integers(-(10**12), 10**12),
            debts=st.integers(0, 10**12),
        ),
        max_size=5,
    ),
    st.randoms(),
)
def test_the_order_of_the_years_is_of_no_matter(years, random):
    shuffled = random.sample(years, len(years))
    assert company(*years) == company(*shuffled)
