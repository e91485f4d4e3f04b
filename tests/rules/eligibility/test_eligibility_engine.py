"""Books over one user or many, the same call; and what is not known never approves and never raises an amount."""

from random import Random

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.applicants import frame
from support.eligibility import GOOD, NOW, book_of, profile_of, row_of
from support.examples import steady

from rules.eligibility.book import shipped_eligibility_books
from rules.eligibility.decide import decide
from rules.eligibility.engine import evaluate_books
from rules.eligibility.user import results_for
from rules.facts import USER_FACTS
from rules.limits.affordability import affordability_caps
from rules.limits.policy import shipped_policies
from underwriting.domain.application import Product
from underwriting.domain.decision import Result, Verdict

BOOKS = shipped_eligibility_books()
TERMS = shipped_policies()["cfi"].affordability
VALUES = {
    "boolean": [True, False],
    "integer": [0, 1, 2, 3, 5, 8, 30, 60, 200, 700, 15_000, 130_400],
    "number": [0.0, 0.2, 0.5, 0.7, 0.8, 0.95, 2.0, 10.0, 100.0],
    "text": ["student", "consumer", "prepaid-cards"],
}
# Books that differ in what they ask, offer and allow, so that facts that go away change which one decides.
VARIED = [
    book_of("GoodStanding", "FeedFreshness: {max_hours: 72}", name="safety", superseding=True),
    book_of(
        "OverdraftFees: {max_count: 0}", name="students", priority=0, offers=[1000], applies_to="{segments: [student]}"
    ),
    book_of(
        "FloatRank: {min_float_rank: 3, max_float_rank: 8}",
        "CashAdvanceScore: {min_cash_advance_score: 700, loan_amount_window: 10000}",
        name="first",
        priority=1,
        on_unknown="reject",
    ),
    book_of(
        "LinkedAccounts: {max_accounts: 1}",
        "CashAdvanceScore: {min_cash_advance_score: 500, loan_amount_window: 5000}",
        name="second",
        priority=2,
    ),
    book_of("AgeOfAccount: {min_age: 60}", name="third", priority=3, offers=[2000, 8000, 20_000]),
]
SETS = {
    "float": (Product.FLOAT, [book for book in BOOKS.values() if book.product is Product.FLOAT]),
    "loan": (Product.LOAN, [book for book in BOOKS.values() if book.product is Product.LOAN]),
    "varied": (Product.FLOAT, VARIED),
    # Without a book for everybody, and with little to ask.
    "segmented": (Product.FLOAT, [VARIED[1], VARIED[4]]),
}


def facts_read_by(books):
    """The facts that the books' rules look at, and the segment."""
    results = evaluate_books(books, row_of()).book_results(0)
    return sorted({name for book in results for outcome in book.outcomes for name in outcome.observed} | {"segment"})


def rows_of(names):
    """Good users with a few of these facts changed, or not known."""
    changes = st.lists(st.sampled_from(names), max_size=5, unique=True).flatmap(
        lambda some: st.fixed_dictionaries(
            {name: st.sampled_from([None, *VALUES[USER_FACTS[name].type]]) for name in some}
        )
    )
    segments = st.sampled_from([None, "student", "consumer"])
    return st.tuples(changes, segments).map(lambda drawn: {**GOOD, **drawn[0], "segment": drawn[1]})


READ = {which: facts_read_by(books) for which, (_, books) in SETS.items()}
ROWS = rows_of(sorted(USER_FACTS))
# A set of books, a row, and facts to take away, of those that matter to the books.
LESS = st.sampled_from(sorted(SETS)).flatmap(
    lambda which: st.tuples(
        st.just(which), rows_of(READ[which]), st.sets(st.sampled_from(READ[which]), min_size=1, max_size=4)
    )
)


def of_rows(rows):
    return frame(**{name: [row[name] for row in rows] for name in USER_FACTS})


def judged(which, row, user_id="u-1"):
    """The evaluation of one user as the flow makes it: books, affordability, precedence."""
    product, books = SETS[which]
    cap, names = 35_000, READ[which]
    if which == "float":
        names = list(USER_FACTS)
        (cap,) = affordability_caps(TERMS, of_rows([row]))
        cap = None if cap is pd.NA else int(cap)
    facts = frame(**{name: [row[name]] for name in names})
    return decide(product, books, results_for(books, user_id, facts, {}), profile_of(), cap, row, NOW)


@pytest.mark.parametrize("which", ["float", "loan", "varied"])
def test_a_good_user_is_approved(which):
    made = judged(which, GOOD)
    assert (made.verdict, made.reasons) == (Verdict.APPROVED, ())
    assert made.deciding.name == {"float": "float-stringent", "loan": "loan-standard", "varied": "first"}[which]
    assert made.approved_amounts[-1] >= 10_000


@pytest.mark.parametrize("book", BOOKS.values(), ids=BOOKS)
def test_a_user_who_should_pass_a_shipped_book_does(book):
    newcomer = {"float_rank": 2, "float_count": 2} if book.name == "float-switchers" else {}
    (result,) = evaluate_books([book], row_of(**newcomer)).book_results(0)
    assert [outcome.rule for outcome in result.outcomes if outcome.result is not Result.PASS] == []


@steady(300)
@given(LESS)
def test_taking_facts_away_never_approves_and_never_raises_an_amount(less):
    which, row, gone = less
    full, poor = judged(which, row), judged(which, {**row, **dict.fromkeys(gone)})
    if full.verdict is not Verdict.APPROVED:
        assert poor.verdict is not Verdict.APPROVED
    assert max(poor.approved_amounts, default=0) <= max(full.approved_amounts, default=0)
    said = {book.rulebook: book for book in full.books}
    for book in poor.books:
        if book.rulebook in said:
            for known, left in zip(said[book.rulebook].outcomes, book.outcomes, strict=True):
                assert left.result in {known.result, Result.UNKNOWN}


@steady(60)
@given(st.sampled_from(sorted(SETS)), ROWS, st.randoms(use_true_random=False))
def test_the_order_of_the_books_does_not_matter(which, row, random):
    product, books = SETS[which]
    shuffled = random.sample(books, len(books))
    facts = of_rows([row])
    one, other = (
        decide(product, given, results_for(given, "u-1", facts, {}), profile_of(), 20_000, row, NOW)
        for given in (books, shuffled)
    )
    assert one == other


@steady(25)
@given(st.lists(ROWS, min_size=2, max_size=10))
def test_a_user_is_the_same_alone_and_among_others(rows):
    together = evaluate_books(BOOKS.values(), of_rows(rows))
    for place, row in enumerate(rows):
        assert evaluate_books(BOOKS.values(), of_rows([row])).book_results(0) == together.book_results(place)


@steady(25)
@given(st.lists(ROWS, min_size=1, max_size=10))
def test_results_first_failed_and_caps_of_many_are_those_of_the_outcomes(rows):
    for book in evaluate_books(BOOKS.values(), of_rows(rows)).books:
        for row in range(len(rows)):
            outcomes = book.book_result(row).outcomes
            failed = [place for place, outcome in enumerate(outcomes) if outcome.result is Result.FAIL]
            unknown = any(outcome.result is Result.UNKNOWN for outcome in outcomes)
            assert book.results[row] == (0 if failed else 2 if unknown else 1)
            assert book.first_failed[row] == (failed[0] if failed else -1)
            caps = [
                {Result.PASS: rule.loan_amount_window, Result.UNKNOWN: rule.loan_amount_window, Result.FAIL: 0}[
                    outcome.result
                ]
                for rule, outcome in zip(book.book.rules, outcomes, strict=True)
                if rule.name == "CashAdvanceScore"
            ]
            assert book.caps[row] == min(caps, default=-1)


def test_no_facts_at_all_leave_every_rule_unknown():
    evaluation = evaluate_books(BOOKS.values(), pd.DataFrame(index=["a", "b"]))
    for book in evaluation.books:
        assert (book.results == 2).all()
        assert (book.first_failed == -1).all()
    made = judged("float", dict.fromkeys(USER_FACTS))
    assert (made.verdict, made.approved_amounts) == (Verdict.REFERRED, ())


def test_no_rows_are_no_trouble():
    for book in evaluate_books(BOOKS.values(), of_rows([])).books:
        assert (book.results.shape, book.first_failed.shape, book.caps.shape) == ((0,), (0,), (0,))


def test_a_rule_that_books_share_is_run_once_and_the_frame_is_left_as_it_was():
    shared = "CashAdvanceScore: {min_cash_advance_score: 700, loan_amount_window: 5000}"
    one, other = book_of(shared, name="one"), book_of(shared, "AgeOfAccount: {min_age: 1}", name="other")
    scores = pd.array([800, 1, None], dtype="Int64")
    facts = pd.DataFrame({"cash_advance_score_to_50": scores, "score_factor_1": "Short history", "history_days": 9})
    before = facts.copy(deep=True)
    evaluation = evaluate_books([one, other], facts)
    assert evaluation.books[0].rule_results[0] is evaluation.books[1].rule_results[0]
    for book in evaluation.books:
        assert book.caps.tolist() == [5000, 0, 5000]
        assert [book.book_result(row).outcomes[0].amount for row in range(3)] == [5000, 0, None]
    pd.testing.assert_frame_equal(facts, before)


def test_one_user_has_one_row():
    with pytest.raises(ValueError, match="one user has one row of facts, not 2"):
        results_for(BOOKS.values(), "u", of_rows([GOOD, GOOD]), {})


def test_a_hundred_thousand_users_at_once():
    random = Random(7)
    columns = {}
    for name, fact in USER_FACTS.items():
        values = [GOOD[name], GOOD[name], GOOD[name], None, random.choice(VALUES[fact.type])]
        columns[name] = pd.array(random.choices(values, k=1_000) * 100, dtype=fact.dtype)
    facts = pd.DataFrame(columns)
    evaluation = evaluate_books(BOOKS.values(), facts)
    for book in evaluation.books:
        assert book.results.dtype == np.int8
        # Every thousandth user is the same one.
        for values in (book.results, book.first_failed, book.caps):
            assert (values.reshape(100, 1_000) == values[:1_000]).all()
        assert len(book.results) == 100_000
