"""What outcomes come to."""

from datetime import UTC, date, datetime

import pytest
from support.applicants import asking, book_of, frame

from rules.core.reasons import REASONS
from rules.prescreening.checks.credit_report import ALERTS
from rules.prescreening.decide import decide, ends_review, unknown_result
from rules.prescreening.engine import evaluate
from underwriting.domain.decision import Result, Verdict
from underwriting.domain.money import Money

NOW = datetime(2025, 6, 15, 23, 59, tzinfo=UTC)
REQUESTED = Money(minor=250_000, currency="USD")
# Received a while before it is decided.
ASKED = asking(REQUESTED, datetime(2025, 6, 10, 23, 59, tzinfo=UTC))
RULES = (
    "AdultApplicant: {min_age_years: 18}",
    "CreditScore: {min_score: 620}",
    "NoInsolvency",
    "NotListed: {min_match_score: 0.9, grey_match_score: 0.7}",
)
REFER, REJECT = book_of(*RULES), book_of(*RULES, on_unknown="reject")
GOOD = {
    "age_years": 40,
    "credit_score": 700,
    "credit_score_factor_1": "Few accounts",
    "insolvencies": 0,
    "list_match_score": 0.0,
    "list_confirmed_score": 0.0,
}


def results(book, checks=None, **changes):
    row = {**GOOD, **changes}
    return evaluate(book, frame(**{name: [value] for name, value in row.items()}), checks).check_results(0)


def decision(book, checks=None, **changes):
    return decide(book, results(book, checks, **changes), ASKED, NOW)


def codes(made):
    return [reason.code for reason in made.reasons]


@pytest.mark.parametrize("book", [REFER, REJECT], ids=["refer", "reject"])
def test_all_passing_approves_the_request(book):
    made = decision(book)
    assert (made.verdict, made.approved, made.reasons, made.notice_due) == (Verdict.APPROVED, REQUESTED, (), None)
    assert (made.rulebook, made.decided_at, made.decided_by) == (book.ref, NOW, "rulebook")


@pytest.mark.parametrize("book", [REFER, REJECT], ids=["refer", "reject"])
def test_a_fail_rejects_with_its_reasons_and_a_notice_thirty_days_after_the_receipt(book):
    made = decision(book, credit_score=600, insolvencies=1, age_years=None)
    assert (made.verdict, made.approved) == (Verdict.REJECTED, None)
    assert codes(made) == ["credit_score_low", "insolvency"]
    assert made.reasons[0] == REASONS["credit_score_low"].because_of(["Few accounts"])
    assert made.notice_due == date(2025, 7, 10)


def test_an_unknown_does_what_the_book_says():
    assert (decision(REFER, age_years=None).verdict, codes(decision(REFER, age_years=None))) == (
        Verdict.REFERRED,
        ["age_unknown"],
    )
    rejected = decision(REJECT, age_years=None)
    assert (rejected.verdict, codes(rejected)) == (Verdict.REJECTED, ["age_unknown"])
    assert rejected.notice_due == date(2025, 7, 10)


def test_a_referral_owes_notice_thirty_days_after_the_receipt_whoever_decides():
    made = decision(REFER, age_years=None)
    assert (made.verdict, made.notice_due) == (Verdict.REFERRED, date(2025, 7, 10))


def test_a_possible_match_refers_even_where_the_book_rejects_unknowns():
    assert decision(REJECT, list_match_score=0.8).verdict is Verdict.REFERRED
    both = decision(REJECT, list_match_score=0.8, age_years=None)
    assert (both.verdict, codes(both)) == (Verdict.REFERRED, ["age_unknown", "list_match_possible"])
    assert decision(REJECT, list_match_score=0.8, age_years=17).verdict is Verdict.REJECTED
    assert not ends_review(REJECT, results(REJECT, list_match_score=0.8, age_years=None))
    assert codes(decision(REFER, list_match_score=0.8, age_years=None)) == ["age_unknown", "list_match_possible"]


@pytest.mark.parametrize(("book", "verdict"), [(REFER, Verdict.REFERRED), (REJECT, Verdict.REJECTED)])
def test_a_rule_without_an_outcome_never_approves(book, verdict):
    made = decision(book, checks=["customer_information", "credit_report"])
    assert (made.verdict, codes(made)) == (verdict, ["list_screening_unavailable"])
    assert decide(book, [], ASKED, NOW).verdict is verdict


def test_a_review_that_was_settled_early_is_reasoned_by_what_settled_it():
    failed = decision(REFER, checks=["customer_information"], age_years=17)
    assert (failed.verdict, codes(failed)) == (Verdict.REJECTED, ["under_age"])
    unknown = decision(REJECT, checks=["customer_information"], age_years=None)
    assert (unknown.verdict, codes(unknown)) == (Verdict.REJECTED, ["age_unknown"])


def test_reasons_are_in_book_order_whatever_the_order_of_the_results():
    given = results(REFER, credit_score=600, age_years=17)
    assert codes(decide(REFER, given[::-1], ASKED, NOW)) == ["under_age", "credit_score_low"]


def test_at_most_four_reasons_each_once():
    book = book_of(
        "IdentityComplete",
        *RULES,
        "Delinquencies: {max_24m: 0}",
        "Inquiries: {max_6m: 0}",
        "IdentityConsistent",
        "DeviceRisk: {max_score: 1}",
        "NoWriteOff",
    )
    made = decide(book, [], ASKED, NOW)
    assert codes(made) == ["identity_unknown", "age_unknown", "credit_score_missing", "credit_report_unavailable"]


@pytest.mark.parametrize(
    ("changes", "refer", "reject"),
    [
        ({}, False, False),
        ({"age_years": 17}, True, True),
        ({"age_years": None}, False, True),
        ({"list_match_score": 0.8}, False, False),
        ({"list_match_score": 1.0, "list_confirmed_score": 0.89}, False, False),
        ({"list_match_score": 0.9, "list_confirmed_score": 0.9}, True, True),
    ],
)
def test_what_settles_a_review(changes, refer, reject):
    assert ends_review(REFER, results(REFER, **changes)) is refer
    assert ends_review(REJECT, results(REJECT, **changes)) is reject


def test_a_source_that_gave_nothing():
    result = unknown_result(REFER, "credit_report", "bureau: timed out", {"credit_score": 700})
    assert result.trouble == "bureau: timed out"
    assert result.facts == {"credit_score": 700}
    assert [(outcome.rule, outcome.result) for outcome in result.outcomes] == [
        ("CreditScore", Result.UNKNOWN),
        ("NoInsolvency", Result.UNKNOWN),
    ]
    assert {outcome.reason for outcome in result.outcomes} == {
        REASONS["credit_score_missing"],
        REASONS["credit_report_unavailable"],
    }
    with pytest.raises(KeyError, match="no check fruad"):
        unknown_result(REFER, "fruad", "down")


def test_outcomes_of_another_book_are_an_error():
    strange = results(book_of("NoWriteOff"), write_offs=0)
    with pytest.raises(ValueError, match="test v1 has no rule NoWriteOff"):
        decide(REFER, strange, ASKED, NOW)


@pytest.mark.parametrize("on_unknown", ["refer", "reject"])
@pytest.mark.parametrize(
    ("score", "verdict", "reasons"),
    [
        (619, Verdict.REFERRED, ["credit_score_low"]),
        (620, Verdict.APPROVED, []),
    ],
)
def test_a_failure_that_the_book_refers_goes_to_a_person_with_its_reason(on_unknown, score, verdict, reasons):
    book = book_of("CreditScore: {min_score: 620, on_fail: refer}", "NoInsolvency", on_unknown=on_unknown)
    made = decision(book, credit_score=score)
    assert (made.verdict, codes(made)) == (verdict, reasons)
    (result,) = results(book, credit_score=score)
    assert not ends_review(book, [result])
    outcome = result.outcomes[0]
    assert (outcome.result, outcome.refers) == ((Result.UNKNOWN, True) if reasons else (Result.PASS, False))


@pytest.mark.parametrize("on_unknown", ["refer", "reject"])
@pytest.mark.parametrize(
    ("score", "factor", "verdict", "reasons"),
    [
        (619, "Few accounts", Verdict.REJECTED, ["credit_score_low"]),
        (619, None, Verdict.REFERRED, ["score_unexplained"]),
        (620, None, Verdict.APPROVED, []),
    ],
)
@pytest.mark.parametrize("on_fail", ["", ", on_fail: refer"])
def test_a_low_score_that_nobody_can_explain_rejects_nobody(on_fail, score, factor, verdict, reasons, on_unknown):
    book = book_of(f"CreditScore: {{min_score: 620{on_fail}}}", "NoInsolvency", on_unknown=on_unknown)
    made = decision(book, credit_score=score, credit_score_factor_1=factor)
    assert codes(made) == reasons
    assert made.verdict is (Verdict.REFERRED if on_fail and reasons else verdict)
    row = {**GOOD, "credit_score": score, "credit_score_factor_1": factor}
    evaluation = evaluate(book, frame(**{name: [value] for name, value in row.items()}))
    assert evaluation.verdicts.tolist() == [made.verdict]
    assert evaluation.reasons(0) == made.reasons


@pytest.mark.parametrize("on_unknown", ["refer", "reject"])
@pytest.mark.parametrize(
    "rule",
    [
        "CreditScore: {min_score: 620}",
        "NoInsolvency",
        "MilitaryLending: {max_mapr: 0.36, max_age_days: 30}",
        "ReportedDebtToIncome: {max_ratio: 0.43}",
    ],
)
@pytest.mark.parametrize(("alert", "code"), [(alert, code) for alert, code in ALERTS.items()] + [("none", None)])
@pytest.mark.parametrize("mapr", [0.36, 0.37])
def test_a_credit_file_with_an_alert_goes_to_a_person_whatever_the_book_asks(rule, alert, code, mapr, on_unknown):
    book = book_of(rule, "AdultApplicant: {min_age_years: 18}", on_unknown=on_unknown)
    military = {"mapr": mapr, "covered_borrower": True, "covered_borrower_age_days": 0}
    # The facts of a file with an alert are not known.
    facts = {"age_years": 40, "credit_alert": alert, "credit_file": "found", **military}
    row = frame(**{name: [value] for name, value in facts.items()})
    made = decide(book, evaluate(book, row).check_results(0), ASKED, NOW)
    assert evaluate(book, row).verdicts.tolist() == [made.verdict]
    if code:
        assert (made.verdict, codes(made)) == (Verdict.REFERRED, [code])
    else:
        assert code not in codes(made)
        assert (made.verdict is Verdict.REFERRED) == (on_unknown == "refer" and "Military" not in rule)


def test_a_failure_that_rejects_wins_over_one_that_refers():
    book = book_of("CreditScore: {min_score: 620, on_fail: refer}", "NoInsolvency")
    made = decision(book, credit_score=600, insolvencies=1)
    assert (made.verdict, codes(made)) == (Verdict.REJECTED, ["insolvency"])


def test_a_missing_fact_is_unknown_for_its_own_reason_where_failures_refer():
    refer, reject = (
        book_of("CreditScore: {min_score: 620, on_fail: refer}", on_unknown=choice) for choice in ("refer", "reject")
    )
    assert (decision(refer, credit_score=None).verdict, codes(decision(refer, credit_score=None))) == (
        Verdict.REFERRED,
        ["credit_score_missing"],
    )
    assert decision(reject, credit_score=None).verdict is Verdict.REJECTED


def test_a_listed_person_is_referred_where_the_book_refers_matches():
    book = book_of("NotListed: {min_match_score: 0.9, grey_match_score: 0.7, on_fail: refer}")
    assert [
        codes(decision(book, list_match_score=score, list_confirmed_score=score)) for score in (0.9, 0.89, 0.69)
    ] == [
        ["list_match"],
        ["list_match_possible"],
        [],
    ]


def test_on_fail_stands_in_the_text_only_where_it_is_said():
    plain, said = book_of("NoInsolvency"), book_of("NoInsolvency: {on_fail: reject}")
    assert plain.ref == said.ref
    assert plain.ref != book_of("NoInsolvency: {on_fail: refer}").ref


def test_the_arm_of_the_rulebooks_experiment_stands_in_the_decision():
    experiment = {"name": "trial", "arm": "b", "shares": {"a": "0.5", "b": "0.5"}}
    book = REFER.model_copy(update={"applies_to": {"experiment": experiment}})
    assert book.ref != REFER.ref
    assert [decision(each).arm for each in (book, REFER)] == ["b", None]
