"""What the bureau's file says, and when it says nothing."""

from datetime import date

import pytest
from support.applicants import AS_OF, INSTALMENT, PERSON, facts, monthly, statements

from rules.facts import facts_of
from underwriting.domain.documents import (
    AlertKind,
    CreditAlert,
    CreditEvent,
    CreditEventKind,
    CreditReport,
    FileStatus,
    KeyFactor,
    Liability,
    LiabilityKind,
    RequestTerms,
)

UNKNOWN = dict.fromkeys(fact.name for fact in facts_of("credit_report"))
# What a rule may say of the applicant's credit; the rest says what was asked, of whom, and what came of it.
CREDIT = [
    "credit_score",
    "credit_score_exclusion",
    "revolving_utilisation",
    "delinquencies_24m",
    "insolvencies",
    "inquiries_6m",
    "monthly_liabilities",
    "reported_debt_service_coverage",
    "reported_debt_to_income",
]
FULL = {"revolving_balance": 10, "revolving_limit": 100, "score": 700}


def report(*events, alerts=(), currency="USD", **values):
    dated = tuple(CreditEvent(kind=CreditEventKind(kind), occurred_on=day) for kind, day in events)
    given = {
        "bureau": "Equifax",
        "reported_on": AS_OF,
        "file_status": FileStatus.FOUND,
        "score_model": "VantageScore 3.0",
        "score_min": 300,
        "score_max": 850,
        "key_factors": (),
        "liabilities": (),
    }
    raised = tuple(CreditAlert(kind=AlertKind(kind)) for kind in alerts)
    return CreditReport(currency=currency, events=dated, alerts=raised, **{**given, **values})


def bureau(*events, as_of=AS_OF, **values):
    return facts("credit_report", report(*events, **values), as_of=as_of)


def owed(payment, balance=1):
    return Liability(kind=LiabilityKind.VEHICLE, balance=balance, monthly_payment=payment)


def test_a_source_without_an_answer_leaves_everything_unknown():
    assert facts("credit_report") == UNKNOWN
    assert facts("credit_report", report(score=700, currency="EUR")) == UNKNOWN
    factors = (KeyFactor(rank=1, code="14", text="Few accounts"),)
    assert facts("credit_report", report(score=700, key_factors=factors), as_of=date(2025, 6, 14)) == UNKNOWN
    assert facts("credit_report", report(score=700, key_factors=factors, currency="EUR")) == UNKNOWN


def test_without_consent_nobody_was_asked():
    assert facts("credit_report", RequestTerms(bureau_permitted=False)) == {**UNKNOWN, "credit_file": "not_asked"}
    assert facts("credit_report", RequestTerms(bureau_permitted=True)) == UNKNOWN
    assert facts("credit_report", RequestTerms(bureau_permitted=False), report())["credit_file"] == "found"


@pytest.mark.parametrize("status", FileStatus)
@pytest.mark.parametrize("alert", [None, *AlertKind])
def test_only_a_file_that_nothing_stands_against_says_anything_of_credit(status, alert):
    found = bureau(file_status=status, alerts=[alert] if alert else [], **FULL)
    assert found["credit_file"] == status
    clear = status in {FileStatus.FOUND, FileStatus.THIN} and alert is None
    assert (found["credit_alert"] == "none") is clear
    if not clear:
        assert [name for name in CREDIT if found[name] is not None] == []
    else:
        known = {"credit_score": 700, "delinquencies_24m": 0, "insolvencies": 0, "inquiries_6m": 0}
        assert {name: found[name] for name in known} == known


@pytest.mark.parametrize(
    ("status", "alerts", "concern"),
    [
        ("found", [], "none"),
        ("thin", [], "none"),
        ("found", ["security_freeze"], "security_freeze"),
        ("found", ["security_freeze", "active_duty"], "active_duty"),
        ("found", ["active_duty", "security_freeze", "fraud_alert"], "fraud_alert"),
        ("disputed", [], "disputed"),
        ("disputed", ["fraud_alert"], "fraud_alert"),
        ("deceased", ["fraud_alert"], "deceased"),
        # The customer can lift a freeze without a person of ours; an alert is for a person also where there is no file.
        ("frozen", ["security_freeze"], None),
        ("locked", ["security_freeze"], None),
        ("no_hit", [], None),
        ("frozen", ["fraud_alert"], "fraud_alert"),
        ("no_hit", ["active_duty"], "active_duty"),
    ],
)
def test_the_gravest_alert(status, alerts, concern):
    assert bureau(file_status=FileStatus(status), alerts=alerts)["credit_alert"] == concern


@pytest.mark.parametrize(
    ("values", "score", "exclusion"),
    [
        ({"score": 299}, None, "299"),
        ({"score": 300}, 300, None),
        ({"score": 620}, 620, None),
        ({"score": 850}, 850, None),
        ({"score": 851}, None, "851"),
        ({"score": 4}, None, "4"),
        ({"score": 9002}, None, "9002"),
        ({"score": -1}, None, "-1"),
        ({"score": None}, None, None),
        ({"score": None, "exclusion_code": "4"}, None, "4"),
        ({"score": 700, "exclusion_code": "4"}, None, "4"),
        # Points of a scale that nobody names are no score.
        ({"score": 700, "score_min": None}, None, None),
        ({"score": 700, "score_max": None}, None, None),
    ],
)
def test_a_score_lies_within_its_model_s_range_and_anything_else_is_an_exclusion(values, score, exclusion):
    found = bureau(("inquiry", AS_OF), **values)
    assert (found["credit_score"], found["credit_score_exclusion"]) == (score, exclusion)
    # The rest of the report counts.
    assert (found["inquiries_6m"], found["delinquencies_24m"]) == (1, 0)


def test_the_report_says_what_a_notice_has_to_say():
    texts = ("Few accounts", "Too many inquiries", "Balances too high")
    factors = tuple(KeyFactor(rank=rank, code=str(rank), text=text) for rank, text in enumerate(texts, 1))
    found = bureau(score=640, key_factors=factors[::-1], inquiries_factor=True)
    named = {
        "credit_bureau": "Equifax",
        "credit_report_date": "2025-06-15",
        "credit_score": 640,
        "credit_score_model": "VantageScore 3.0",
        "credit_score_min": 300,
        "credit_score_max": 850,
        "credit_score_factor_1": "Few accounts",
        "credit_score_factor_2": "Too many inquiries",
        "credit_score_factor_3": "Balances too high",
        "credit_score_factor_4": None,
        "credit_score_inquiries_factor": True,
    }
    assert {name: found[name] for name in named} == named


@pytest.mark.parametrize(
    ("balance", "limit", "share"),
    [
        (0, 0, 0),
        (0, 100, 0),
        (0, None, 0),
        (50, 100, 0.5),
        (150, 100, 1.5),
        (1, 0, None),
        (1, None, None),
        (None, 100, None),
        (None, 0, None),
    ],
)
def test_utilisation(balance, limit, share):
    assert bureau(revolving_balance=balance, revolving_limit=limit)["revolving_utilisation"] == share


@pytest.mark.parametrize(
    ("kind", "fact", "day", "count"),
    [
        ("delinquency", "delinquencies_24m", date(2023, 6, 15), 0),
        ("delinquency", "delinquencies_24m", date(2023, 6, 16), 1),
        ("delinquency", "delinquencies_24m", AS_OF, 1),
        ("inquiry", "inquiries_6m", date(2024, 12, 15), 0),
        ("inquiry", "inquiries_6m", date(2024, 12, 16), 1),
        ("insolvency", "insolvencies", date(1990, 1, 1), 1),
    ],
)
def test_entries_count_within_their_time(kind, fact, day, count):
    assert bureau((kind, day)) == {**bureau(), fact: count}


def test_entries_after_as_of_were_not_known():
    later = date(2025, 6, 16)
    assert bureau(("delinquency", later), ("insolvency", later), ("inquiry", later)) == bureau()


def test_entries_add_up():
    assert bureau(*[("inquiry", AS_OF)] * 3, ("insolvency", AS_OF))["inquiries_6m"] == 3


@pytest.mark.parametrize(
    ("liabilities", "monthly_liabilities"),
    [
        ((), 0),
        ((owed(100), owed(250)), 350),
        ((owed(100), owed(None)), None),
        ((owed(100), owed(None, balance=0)), 100),
        ((owed(0),), 0),
    ],
)
def test_liabilities_add_up_where_every_payment_is_stated(liabilities, monthly_liabilities):
    assert bureau(liabilities=liabilities)["monthly_liabilities"] == monthly_liabilities


@pytest.mark.parametrize(
    ("reported", "due"),
    # The account shows 10,000 a month.
    [(0, 10_000), (9_999, 10_000), (10_001, 10_001), (60_000, 60_000), (None, None)],
)
def test_debt_service_is_at_least_what_the_bureau_reports(reported, due):
    account = statements(
        *monthly([100_000] * 7, "income"),
        *monthly([-40_000] * 7, "spending"),
        *monthly([-10_000] * 7, "debt_service"),
    )
    found = facts("credit_report", PERSON, account, report(liabilities=(owed(reported),)))
    expected = None if due is None else (due + INSTALMENT) / 100_000
    assert found["reported_debt_to_income"] == (None if expected is None else pytest.approx(expected))
    coverage = None if due is None else pytest.approx(60_000 / (due + INSTALMENT))
    assert found["reported_debt_service_coverage"] == coverage


@pytest.mark.parametrize("status", FileStatus)
def test_the_military_status_counts_whatever_the_file(status):
    found = facts("credit_report", report(file_status=status, covered_borrower=True), as_of=date(2025, 7, 16))
    assert (found["covered_borrower"], found["covered_borrower_age_days"]) == (True, 31)
    assert facts("credit_report", RequestTerms(mapr=0.36))["mapr"] == 0.36
