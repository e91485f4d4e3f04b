"""What the books come to: precedence in every combination, amounts, reasons."""

from datetime import date, timedelta
from functools import cache
from itertools import product

import pytest
from support.eligibility import GOOD, NOW, PROFILE, book_of, codes, judged, profile_of, results_of

from rules.eligibility.book import shipped_eligibility_books
from rules.eligibility.decide import decide
from underwriting.domain.application import Product
from underwriting.domain.decision import Result, Verdict
from underwriting.domain.eligibility import Eligibility

APPROVED, REJECTED, REFERRED = Verdict.APPROVED, Verdict.REJECTED, Verdict.REFERRED
ALL = (1000, 2000, 3000, 4000, 5000, 8000, 10_000, 20_000)
# How a book of one rule says what it says: its rule, the fact, and `on_unknown`.
STATES = {
    "pass": ("AgeOfAccount: {min_age: 400}", "refer"),
    "fail": ("AgeOfAccount: {min_age: 401}", "refer"),
    "refer": ("FeedFreshness: {max_hours: 1}", "refer"),
    "reject": ("FeedFreshness: {max_hours: 1}", "reject"),
}
UNKNOWN = {"feed_age_hours": None}


@pytest.mark.parametrize(("state", "due"), [("pass", None), ("fail", date(2026, 3, 30)), ("refer", date(2026, 3, 30))])
def test_notice_is_due_from_the_request_however_late_it_is_decided(state, due):
    book = in_state(state, 1, superseding=False)
    results = results_of(book, **UNKNOWN)
    requested_on = NOW.date() - timedelta(days=2)
    made = decide(Product.FLOAT, [book], results, PROFILE, 100_000, GOOD, NOW, requested_on=requested_on)
    assert made.notice_due == due


@cache
def in_state(state, number, superseding):
    rule, on_unknown = STATES[state]
    kind = "safety" if superseding else "regular"
    name = f"{kind}-{number}"
    return book_of(rule, name=name, superseding=superseding, on_unknown=on_unknown, priority=number)


# One superseding book in each row, one regular book in each column.
TABLE = """
            -         pass      fail      refer     reject
-           referred  approved  rejected  referred  rejected
pass        referred  approved  rejected  referred  rejected
fail        rejected  rejected  rejected  rejected  rejected
refer       referred  referred  rejected  referred  rejected
reject      rejected  rejected  rejected  rejected  rejected
"""
CELLS = [
    (row.split()[0], column, verdict)
    for row in TABLE.strip().splitlines()[1:]
    for column, verdict in zip(TABLE.split()[:5], row.split()[1:], strict=True)
]


@pytest.mark.parametrize(("superseding", "regular", "verdict"), CELLS)
def test_precedence_of_one_and_one(superseding, regular, verdict):
    books = [in_state(superseding, 1, superseding=True)] if superseding != "-" else []
    books += [in_state(regular, 2, superseding=False)] if regular != "-" else []
    assert judged(*books, **UNKNOWN).verdict == verdict


def up_to_two():
    return [states for count in range(3) for states in product(STATES, repeat=count)]


@pytest.mark.parametrize("superseding", up_to_two(), ids="+".join)
@pytest.mark.parametrize("regular", up_to_two(), ids="+".join)
def test_precedence_of_up_to_two_and_two(superseding, regular):
    books = [in_state(state, number, superseding=True) for number, state in enumerate(superseding)]
    books += [in_state(state, number, superseding=False) for number, state in enumerate(regular)]
    made = judged(*books, **UNKNOWN)
    assert made.verdict is expected(superseding, regular)
    decides = f"regular-{regular.index('pass')}" if made.verdict is APPROVED else None
    assert (made.deciding and made.deciding.name) == decides
    assert bool(made.approved_amounts) is (made.verdict is APPROVED)
    assert bool(made.reasons) is (made.verdict is not APPROVED)
    assert made.notice_due == (None if made.verdict is APPROVED else date(2026, 4, 1))
    # Every book's result is kept, also of those after the one that decides.
    assert [each.rulebook.name for each in made.books] == [
        *(f"safety-{number}" for number in range(len(superseding))),
        *(f"regular-{number}" for number in range(len(regular))),
    ]


def expected(superseding, regular):
    """The rules of precedence, as they are written: unknown that rejects is as good as a fail."""
    against = {"fail", "reject"}
    if against & set(superseding) or (regular and set(regular) <= against):
        return REJECTED
    if set(superseding) <= {"pass"} and "pass" in regular:
        return APPROVED
    return REFERRED


def test_the_first_that_passes_by_priority_decides_whatever_the_order_given():
    late = book_of("GoodStanding", name="late", priority=20, offers=[1000])
    soon = book_of("GoodStanding", name="soon", priority=10, offers=[2000])
    for books in ((late, soon), (soon, late)):
        made = judged(*books)
        assert (made.deciding.name, made.approved_amounts) == ("soon", (2000,))
        assert [each.rulebook.name for each in made.books] == ["soon", "late"]


SCORE_50 = "CashAdvanceScore: {min_cash_advance_score: 700, loan_amount_window: 5000}"
SCORE_100 = "CashAdvanceScore: {min_cash_advance_score: 700, loan_amount_window: 10000}"


@pytest.mark.parametrize(
    ("rules", "offers", "limit", "cap", "amounts"),
    [
        (["GoodStanding"], ALL, 20_000, 100_000, ALL),
        # The tiers of the profile.
        (["GoodStanding"], ALL, 2_000, 100_000, (1000, 2000)),
        # What the book offers.
        (["GoodStanding"], (2000, 3000), 20_000, 100_000, (2000, 3000)),
        # What a rule of it allows: up to its bracket.
        ([SCORE_50], ALL, 20_000, 100_000, ALL[:5]),
        ([SCORE_100], ALL, 20_000, 100_000, ALL[:7]),
        # What the user can afford: below, at and above a tier with its fee.
        (["GoodStanding"], ALL, 20_000, 5_499, ALL[:4]),
        (["GoodStanding"], ALL, 20_000, 5_500, ALL[:5]),
        (["GoodStanding"], ALL, 20_000, 5_501, ALL[:5]),
        (["GoodStanding"], ALL, 20_000, 2_000, ALL[:1]),
        (["GoodStanding"], ALL, 20_000, 2_300, ALL[:2]),
        # The lowest of all counts.
        ([SCORE_50], ALL, 4_000, 3_400, ALL[:3]),
    ],
)
def test_approved_amounts(rules, offers, limit, cap, amounts):
    book = book_of(*rules, offers=list(offers))
    made = judged(book, cap=cap, profile=profile_of(limit))
    assert (made.verdict, made.approved_amounts, made.affordability_cap) == (APPROVED, amounts, cap)


@pytest.mark.parametrize(
    ("given", "verdict", "code"),
    [
        ({"cap": 1_099}, REJECTED, "amount_unaffordable"),
        ({"cap": 0}, REJECTED, "amount_unaffordable"),
        ({"cap": None}, REFERRED, "limit_affordability_unknown"),
        ({"profile": profile_of(0)}, REJECTED, "no_amount_enabled"),
        # What the profile lacks is certain, whatever can be afforded.
        ({"profile": profile_of(0), "cap": None}, REJECTED, "no_amount_enabled"),
        ({"profile": profile_of(paused=frozenset({Product.FLOAT}))}, REJECTED, "product_paused"),
    ],
)
def test_an_approval_without_an_amount_is_none(given, verdict, code):
    made = judged(book_of("GoodStanding"), **given)
    assert (made.verdict, codes(made), made.approved_amounts) == (verdict, [code], ())


def test_what_is_affordable_is_asked_of_the_deciding_book_where_it_is_not_known():
    made = judged(book_of("GoodStanding", on_unknown="reject"), cap=None)
    assert (made.verdict, codes(made)) == (REJECTED, ["limit_affordability_unknown"])


def test_a_pause_holds_for_its_product_alone():
    paused = profile_of(paused=frozenset({Product.LOAN}))
    assert judged(book_of("GoodStanding"), profile=paused).verdict is APPROVED


def test_no_amount_goes_above_what_an_unknown_book_before_the_deciding_one_would_have_allowed():
    before = book_of("FeedFreshness: {max_hours: 1}", SCORE_50, name="before", priority=1)
    deciding = book_of("GoodStanding", name="deciding", priority=2)
    assert judged(before, deciding).approved_amounts == ALL
    made = judged(before, deciding, feed_age_hours=None)
    assert (made.deciding.name, made.approved_amounts) == ("deciding", ALL[:5])
    # Where its rules cannot pass any more, it would not have decided.
    explained = {"cash_advance_score_to_50": 1, "score_factor_1": "Income varies"}
    assert judged(before, deciding, feed_age_hours=None, **explained).approved_amounts == ALL
    # A book after the deciding one is not asked.
    after = book_of("FeedFreshness: {max_hours: 1}", SCORE_50, name="zlast", priority=2)
    assert judged(deciding, after, feed_age_hours=None).approved_amounts == ALL


def test_where_that_leaves_no_amount_a_person_looks():
    before = book_of("FeedFreshness: {max_hours: 1}", name="before", priority=1, offers=[20_000])
    deciding = book_of("GoodStanding", name="deciding", priority=2, offers=[1000])
    assert judged(before, deciding, feed_age_hours=None).approved_amounts == (1000,)
    small = profile_of(1000)
    made = judged(before, deciding, feed_age_hours=None, profile=small)
    assert (made.verdict, codes(made)) == (REFERRED, ["feed_freshness_unknown"])
    assert judged(before, deciding, profile=small).verdict is APPROVED


STUDENTS = "{segments: [student]}"


@pytest.mark.parametrize("superseding", [True, False])
def test_a_book_for_a_segment_that_is_not_known_counts_as_unknown(superseding):
    book = book_of("GoodStanding", name="students", superseding=superseding, applies_to=STUDENTS)
    made = judged(book, segment=None)
    expected = ["segment_unknown"] if not superseding else ["no_rulebook_applies"]
    assert (made.verdict, codes(made)) == (REFERRED, expected)
    assert (made.books[0].result, made.books[0].certain) == (Result.UNKNOWN, False)
    # It is run all the same.
    assert made.books[0].outcomes[0].result is Result.PASS
    everybody = book_of("GoodStanding", name="everybody")
    assert judged(book, everybody, segment=None).verdict is (REFERRED if superseding else APPROVED)
    assert judged(book, everybody, segment="student").verdict is APPROVED
    assert judged(book, everybody, segment="consumer").verdict is APPROVED


def test_a_superseding_book_never_drops_out_because_its_flag_is_not_known():
    safety = book_of("GoodStanding", name="safety", superseding=True, applies_to="{flag: strict}")
    made = judged(safety, book_of("GoodStanding", name="regular"))
    assert (made.verdict, codes(made)) == (REFERRED, ["flag_unknown"])
    assert (made.books[0].result, made.books[0].certain) == (Result.UNKNOWN, False)


def test_an_unknown_segment_opens_no_more_than_the_book_before_might_have():
    few = book_of("GoodStanding", name="few", priority=1, applies_to=STUDENTS, offers=[1000])
    many = book_of("GoodStanding", name="many", priority=2)
    assert judged(few, many, segment="consumer").approved_amounts == ALL
    assert judged(few, many, segment="student").approved_amounts == (1000,)
    assert judged(few, many, segment=None).approved_amounts == (1000,)


def test_the_arm_is_kept_with_the_evaluation():
    arm = "{experiment: {name: trial, arm: all, shares: {all: 1}}}"
    made = judged(book_of("GoodStanding", applies_to=arm))
    assert (made.arm, made.books[0].arm) == ("all", "all")


GREY = "NotListed: {min_match_score: 0.9, grey_match_score: 0.7}"


def test_a_possible_match_is_for_a_person_even_where_the_book_rejects_what_is_unknown():
    safety = book_of(GREY, "FeedFreshness: {max_hours: 72}", name="safety", superseding=True, on_unknown="reject")
    regular = book_of("GoodStanding")
    made = judged(safety, regular, list_match_score=0.8)
    assert (made.verdict, codes(made)) == (REFERRED, ["list_match_possible"])
    made = judged(safety, regular, list_match_score=0.8, feed_age_hours=None)
    assert (made.verdict, codes(made)) == (REJECTED, ["feed_freshness_unknown"])


@pytest.mark.parametrize("on_unknown", ["refer", "reject"])
@pytest.mark.parametrize("superseding", [True, False])
@pytest.mark.parametrize(("age", "verdict", "reasons"), [(60, APPROVED, []), (59, REFERRED, ["account_young"])])
def test_a_failure_that_the_book_refers_goes_to_a_person(on_unknown, superseding, age, verdict, reasons):
    lenient = book_of("AgeOfAccount: {min_age: 60, on_fail: refer}", superseding=superseding, on_unknown=on_unknown)
    books = [lenient, book_of("GoodStanding", name="regular")] if superseding else [lenient]
    made = judged(*books, history_days=age)
    assert (made.verdict, codes(made)) == (verdict, reasons)


def test_a_failure_that_rejects_wins_over_one_that_the_book_refers():
    made = judged(
        book_of("AgeOfAccount: {min_age: 60, on_fail: refer}", "GoodStanding"), history_days=1, good_standing=False
    )
    assert (made.verdict, codes(made)) == (REJECTED, ["standing_bad"])


OLD, RICH = "AgeOfAccount: {min_age: 500}", "MinimumIncome: {min_monthly: 999999}"
NEW = "FloatRank: {min_float_rank: 0, max_float_rank: 1}"


def test_reasons_come_from_superseding_books_and_the_regular_one_nearest_to_passing():
    safety = book_of("GoodStanding", name="safety", superseding=True)
    one = book_of(OLD, RICH, name="one", priority=1)
    two = book_of(NEW, RICH, "LinkedAccounts: {max_accounts: 0}", name="two", priority=2)
    assert codes(judged(safety, one, two)) == ["account_young", "income_low"]
    assert codes(judged(safety, one, two, good_standing=False)) == ["standing_bad", "account_young", "income_low"]
    # Fewer rules failed of the later book.
    assert codes(judged(safety, one, two, history_days=1, float_rank=0, linked_accounts=0)) == ["income_low"]
    # As many of both: the first by priority.
    assert codes(judged(safety, two, one, linked_accounts=0)) == ["account_young", "income_low"]
    # A superseding book that fails is the whole reason where a regular one passes.
    passing = book_of("GoodStanding", name="passing")
    assert codes(judged(safety, one, book_of("AgeOfAccount: {min_age: 1}", name="x"), good_standing=False)) == [
        "standing_bad"
    ]
    assert judged(one, passing).verdict is APPROVED


@pytest.mark.parametrize("transactions", [9.9, 10.0])
def test_a_newcomer_who_fails_one_rule_of_one_book_is_told_of_that_rule(transactions):
    """By the shipped books: the others ask for more, and for advances that nobody should have to take."""
    changes = {"float_rank": 0, "float_count": 0, "renewals_paid": 0, "renewals_in_a_row": 0,
               "days_since_renewal": None, "competitor_advances_90d": 0,
               "competitor_repayments_90d": 0, "competitor_borrowed_90d": 0, "competitor_repaid_90d": 0,
               "transactions_per_month": transactions}  # fmt: skip
    names = ("float-safety", "float-stringent", "float-switchers", "float-standard")
    books = [shipped_eligibility_books()[name] for name in names]
    made = judged(*[book.model_copy(update={"applies_to": {}}) for book in books], **changes)
    assert codes(made) == (["transactions_few"] if transactions < 10 else [])
    assert made.verdict is (REJECTED if transactions < 10 else APPROVED)


def test_at_most_four_reasons_each_once():
    rules = ["AgeOfAccount: {min_age: 500}", "TransactionRecency: {max_days: 0}", "LinkedAccounts: {max_accounts: 0}",
             "FloatRank: {min_float_rank: 0, max_float_rank: 1}", "MinimumIncome: {min_monthly: 999999}"]  # fmt: skip
    made = judged(book_of(*rules, name="one"), book_of(*rules, name="two"))
    assert codes(made) == ["account_young", "transactions_old", "linked_accounts_many", "float_rank_outside"]


def test_what_failed_is_said_before_what_is_not_known():
    known = book_of("AgeOfAccount: {min_age: 500}", name="known", priority=2)
    unknown = book_of("FeedFreshness: {max_hours: 1}", name="unknown", priority=1, on_unknown="reject")
    made = judged(known, unknown, feed_age_hours=None)
    assert (made.verdict, codes(made)) == (REJECTED, ["account_young"])
    safety = [book.model_copy(update={"superseding": True, "offers": []}) for book in (unknown, known)]
    made = judged(*safety, feed_age_hours=None)
    assert (made.verdict, codes(made)) == (REJECTED, ["account_young", "feed_freshness_unknown"])


def test_results_of_other_books_products_and_currencies_are_refused():
    book = book_of("GoodStanding")
    with pytest.raises(ValueError, match="result of test v1, and no such book"):
        decide(Product.FLOAT, [], results_of(book), profile_of(), 1000, {}, NOW)
    with pytest.raises(ValueError, match="test v1 judges a float in USD, not a loan in USD"):
        judged(book, product=Product.LOAN)
    with pytest.raises(ValueError, match="test v1 judges a float in USD, not a float in EUR"):
        judged(book, profile=profile_of(currency="EUR"))


def test_an_evaluation_survives_storage():
    safety = book_of(GREY, name="safety", superseding=True)
    made = judged(safety, book_of(SCORE_50, "AgeOfAccount: {min_age: 500}"), list_match_score=0.8)
    assert Eligibility.model_validate_json(made.model_dump_json()) == made


@pytest.mark.parametrize(
    ("rule", "code", "low"),
    [
        (SCORE_50, "cash_advance_score_low", {"cash_advance_score_to_50": 699}),
        ("MlPaybackPrediction: {min_prediction_score: 0.5, max_float_count: 9}", "payback_unlikely",
         {"payback_prediction": 0.49}),
        ("MlPaybackPredictionVariableThreshold: {low_float_threshold: 0.5, high_float_threshold: 0.5,"
         " min_float_count_for_high_threshold: 3}", "payback_below_threshold", {"payback_prediction": 0.49}),
    ],
)  # fmt: skip
def test_a_score_that_is_too_low_names_what_lowered_it(rule, code, low):
    factors = {"score_factor_1": "Short history", "score_factor_2": "Low balance before pay"}
    (found,) = judged(book_of(rule), **low, **factors).reasons
    assert (found.code, found.key_factors) == (code, ("Short history", "Low balance before pay"))
    assert found.sentence.endswith(" What lowered it: Short history; Low balance before pay.")
    # A failure of another kind has no factors, and one without factors keeps its sentence.
    (other,) = judged(book_of("AgeOfAccount: {min_age: 500}"), **factors).reasons
    assert (other.key_factors, "lowered" in other.sentence) == ((), False)
    (bare,) = judged(book_of(rule), **low).reasons
    assert (bare.key_factors, bare.model_dump().keys()) == ((), {"code", "sentence"})
