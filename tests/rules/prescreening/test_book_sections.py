"""Not every fail rejects: what the customer can supply is waited for, and less, or a longer term, is offered."""

from datetime import UTC, date, datetime, timedelta

import pytest
from support.applicants import asking, book_of, frame

from rules.core.problems import RulebookError
from rules.prescreening.book import parse_rulebook, shipped_rulebooks
from rules.prescreening.counteroffer import BY_REQUEST
from rules.prescreening.decide import decide, ends_review
from rules.prescreening.engine import evaluate
from rules.prescreening.replay import differences, reevaluated
from underwriting.domain.decision import Verdict
from underwriting.domain.money import Money

RECEIVED = datetime(2025, 6, 1, 12, tzinfo=UTC)
NOW = RECEIVED + timedelta(minutes=1)
REQUESTED = Money(minor=250_000, currency="USD")
ASKED = asking(REQUESTED, RECEIVED)
LAXER = "StatementCoverage: {min_months: 5, max_age_days: 66}"
WAITS = f"incomplete: {{days: 20, again_days: 5, rules: [IdentityComplete, {LAXER}]}}"
OFFERS = "counteroffer: {amounts: [100000, 150000, 200000], terms: [24, 36], min_share: 0.5, days: 30}"
RULES = (
    "IdentityComplete",
    "AdultApplicant: {min_age_years: 18}",
    "StatementCoverage: {min_months: 6, max_age_days: 35}",
    "DebtToIncome: {max_ratio: 0.4}",
    "WithinExposure: {max_total: 2500000}",
)
BOOK = book_of(*RULES, more=[WAITS, OFFERS])
STRICT = book_of(*RULES, more=[WAITS, OFFERS], on_unknown="reject")
GOOD = {
    "identity_fields_missing": 0,
    "age_years": 40,
    "months_covered": 6,
    "statement_age_days": 1,
    "debt_to_income": 0.3,
    "exposure_with_request": 250_000,
}


def results(book=BOOK, checks=None, alternatives=None, **changes):
    facts = {**GOOD, **changes}
    heard = evaluate(book, frame(**{name: [value] for name, value in facts.items()}), checks).check_results(0)
    return [each.model_copy(update={"alternatives": (alternatives or {}).get(each.check, ())}) for each in heard]


def made(book=BOOK, application=ASKED, now=NOW, **changes):
    return decide(book, results(book, **changes), application, now)


def codes(decision):
    return [reason.code for reason in decision.reasons]


# Incomplete.


def test_a_customer_whom_the_user_service_does_not_have_ends_the_review_at_once():
    nobody = frame(customer_found=[False])
    for name, verdict in {"prescreening": Verdict.INCOMPLETE, "prescreening-strict": Verdict.REJECTED}.items():
        book = shipped_rulebooks()[name]
        first = evaluate(book, nobody, ["customer_information"]).check_results(0)
        assert ends_review(book, first)
        decision = decide(book, first, ASKED, NOW)
        assert (decision.verdict, codes(decision)) == (verdict, ["customer_not_found"])


def test_what_the_customer_can_supply_is_waited_for_and_named():
    decision = made(identity_fields_missing=2, identity_missing="birth date, street")
    assert (decision.verdict, decision.approved, codes(decision)) == (Verdict.INCOMPLETE, None, ["identity_incomplete"])
    assert [(each.code, each.what) for each in decision.missing] == [("identity_incomplete", "birth date, street")]
    assert decision.respond_by == NOW + timedelta(days=20)
    assert decision.notice_due == date(2025, 7, 1), "30 days after the receipt"


@pytest.mark.parametrize(
    ("months", "age", "verdict"),
    [
        (6, 35, Verdict.APPROVED),
        (5, 36, Verdict.INCOMPLETE),
        (5, 66, Verdict.INCOMPLETE),
        (5, 67, Verdict.REJECTED),
        (4, 36, Verdict.REJECTED),
        (None, 35, Verdict.REFERRED),
    ],
)
def test_one_late_statement_is_waited_for_but_not_a_young_account(months, age, verdict):
    assert made(months_covered=months, statement_age_days=age).verdict is verdict


def test_any_other_fault_rejects():
    decision = made(identity_fields_missing=1, age_years=17)
    assert (decision.verdict, codes(decision)) == (Verdict.REJECTED, ["identity_incomplete", "under_age"])
    assert (decision.missing, decision.respond_by) == ((), None)


def test_an_unknown_beside_it_is_heard_again_later_unless_it_rejects():
    assert made(identity_fields_missing=1, age_years=None).verdict is Verdict.INCOMPLETE
    assert made(STRICT, identity_fields_missing=1, age_years=None).verdict is Verdict.REJECTED


@pytest.mark.parametrize(
    ("now", "verdict"),
    [(-1, Verdict.INCOMPLETE), (0, Verdict.REJECTED), (1, Verdict.REJECTED)],
)
def test_at_its_deadline_it_is_rejected_for_what_is_still_missing(now, verdict):
    until = RECEIVED + timedelta(days=20)
    # The customer answered in between, and it still was not complete.
    waited = asking(REQUESTED, RECEIVED, respond_by=until, completed_on=date(2025, 6, 16))
    decision = made(application=waited, now=until + timedelta(seconds=now), identity_fields_missing=1)
    assert (decision.verdict, decision.notice_due) == (verdict, date(2025, 7, 1))
    assert decision.respond_by == (until if verdict is Verdict.INCOMPLETE else None), "the deadline never moves"


def test_after_the_customers_answer_the_time_runs_from_there():
    answered = asking(REQUESTED, RECEIVED, respond_by=RECEIVED, completed_on=date(2025, 6, 11))
    assert made(application=answered, age_years=17).notice_due == date(2025, 7, 11)


def test_it_is_reviewed_again_every_few_days_and_at_its_deadline():
    first = made(identity_fields_missing=1)
    assert BOOK.wake_at(first) == NOW + timedelta(days=5)
    late = made(application=asking(REQUESTED, RECEIVED, respond_by=NOW + timedelta(days=2)), identity_fields_missing=1)
    assert BOOK.wake_at(late) == NOW + timedelta(days=2)
    assert BOOK.wake_at(made(age_years=17)) is None


@pytest.mark.parametrize("rows", [[{}], [{"identity_fields_missing": 1}, {"months_covered": 5}, {"months_covered": 4}]])
def test_many_at_once_come_to_the_same(rows):
    facts = [{**GOOD, **row} for row in rows]
    batch = evaluate(BOOK, frame(**{name: [row[name] for row in facts] for name in GOOD}))
    assert batch.verdicts.tolist() == [made(**row).verdict for row in rows]


# Counteroffer. The alternatives, best first: 2,500 over 36 months, 2,000 and 1,500, over 24 and 36 months each.


WITHIN = ({"exposure_with_request": 200_000},) * 5


def of_dti(*ratios):
    return tuple({"debt_to_income": ratio} for ratio in ratios)


def both(*ratios):
    return {"financial_statements": of_dti(*ratios), "internal_exposure": WITHIN}


def offered(*ratios, **changes):
    return made(alternatives=both(*ratios), debt_to_income=0.45, **changes)


def test_the_alternatives_are_the_highest_amounts_with_the_shortest_terms_first():
    found = [(offer.amount.minor, offer.term_months) for offer in BOOK.alternatives(ASKED)]
    assert found == [(250_000, 36), (200_000, 24), (200_000, 36), (150_000, 24), (150_000, 36)]
    asked = BOOK.requested(ASKED)
    assert all(offer.instalment.minor <= asked.instalment.minor for offer in BOOK.alternatives(ASKED))
    assert book_of(*RULES).alternatives(ASKED) == ()


@pytest.mark.parametrize(
    ("ratios", "amount", "months"),
    [
        ((0.4, 0.3, 0.3, 0.3, 0.3), 250_000, 36),
        ((0.41, 0.4, 0.3, 0.3, 0.3), 200_000, 24),
        ((0.41, 0.41, 0.41, 0.41, 0.4), 150_000, 36),
    ],
)
def test_the_best_alternative_that_passes_is_offered(ratios, amount, months):
    decision = offered(*ratios)
    assert (decision.verdict, decision.approved, codes(decision)) == (
        Verdict.COUNTEROFFER,
        None,
        ["obligations_excessive"],
    )
    assert decision.offer is not None
    assert (decision.offer.amount.minor, decision.offer.term_months) == (amount, months)
    assert decision.respond_by == NOW + timedelta(days=30) == BOOK.wake_at(decision)
    assert decision.notice_due == date(2025, 7, 1), "a counteroffer, too, is told within 30 days of the receipt"


@pytest.mark.parametrize("ratio", [0.41, None])
def test_where_none_passes_the_request_is_rejected(ratio):
    assert offered(*[ratio] * 5).verdict is Verdict.REJECTED


@pytest.mark.parametrize("changes", [{"age_years": 17}, {"age_years": None}, {"months_covered": 5}])
def test_nothing_is_offered_where_something_else_fails_or_is_unknown(changes):
    assert offered(*[0.1] * 5, **changes).verdict is Verdict.REJECTED


def test_every_rule_that_hangs_on_the_request_has_to_pass_the_same_alternative():
    totals = (2_600_000, 2_600_000, 2_600_000, 2_500_000, 2_400_000)
    exposures = tuple({"exposure_with_request": total} for total in totals)
    alternatives = {"financial_statements": of_dti(0.3, 0.3, 0.3, 0.41, 0.3), "internal_exposure": exposures}
    decision = made(alternatives=alternatives, debt_to_income=0.45, exposure_with_request=2_600_000)
    assert decision.offer is not None
    assert (decision.offer.amount.minor, decision.offer.term_months) == (150_000, 36)
    assert codes(decision) == ["obligations_excessive", "exposure_limit"]


def test_a_check_whose_alternatives_nobody_looked_at_offers_nothing():
    alternatives = {"financial_statements": of_dti(*[0.1] * 5)}
    for exposure in (250_000, 2_600_000):
        decision = made(alternatives=alternatives, debt_to_income=0.45, exposure_with_request=exposure)
        assert decision.verdict is Verdict.REJECTED


def test_a_review_goes_on_while_an_alternative_may_pass():
    part = ["financial_statements"]
    alone = results(checks=part, debt_to_income=0.45)
    assert ends_review(BOOK, alone)
    for ratio, ended in ((0.41, True), (0.4, False), (None, False)):
        heard = results(checks=part, debt_to_income=0.45, alternatives={part[0]: of_dti(0.41, 0.41, 0.41, 0.41, ratio)})
        assert ends_review(BOOK, heard) is ended


def test_the_same_offer_follows_from_what_was_kept():
    kept = results(alternatives=both(0.41, 0.4, 0, 0, 0), debt_to_income=0.45)
    kept = [type(each).model_validate_json(each.model_dump_json()) for each in kept]
    then, again = decide(BOOK, kept, ASKED, NOW), reevaluated(BOOK, kept)
    assert differences(then, kept, decide(BOOK, again, ASKED, NOW), again) == []
    moved = results(alternatives=both(*[0.4] * 5), debt_to_income=0.45)
    (drift,) = differences(then, kept, decide(BOOK, moved, ASKED, NOW), moved)
    assert (drift.place, drift.now.startswith("2,500.00 USD over 36 months")) == ("offer", True)


def test_the_facts_that_hang_on_the_request():
    assert {
        "debt_service_coverage",
        "debt_to_income",
        "exposure_with_request",
        "instalment_burden",
    } <= BY_REQUEST


# The book says so.


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (
            "incomplete: {days: 20, again_days: 5, rules: [NoWriteOff]}",
            "incomplete: rules: row 1: NoWriteOff: is in no stage; add it to one, or take it out here",
        ),
        ("incomplete: {days: 0, again_days: 5, rules: [IdentityComplete]}", "days"),
        ("counteroffer: {amounts: [2, 1], terms: [], min_share: 0.5, days: 30}", "amounts have to ascend"),
        ("counteroffer: {amounts: [], terms: [], min_share: 0.5, days: 30}", "there is nothing to offer"),
        ("counteroffer: {amounts: [1], terms: [], min_share: 0.5, days: 91}", "days"),
    ],
)
def test_a_mistake_is_named(more, why):
    with pytest.raises(RulebookError, match=why):
        book_of(*RULES, more=[more])


def test_a_book_without_these_keys_keeps_its_text_and_one_with_them_is_read_back():
    plain = book_of(*RULES)
    assert "incomplete" not in plain.text
    assert "counteroffer" not in plain.text
    for book in (plain, BOOK, shipped_rulebooks()["prescreening"]):
        assert parse_rulebook(book.text).ref == book.ref
