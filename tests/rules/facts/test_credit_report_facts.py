"""What the bureau's file says."""

from datetime import date

import pytest
from support.applicants import AS_OF, facts

from underwriting.domain.documents import CreditEvent, CreditEventKind, CreditReport

UNKNOWN = dict.fromkeys(["credit_score", "revolving_utilisation", "delinquencies_24m", "insolvencies", "inquiries_6m"])


def report(*events, currency="USD", **values):
    dated = tuple(CreditEvent(kind=CreditEventKind(kind), occurred_on=day) for kind, day in events)
    return CreditReport(currency=currency, events=dated, **values)


def bureau(*events, as_of=AS_OF, **values):
    return facts("credit_report", report(*events, **values), as_of=as_of)


def test_a_source_without_an_answer_leaves_everything_unknown():
    assert facts("credit_report") == UNKNOWN
    assert facts("credit_report", report(score=700, currency="EUR")) == UNKNOWN


def test_a_thin_file_has_no_score_and_no_entries():
    assert bureau() == {**UNKNOWN, "delinquencies_24m": 0, "insolvencies": 0, "inquiries_6m": 0}


def test_a_score():
    assert bureau(score=620)["credit_score"] == 620


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
