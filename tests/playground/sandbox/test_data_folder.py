"""Customers from files: what the sandbox serves of them, and how much of their statements."""

import json

import pytest

STATEMENTS = {
    "currency": "CZK",
    "period_start": "1996-11-15",
    "period_end": "1997-12-31",
    "opening_balance": 1000,
    "lines": [
        {"line_no": 0, "booked_on": "1996-12-01", "amount": 500, "balance": 1500, "category": "income"},
        {"line_no": 1, "booked_on": "1997-02-28", "amount": -200, "balance": 1300, "category": None},
        {"line_no": 2, "booked_on": "1997-03-01", "amount": -100, "balance": 1200, "category": None},
        {"line_no": 3, "booked_on": "1997-08-31", "amount": 300, "balance": 1500, "category": "income"},
        {"line_no": 4, "booked_on": "1997-09-01", "amount": 300, "balance": 1800, "category": "income"},
    ],
}


@pytest.fixture
def put(tmp_path):
    def write(service: str, subject: str, document: object) -> None:
        (tmp_path / service).mkdir(exist_ok=True)
        (tmp_path / service / f"{subject}.json").write_text(json.dumps(document))

    return write


def statements(sandbox, as_of, months=6):
    params = {"currency": "CZK", "months": months, "as_of": as_of}
    return sandbox.get("/statements/customers/1787", params=params).json()


@pytest.mark.parametrize(
    ("asked", "lines", "part"),
    [
        (("1997-08-31", 6), [1, 2, 3], ("1997-02-01", "1997-08-31", 1500)),
        (("1997-08-30", 6), [1, 2], ("1997-02-01", "1997-08-30", 1500)),
        (("1997-09-01", 6), [2, 3, 4], ("1997-03-01", "1997-09-01", 1300)),
        (("1997-09-01", 36), [0, 1, 2, 3, 4], ("1996-11-15", "1997-09-01", 1000)),
        (("2024-02-29", 120), [], ("2014-02-01", "1997-12-31", 1800)),
    ],
)
def test_statements_are_those_asked_for_and_none_after_the_date(sandbox, put, asked, lines, part):
    put("statements", "1787", STATEMENTS)
    answer = statements(sandbox, *asked)
    assert [line["line_no"] for line in answer["lines"]] == lines
    assert (answer["period_start"], answer["period_end"], answer["opening_balance"]) == part


def test_other_documents_are_served_as_they_are(sandbox, put):
    put("users", "1787", {"given_name": "Jana", "anything": 1})
    put("registry", "CZ-1787", {"name": "Jana s.r.o."})
    assert sandbox.get("/users/customers/1787").json() == {"given_name": "Jana", "anything": 1}
    assert sandbox.get("/registry/companies/CZ-1787").json() == {"name": "Jana s.r.o."}


def test_a_file_goes_before_a_persona(sandbox, put):
    assert sandbox.get("/users/customers/good").json()["residence_country"] == "US"
    put("users", "good", {"residence_country": "CZ"})
    assert sandbox.get("/users/customers/good").json() == {"residence_country": "CZ"}
    assert sandbox.get("/payments/customers/good").status_code == 200


def test_a_report_from_a_file_is_charged_like_any_other(sandbox, put):
    put("bureau", "1787", {"currency": "CZK", "score": 500})
    order = {"reference": "key", "currency": "CZK", "as_of": "1997-08-31"}
    order |= {"permissible_purpose": "credit_transaction", "consented_at": "1997-08-31T08:00:00Z"}
    assert sandbox.post("/bureau/customers/1787/reports", json=order).json()["score"] == 500
    assert sandbox.get("/_control/ledger").json()["charges"] == 1


def test_a_customer_without_a_file_is_unknown(sandbox):
    assert sandbox.get("/users/customers/1787").status_code == 404


@pytest.mark.parametrize("subject", ["..%2Fsecret", "%2e%2e", "a%2Fb", "a.b", "-a", "a" * 65])
def test_a_subject_is_no_path(sandbox, tmp_path, subject):
    (tmp_path / "secret.json").write_text("{}")
    assert sandbox.get(f"/users/customers/{subject}").status_code in {404, 422}
