"""One row or a million, the same call; and what is not known stays so."""

import json
from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.applicants import PERSON, asking, book_of, frame, one_applicant
from support.examples import steady

from rules.core.columns import Columns
from rules.core.rule import Facts, derived
from rules.facts import CATALOGUE, compute_facts
from rules.prescreening.book import shipped_rulebooks
from rules.prescreening.decide import decide
from rules.prescreening.engine import evaluate
from underwriting.domain.decision import Result, Verdict
from underwriting.domain.money import Money

NOW = datetime(2025, 6, 15, 12, tzinfo=UTC)
REQUESTED = Money(minor=250_000, currency="USD")


def referring(book):
    """The book with every second rule of it referring its failures to a person."""
    stages = json.loads(book.text)["stages"]
    for stage in stages:
        for rules in stage.values():
            for place, written in enumerate(rules[::2]):
                name, properties = (written, {}) if isinstance(written, str) else next(iter(written.items()))
                rules[2 * place] = {name: {**properties, "on_fail": "refer"}}
    return book.model_copy(update={"stages": stages})


BOOKS = {name: shipped_rulebooks()[name] for name in ("prescreening", "prescreening-strict")}
# The same books with every second rule referring its failures.
BOOKS |= {f"{name}-referring": referring(book) for name, book in BOOKS.items()}

VALUES = {
    "boolean": st.booleans(),
    "integer": st.sampled_from([-1, 0, 1, 2, 3, 6, 18, 30, 700, 5_000_000]),
    "number": st.sampled_from([-0.5, 0.0, 0.2, 0.5, 0.8, 1.0, 2.0]),
    "text": st.sampled_from(["US", "DE", "none", "frozen", "fraud_alert"]),
}
# What a good applicant looks like, so that random rows fail, pass and hang on a few facts only.
GOOD = {
    "is_company": False,
    "customer_found": True,
    "identity_fields_missing": 0,
    "age_years": 40,
    "residence_country": "US",
    "email_verified": True,
    "broken_statement_line": 0,
    "months_covered": 6,
    "statement_age_days": 1,
    "lowest_month_end_balance": 100_000,
    "month_end_balance_cv": 0.1,
    "spending_cv": 0.1,
    "negative_balance_days": 0,
    "returned_payments": 0,
    "accounts_add_up": True,
    "profit_margin": 0.3,
    "revenue_growth": 0.1,
    "debt_service_coverage": 2.0,
    "debt_to_income": 0.2,
    "credit_alert": "none",
    "credit_score": 700,
    "credit_score_factor_1": "Few accounts",
    "revolving_utilisation": 0.1,
    "delinquencies_24m": 0,
    "insolvencies": 0,
    "inquiries_6m": 0,
    "reported_debt_service_coverage": 2.0,
    "reported_debt_to_income": 0.2,
    "covered_borrower": False,
    "covered_borrower_age_days": 0,
    "mapr": 0.24,
    "exposure_with_request": 250_000,
    "list_match_score": 0.1,
    "list_confirmed_score": 0.1,
    "list_age_days": 0,
    "identity_consistent": True,
    "applications_30d": 1,
    "device_risk": 0.1,
    "open_loans": 0,
    "instalment_burden": 0.1,
    "write_offs": 0,
    "instalments_due": 0,
    "worst_days_past_due": 0,
}
CHANGES = st.dictionaries(st.sampled_from(list(CATALOGUE)), st.none(), max_size=6).flatmap(
    lambda names: st.fixed_dictionaries({name: st.none() | VALUES[CATALOGUE[name].type] for name in names})
)
ROWS = CHANGES.map(lambda changes: {**dict.fromkeys(CATALOGUE), **GOOD, **changes})


def of_rows(rows):
    return frame(**{name: [row[name] for row in rows] for name in CATALOGUE})


def test_a_good_applicant_is_approved():
    for book in BOOKS.values():
        evaluation = evaluate(book, of_rows([{**dict.fromkeys(CATALOGUE), **GOOD}]))
        assert [outcome.result for outcome in evaluation.outcomes(0)] == [Result.PASS] * 37
        assert evaluation.verdicts.tolist() == ["approved"]
        assert evaluation.reasons(0) == ()
        assert evaluation.first_failed.tolist() == [-1]


@steady(40)
@given(st.sampled_from(sorted(BOOKS)), st.lists(ROWS, min_size=1, max_size=12))
def test_verdicts_and_reasons_of_many_are_those_of_decide(name, rows):
    book, facts = BOOKS[name], of_rows(rows)
    evaluation = evaluate(book, facts)
    for row in range(len(rows)):
        decision = decide(book, evaluation.check_results(row), asking(REQUESTED, NOW), NOW)
        assert evaluation.verdicts.iloc[row] == decision.verdict
        assert evaluation.reasons(row) == decision.reasons


@steady(15)
@given(st.lists(ROWS, min_size=2, max_size=12))
def test_a_row_says_the_same_alone_and_among_others(rows):
    book = BOOKS["prescreening"]
    together = evaluate(book, of_rows(rows))
    for place, row in enumerate(rows):
        assert evaluate(book, of_rows([row])).outcomes(0) == together.outcomes(place)


@steady(50)
@given(st.sampled_from(sorted(BOOKS)), ROWS, st.sets(st.sampled_from(list(CATALOGUE)), min_size=1))
def test_taking_facts_away_never_approves_and_never_contradicts(name, row, gone):
    less = {**row, **dict.fromkeys(gone)}
    full, poor = (evaluate(BOOKS[name], of_rows([each])) for each in (row, less))
    if full.verdicts.iloc[0] != Verdict.APPROVED:
        assert poor.verdicts.iloc[0] != Verdict.APPROVED
    for known, left in zip(full.outcomes(0), poor.outcomes(0), strict=True):
        assert left.result in {known.result, Result.UNKNOWN}


def test_no_facts_at_all_leave_every_rule_unknown():
    evaluation = evaluate(BOOKS["prescreening"], pd.DataFrame(index=["a", "b"]))
    assert (evaluation.results == 2).all()
    assert evaluation.verdicts.to_dict() == {"a": "referred", "b": "referred"}
    assert evaluate(BOOKS["prescreening-strict"], pd.DataFrame(index=["a"])).verdicts.tolist() == ["rejected"]


def test_no_rows_are_no_trouble():
    evaluation = evaluate(BOOKS["prescreening"], of_rows([]))
    assert evaluation.results.shape == (0, 37)
    assert evaluation.verdicts.tolist() == []
    assert evaluation.principal_reasons.shape == (0, 4)
    assert evaluation.first_failed.tolist() == []


def test_the_first_failed_rule_and_four_reasons_in_book_order():
    bad = {**dict.fromkeys(CATALOGUE), **GOOD, "age_years": 17, "credit_score": 1, "insolvencies": 1, "open_loans": 9}
    worse = {**bad, "write_offs": 1, "device_risk": None}
    evaluation = evaluate(BOOKS["prescreening"], of_rows([worse]))
    assert evaluation.rules[evaluation.first_failed[0]].name == "AdultApplicant"
    codes = [reason.code for reason in evaluation.reasons(0)]
    assert codes == ["under_age", "credit_score_low", "insolvency", "open_loans_many"]


def test_a_reason_that_several_rules_give_counts_once():
    evaluation = evaluate(
        BOOKS["prescreening"],
        of_rows(
            [
                {
                    **dict.fromkeys(CATALOGUE),
                    **GOOD,
                    "device_risk": None,
                    "applications_30d": None,
                    "email_verified": None,
                }
            ]
        ),
    )
    assert [reason.code for reason in evaluation.reasons(0)] == ["contact_unknown", "fraud_check_unavailable"]


def test_a_possible_match_refers_under_either_book_and_is_no_reason_to_reject():
    row = {**dict.fromkeys(CATALOGUE), **GOOD, "list_match_score": 0.8}
    for book in BOOKS.values():
        evaluation = evaluate(book, of_rows([row, {**row, "credit_score": None}]))
        assert evaluation.verdicts.iloc[0] == Verdict.REFERRED
        assert [reason.code for reason in evaluation.reasons(0)] == ["list_match_possible"]
        # Whatever else is unknown goes to the person too.
        assert evaluation.verdicts.iloc[1] == Verdict.REFERRED
        codes = [reason.code for reason in evaluation.reasons(1)]
        assert codes == ["credit_score_missing", "list_match_possible"]


def test_only_the_checks_asked_for_are_run():
    row = of_rows([{**dict.fromkeys(CATALOGUE), **GOOD}])
    evaluation = evaluate(BOOKS["prescreening"], row, ["fraud", "credit_report"])
    assert [result.check for result in evaluation.check_results(0)] == ["credit_report", "fraud"]
    assert len(evaluation.outcomes(0)) == 14
    with pytest.raises(ValueError, match="no verdict without all the checks"):
        _ = evaluation.verdicts
    with pytest.raises(ValueError, match="no verdict without all the checks"):
        _ = evaluation.principal_reasons
    with pytest.raises(ValueError, match="no verdict without all the checks"):
        _ = evaluate(BOOKS["prescreening"], row, []).principal_reasons


def test_a_check_that_the_book_lacks_is_an_error():
    with pytest.raises(KeyError, match="test v1 has no check fraud"):
        evaluate(book_of("NoWriteOff"), frame(), ["fraud"])


def test_check_results_carry_every_fact_of_the_check_as_plain_values():
    facts = compute_facts("customer_information", one_applicant(PERSON))
    (result,) = evaluate(BOOKS["prescreening"], facts, ["customer_information"]).check_results(0)
    assert result.facts == {
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
    assert type(result.facts["age_years"]) is int
    assert type(result.facts["email_verified"]) is bool
    # They survive storage.
    assert type(result).model_validate_json(result.model_dump_json()) == result


@pytest.mark.parametrize("missing", [float("nan"), np.nan, None, pd.NA, float("inf"), -float("inf")])
def test_a_number_that_is_none_is_not_known(missing):
    book = book_of("DebtToIncome: {max_ratio: 0.43}")
    outcome = evaluate(book, frame(debt_to_income=[missing])).outcomes(0)[0]
    assert (outcome.result, outcome.observed) == (Result.UNKNOWN, {"debt_to_income": None})


def test_columns_of_plain_numpy_are_read_as_the_catalogue_says():
    book = book_of("CreditScore: {min_score: 620}", "DeviceRisk: {max_score: 0.5}")
    factors = ["Few accounts"] * 3
    facts = pd.DataFrame(
        {
            "credit_score": [619.0, 620.0, np.nan],
            "credit_score_factor_1": factors,
            "device_risk": [0.5, 0.6, np.nan],
        }
    )
    assert evaluate(book, facts).results.tolist() == [[0, 1], [1, 0], [2, 2]]
    assert evaluate(book, facts).outcomes(0)[0].observed == {"credit_score": 619}


@pytest.mark.parametrize("values", [["high"], [620.5], [object()]])
def test_a_column_of_the_wrong_type_is_an_error(values):
    with pytest.raises(ValueError, match="the fact credit_score is not of type integer"):
        evaluate(book_of("CreditScore: {min_score: 620}"), frame(credit_score=values))


def test_the_frame_is_left_as_it_was():
    facts = pd.DataFrame({"debt_to_income": pd.array([0.5, float("inf")], dtype="Float64")})
    before = facts.copy(deep=True)
    evaluate(book_of("DebtToIncome: {max_ratio: 0.43}"), facts)
    pd.testing.assert_frame_equal(facts, before)


def test_a_rule_that_names_no_fact_is_told_so():
    with pytest.raises(AttributeError, match="no fact is called credit_scor; did you mean credit_score"):
        _ = Facts(Columns(pd.DataFrame())).credit_scor


def test_a_column_that_rules_derive_is_computed_once_and_its_facts_count_as_read_by_each():
    computed = []

    @derived
    def doubled(facts):
        computed.append(1)
        return facts.credit_score + facts.credit_score

    columns = Columns(frame(credit_score=[700]))
    for _ in range(2):
        facts = Facts(columns)
        assert list(doubled(facts)) == [1400]
        assert facts.names_read == ["credit_score"]
    assert len(computed) == 1
