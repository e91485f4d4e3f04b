"""Every rule below, at and above its threshold, and on facts that are not known."""

import pytest
from support.applicants import book_of, frame

from rules.prescreening.catalogue import RULES
from rules.prescreening.engine import evaluate
from underwriting.domain.decision import Result

P, F, U = Result.PASS, Result.FAIL, Result.UNKNOWN

# Rule; the facts in the order it reads them, each row with what the rule says of it.
CASES = {
    "CustomerFound": (["customer_found"], [(True, P), (False, F), (None, U)]),
    "IdentityComplete": (["identity_fields_missing"], [(0, P), (1, F), (5, F), (None, U)]),
    "AdultApplicant: {min_age_years: 18}": (["age_years"], [(17, F), (18, P), (19, P), (None, U)]),
    "ResidenceServed: {countries: [US, CA]}": (
        ["residence_country", "is_company", "company_country"],
        [
            ("US", False, None, P),
            ("CA", False, None, P),
            ("DE", False, None, F),
            (None, False, None, U),
            ("US", True, "CA", P),
            ("US", True, "DE", F),
            ("US", True, None, U),
            ("DE", True, None, F),
            (None, True, "DE", F),
            ("US", None, "CA", P),
            ("US", None, "DE", U),
        ],
    ),
    "CompanyActive: {min_age_days: 730}": (
        ["is_company", "company_active", "company_age_days"],
        [
            (True, True, 729, F),
            (True, True, 730, P),
            (True, True, 731, P),
            (True, False, 731, F),
            (True, None, 731, U),
            (True, None, 729, F),
            (True, True, None, U),
            (True, False, None, F),
            # A person has no company.
            (False, None, None, P),
            (None, None, None, U),
            (None, True, 730, P),
        ],
    ),
    "ContactVerified": (
        ["email_verified", "phone_verified"],
        [
            (True, False, P),
            (False, True, P),
            (False, False, F),
            (True, None, P),
            (None, True, P),
            (None, False, U),
            (None, None, U),
        ],
    ),
    "StatementsAddUp": (["broken_statement_line"], [(0, P), (1, U), (7, U), (None, U)]),
    "StatementCoverage: {min_months: 5, max_age_days: 35}": (
        ["months_covered", "statement_age_days"],
        [(4, 35, F), (5, 35, P), (6, 34, P), (5, 36, F), (None, 35, U), (5, None, U), (4, None, F), (None, 36, F)],
    ),
    "StableEndOfMonthBalance: {min_balance: 10000, max_cv: 0.5}": (
        ["lowest_month_end_balance", "month_end_balance_cv"],
        [
            (9_999, 0.5, F),
            (10_000, 0.5, P),
            (10_001, 0.4, P),
            (10_000, 0.51, F),
            (None, 0.5, U),
            (10_000, None, U),
            (9_999, None, F),
        ],
    ),
    "StableSpending: {max_cv: 0.6}": (["spending_cv"], [(0.59, P), (0.6, P), (0.61, F), (None, U)]),
    "NegativeBalanceDays: {max_days: 10}": (["negative_balance_days"], [(0, P), (10, P), (11, F), (None, U)]),
    "ReturnedPayments: {max_count: 2}": (["returned_payments"], [(1, P), (2, P), (3, F), (None, U)]),
    "AccountsAddUp": (["accounts_add_up"], [(True, P), (False, U), (None, U)]),
    "PositiveProfit: {min_margin: 0.0}": (["profit_margin"], [(-0.01, F), (0.0, P), (0.01, P), (None, U)]),
    "RevenueTrend: {min_growth: -0.2}": (["revenue_growth"], [(-0.21, F), (-0.2, P), (0.5, P), (None, U)]),
    "RepaymentCapacity: {min_dscr: 1.25}": (
        ["debt_service_coverage"],
        [(-1.0, F), (1.24, F), (1.25, P), (1.26, P), (None, U)],
    ),
    "DebtToIncome: {max_ratio: 0.43}": (["debt_to_income"], [(0.42, P), (0.43, P), (0.44, F), (None, U)]),
    "NoCreditAlert": (
        ["credit_alert"],
        [("none", P), ("fraud_alert", U), ("deceased", U), ("disputed", U), (None, U)],
    ),
    "MilitaryLending: {max_mapr: 0.36, max_age_days: 30}": (
        ["mapr", "covered_borrower", "covered_borrower_age_days"],
        [
            (0.35, True, 0, P),
            (0.36, True, 0, P),
            (0.361, True, 0, F),
            (0.361, True, 30, F),
            (0.361, True, 31, U),
            (0.361, True, None, U),
            (0.361, False, 30, P),
            (0.361, False, 31, U),
            (0.361, None, 0, U),
            (0.361, False, None, U),
            (0.36, None, None, P),
            (None, True, 0, U),
            (None, False, 30, P),
            (None, False, 31, U),
            (None, None, None, U),
        ],
    ),
    "ReportedRepaymentCapacity: {min_dscr: 1.25}": (
        ["reported_debt_service_coverage"],
        [(1.24, F), (1.25, P), (1.26, P), (None, U)],
    ),
    "ReportedDebtToIncome: {max_ratio: 0.43}": (
        ["reported_debt_to_income"],
        [(0.42, P), (0.43, P), (0.44, F), (None, U)],
    ),
    "CreditScore: {min_score: 620}": (["credit_score"], [(619, F), (620, P), (621, P), (None, U)]),
    "Utilisation: {max_ratio: 0.8}": (["revolving_utilisation"], [(0.0, P), (0.8, P), (0.81, F), (None, U)]),
    "Delinquencies: {max_24m: 1}": (["delinquencies_24m"], [(0, P), (1, P), (2, F), (None, U)]),
    "NoInsolvency": (["insolvencies"], [(0, P), (1, F), (None, U)]),
    "Inquiries: {max_6m: 5}": (["inquiries_6m"], [(4, P), (5, P), (6, F), (None, U)]),
    "WithinExposure: {max_total: 100000}": (
        ["exposure_with_request"],
        [(99_999, P), (100_000, P), (100_001, F), (None, U)],
    ),
    "NotListed: {min_match_score: 0.9, grey_match_score: 0.7}": (
        ["list_match_score", "list_confirmed_score"],
        [
            (0.0, 0.0, P),
            (0.69, 0.0, P),
            (0.7, 0.0, U),
            (0.89, 0.89, U),
            (0.9, 0.89, U),
            (0.9, 0.9, F),
            (1.0, 1.0, F),
            (1.0, 0.0, U),
            (1.0, None, U),
            (0.69, None, P),
            (None, None, U),
        ],
    ),
    "ListsCurrent: {max_days: 7}": (["list_age_days"], [(0, P), (7, P), (8, F), (None, U)]),
    "IdentityConsistent": (["identity_consistent"], [(True, P), (False, F), (None, U)]),
    "ApplicationVelocity: {max_30d: 3}": (["applications_30d"], [(2, P), (3, P), (4, F), (None, U)]),
    "DeviceRisk: {max_score: 0.8}": (["device_risk"], [(0.79, P), (0.8, P), (0.81, F), (None, U)]),
    "OpenLoans: {max_count: 2}": (["open_loans"], [(1, P), (2, P), (3, F), (None, U)]),
    "InstalmentBurden: {max_ratio: 0.36}": (["instalment_burden"], [(0.35, P), (0.36, P), (0.37, F), (None, U)]),
    "PaidOnTime: {min_ratio: 0.9}": (
        ["instalments_due", "on_time_ratio"],
        [
            (10, 0.89, F),
            (10, 0.9, P),
            (10, 1.0, P),
            (0, None, P),
            (10, None, U),
            (None, None, U),
            (None, 0.89, U),
            (None, 0.9, P),
        ],
    ),
    "WorstDaysPastDue: {max_days: 29}": (["worst_days_past_due"], [(0, P), (29, P), (30, F), (None, U)]),
    "NoWriteOff": (["write_offs"], [(0, P), (1, F), (None, U)]),
}


@pytest.mark.parametrize(
    ("rule", "names", "values", "result"),
    [(rule, names, row[:-1], row[-1]) for rule, (names, rows) in CASES.items() for row in rows],
)
def test_a_rule_says(rule, names, values, result):
    row = dict(zip(names, values, strict=True))
    facts = {**row, "credit_score_factor_1": "Few accounts"}
    (outcome,) = evaluate(book_of(rule), frame(**{name: [value] for name, value in facts.items()})).outcomes(0)
    assert outcome.result is result
    # It read these facts and no others.
    assert outcome.observed == row


def test_every_rule_is_tested_and_reads_facts_of_its_own_check():
    assert {rule.partition(":")[0] for rule in CASES} == set(RULES)
    assert len(RULES) == 37


@pytest.mark.parametrize("rule", RULES.values())
def test_a_rule_is_a_sentence(rule):
    assert rule.__doc__
    assert rule.__doc__.endswith(".")
    assert rule.check in rule.__module__ or rule.__module__ == "rules.core.list_rules"


def test_a_possible_match_is_for_a_person_to_judge():
    book = book_of("NotListed: {min_match_score: 0.9, grey_match_score: 0.7}")
    match = {
        "list_match_score": [0.69, 0.7, 0.9, 1.0, 1.0, None],
        "list_confirmed_score": [0.0, 0.0, 0.9, 0.0, None, None],
    }
    evaluation = evaluate(book, frame(**match))
    outcomes = [evaluation.outcomes(row)[0] for row in range(6)]
    assert [outcome.refers for outcome in outcomes] == [False, True, False, True, True, False]
    assert [outcome.reason and outcome.reason.code for outcome in outcomes] == [
        None,
        "list_match_possible",
        "list_match",
        "list_match_possible",
        "list_match_possible",
        "list_screening_unavailable",
    ]


@pytest.mark.parametrize(
    ("alert", "file", "code", "refers"),
    [
        ("deceased", "deceased", "credit_file_deceased", True),
        ("fraud_alert", "found", "credit_file_fraud_alert", True),
        ("active_duty", "found", "credit_file_active_duty", True),
        ("security_freeze", "found", "credit_file_frozen", True),
        ("disputed", "disputed", "credit_file_disputed", True),
        # Whoever freezes the file uses a right of 15 U.S.C. 1681c-1(i).
        (None, "frozen", "credit_file_frozen", True),
        (None, "locked", "credit_file_locked", False),
        (None, "no_hit", "credit_file_not_found", False),
        (None, "not_asked", "bureau_consent_missing", False),
        (None, None, None, False),
    ],
)
def test_the_customer_reads_what_keeps_the_file_from_being_read(alert, file, code, refers):
    book = book_of("NoCreditAlert", "CreditScore: {min_score: 620}", "NoInsolvency")
    evaluation = evaluate(book, frame(credit_alert=[alert], credit_file=[file]))
    outcomes = evaluation.outcomes(0)
    assert [outcome.refers for outcome in outcomes] == [refers] * 3
    general = ["credit_file_unknown", "credit_score_missing", "credit_report_unavailable"]
    assert [outcome.reason.code for outcome in outcomes] == ([code] * 3 if code else general)


@pytest.mark.parametrize(
    ("file", "model", "exclusion", "code"),
    [
        ("found", "FICO Score 8", "9002", "credit_score_excluded"),
        ("found", "Fico 9", "9003", "credit_score_excluded"),
        ("found", "FICO Score 8", "4", "credit_score_excluded"),
        ("found", "VantageScore 4.0", "4", "credit_score_excluded"),
        ("found", "VantageScore 3.0", "9002", "credit_score_excluded"),
        ("found", "Score 8", "4", "credit_score_excluded"),
        ("found", None, "4", "credit_score_excluded"),
        ("thin", "FICO Score 8", "9003", "credit_score_excluded"),
        ("thin", None, None, "credit_file_thin"),
        ("found", None, None, "credit_score_missing"),
    ],
)
@pytest.mark.parametrize("on_unknown", ["refer", "reject"])
def test_why_there_is_no_score(file, model, exclusion, code, on_unknown):
    facts = {
        "credit_alert": ["none"],
        "credit_file": [file],
        "credit_score_exclusion": [exclusion],
        "insolvencies": [0],
    }
    book = book_of("CreditScore: {min_score: 620}", "NoInsolvency", on_unknown=on_unknown)
    score, insolvency = evaluate(book, frame(credit_score_model=[model], **facts)).outcomes(0)
    assert (score.reason.code, score.refers) == (code, code == "credit_score_excluded")
    assert insolvency.result is P, "the rest of the report counts"


@pytest.mark.parametrize(
    ("model", "exclusion"),
    [
        ("FICO Score 8", "9001"),
        ("fico auto score 8", "9001"),
        ("VantageScore 3.0", "1"),
        ("VANTAGESCORE 4.0", "1"),
        # What a model that we do not know may mean by it is for a person to find out.
        ("Score 8", "9001"),
        (None, "9001"),
        (None, "1"),
    ],
)
def test_an_exclusion_code_of_the_deceased_is_an_alert(model, exclusion):
    book = book_of(
        "NoCreditAlert",
        "CreditScore: {min_score: 620}",
        "NoInsolvency",
        "MilitaryLending: {max_mapr: 0.36, max_age_days: 1}",
    )
    facts = frame(
        credit_alert=["none"],
        credit_file=["found"],
        credit_score_exclusion=[exclusion],
        credit_score_model=[model],
        insolvencies=[0],
        mapr=[0.24],
    )
    outcomes = evaluate(book, facts).outcomes(0)
    assert {(each.result, each.refers, each.reason.code) for each in outcomes} == {(U, True, "credit_file_deceased")}


@pytest.mark.parametrize(
    ("model", "exclusion"), [("FICO Score 8", "1"), ("VantageScore 4.0", "9001"), ("Score 8", "9002")]
)
def test_an_exclusion_code_of_another_model_is_none(model, exclusion):
    facts = frame(credit_alert=["none"], credit_score_exclusion=[exclusion], credit_score_model=[model])
    (outcome,) = evaluate(book_of("NoCreditAlert"), facts).outcomes(0)
    assert outcome.result is P


def test_a_military_status_that_is_too_old_is_asked_again():
    book = book_of("MilitaryLending: {max_mapr: 0.36, max_age_days: 30}")
    covered, age = [False, False, None, True, True], [30, 31, 0, 30, 31]
    evaluation = evaluate(book, frame(mapr=[0.4] * 5, covered_borrower=covered, covered_borrower_age_days=age))
    outcomes = [evaluation.outcomes(row)[0] for row in range(5)]
    codes = [outcome.reason and outcome.reason.code for outcome in outcomes]
    old = "military_status_old"
    assert codes == [None, old, "military_status_unknown", "military_rate_high", old]
