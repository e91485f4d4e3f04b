"""What our ledger, the fraud service, the lists and the loan service say."""

from datetime import date

import pytest
from support.applicants import AS_OF, DIRECTOR, INSTALMENT, PERSON, REQUESTED, facts, monthly, statements

from underwriting.domain.documents import (
    Exposure,
    FinancialStatements,
    FinancialYear,
    FraudReport,
    Instalment,
    ListScreening,
    Loan,
    LoanStatus,
    OngoingLoans,
    PaymentHistory,
)


def test_exposure_includes_the_request():
    found = facts("internal_exposure", Exposure(currency="USD", outstanding=1_000))
    assert found == {"exposure_with_request": 1_000 + REQUESTED}


@pytest.mark.parametrize("documents", [[], [Exposure(currency="EUR", outstanding=0)]])
def test_exposure_is_unknown_without_an_answer_in_the_currency(documents):
    assert facts("internal_exposure", *documents) == {"exposure_with_request": None}


def test_fraud_service_and_lists_answer_each_on_their_own():
    report = FraudReport(identity_consistent=False, applications_30d=2, device_risk=0.5)
    known = {"identity_consistent": False, "applications_30d": 2, "device_risk": 0.5}
    lists = ("list_match_score", "list_confirmed_score", "list_match_evidence", "list_age_days")
    nothing = dict.fromkeys((*lists, *known))
    assert facts("fraud") == nothing
    assert facts("fraud", report) == {**nothing, **known}
    # Where nobody says what confirms the match, nothing does.
    assert facts("fraud", ListScreening(match_score=0.25)) == {
        **nothing, "list_match_score": 0.25, "list_confirmed_score": 0,
    }  # fmt: skip
    screened = ListScreening(match_score=1, confirmed_score=0.9, match_evidence="same country", list_age_days=3)
    assert facts("fraud", screened, report) == {**dict(zip(lists, (1, 0.9, "same country", 3), strict=True)), **known}


def loan(status=LoanStatus.OPEN, opened=date(2025, 1, 1), instalment=10_000):
    return Loan(
        loan_id=f"{status}{opened}", opened_on=opened, status=status, outstanding=1, monthly_instalment=instalment
    )


def loans(*documents, of=(), currency="USD"):
    return facts("ongoing_loans", OngoingLoans(currency=currency, loans=of), *documents)


def test_a_customer_without_loans_is_known_to_have_none():
    assert loans() == {"open_loans": 0, "instalment_burden": None}


@pytest.mark.parametrize("documents", [[], [OngoingLoans(currency="EUR", loans=(loan(),))]])
def test_loans_are_unknown_without_an_answer_in_the_currency(documents):
    assert facts("ongoing_loans", *documents) == {"open_loans": None, "instalment_burden": None}


def test_only_open_loans_of_the_time_count():
    of = (
        loan(),
        loan(LoanStatus.REPAID),
        loan(LoanStatus.WRITTEN_OFF),
        loan(opened=AS_OF),
        loan(opened=date(2025, 6, 16)),
    )
    assert loans(of=of)["open_loans"] == 2


def test_the_burden_on_a_persons_income():
    income = statements(*monthly([100_000] * 6, "income"))
    assert loans(PERSON, income)["instalment_burden"] == pytest.approx(INSTALMENT / 100_000)
    assert loans(PERSON, income, of=(loan(), loan(instalment=5_000)))["instalment_burden"] == pytest.approx(
        (INSTALMENT + 15_000) / 100_000
    )


def test_the_burden_on_a_companys_revenue():
    year = FinancialYear(
        period_end=date(2024, 12, 31), revenue=2_400_000, profit=0, operating_cash_flow=0, debt_service=0
    )
    accounts = FinancialStatements(currency="USD", years=(year,))
    assert loans(DIRECTOR, accounts, of=(loan(),))["instalment_burden"] == pytest.approx(
        (INSTALMENT + 10_000) / 200_000
    )


def test_the_burden_without_income_is_unknown():
    assert loans(PERSON, statements())["instalment_burden"] is None


def paid(*instalments, write_offs=0, as_of=AS_OF):
    rows = tuple(Instalment(loan_id="l", due_on=due, paid_on=paid) for due, paid in instalments)
    return facts("payment_history", PaymentHistory(write_offs=write_offs, instalments=rows), as_of=as_of)


NO_INSTALMENTS = {"write_offs": 0, "instalments_due": 0, "on_time_ratio": None, "worst_days_past_due": 0}


def test_a_source_without_an_answer_leaves_the_history_unknown():
    assert facts("payment_history") == dict.fromkeys(NO_INSTALMENTS)


def test_a_customer_without_an_earlier_loan_has_an_empty_history():
    assert paid() == NO_INSTALMENTS
    assert paid(write_offs=2) == {**NO_INSTALMENTS, "write_offs": 2}


MAY = date(2025, 5, 1)


@pytest.mark.parametrize(
    ("when", "on_time", "days"),
    [
        (date(2025, 4, 20), 1, 0),
        (MAY, 1, 0),
        (date(2025, 5, 2), 0, 1),
        (date(2025, 5, 31), 0, 30),
        # Still open as of AS_OF, whether or not it was paid later.
        (None, 0, 45),
        (date(2025, 6, 16), 0, 45),
        (AS_OF, 0, 45),
    ],
)
def test_an_instalment_is_late_from_the_day_after(when, on_time, days):
    assert paid((MAY, when)) == {
        "write_offs": 0,
        "instalments_due": 1,
        "on_time_ratio": on_time,
        "worst_days_past_due": days,
    }


@pytest.mark.parametrize(("due", "count"), [(date(2025, 6, 14), 1), (AS_OF, 0), (date(2025, 6, 16), 0)])
def test_an_instalment_is_due_once_its_day_is_over(due, count):
    assert paid((due, None))["instalments_due"] == count


def test_ratio_and_worst_delay():
    found = paid((MAY, MAY), (MAY, date(2025, 5, 11)), (MAY, date(2025, 4, 1)), (MAY, date(2025, 5, 4)))
    assert (found["on_time_ratio"], found["worst_days_past_due"]) == (0.5, 10)
