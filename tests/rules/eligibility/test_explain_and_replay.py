"""An evaluation explained by the books that made it, and made again."""

import pytest
from support.judged_users import BOOKS, good_facts, judged, profile

from rules.core.differences import fact_differences, named
from rules.core.list_rules import NotListed
from rules.eligibility.replay import differences, reevaluated
from rules.explain.evaluation import explain
from underwriting.domain.application import Product
from underwriting.domain.decision import Verdict

BY_REF = {book.ref: book for book in BOOKS}
POOR = {"monthly_income": 299_99, "payback_prediction": None}


def in_words(explanation) -> dict[str, list[tuple[str, list[dict[str, str]], list[tuple[str, ...]]]]]:
    """What would have to be different, by book and rule."""
    return {
        book.result.rulebook.name: [
            (
                rule.outcome.rule,
                [{name: condition.in_words() for name, condition in way.changes} for way in rule.ways],
                [missing.facts for missing in rule.missing],
            )
            for rule in book.open
        ]
        for book in explanation.nearest
    }


def test_good_facts_are_approved_and_leave_nothing_to_explain() -> None:
    eligibility = judged()
    assert eligibility.verdict is Verdict.APPROVED
    explanation = explain(eligibility, BY_REF)
    assert [book.open for book in explanation.books] == [()] * len(eligibility.books)
    assert explanation.nearest == ()
    assert [len(book.rules) for book in explanation.books] == [len(BY_REF[b.rulebook].rules) for b in eligibility.books]


def test_the_nearest_way_to_an_approval_names_each_rule_and_its_border() -> None:
    eligibility = judged(**POOR)
    assert eligibility.verdict is Verdict.REJECTED
    (book,) = in_words(explain(eligibility, BY_REF)).items()
    assert book[0].startswith("float-standard")
    assert ("MinimumIncome", [{"monthly_income": "at least 30000"}], []) in book[1]


def test_an_unknown_names_the_missing_fact_that_settles_it() -> None:
    explanation = explain(judged(list_match_score=None), BY_REF)
    (rule,) = [rule for book in explanation.nearest for rule in book.open if rule.outcome.rule == "NotListed"]
    (missing,) = rule.missing
    assert (missing.facts, rule.ways) == (("list_match_score",), ())
    assert rule.sentence == NotListed.__doc__


def test_following_the_nearest_way_approves() -> None:
    """What the explanation says is true: with those facts the same books approve."""
    eligibility = judged(**POOR, outstanding_floats=2)
    changes = {}
    for book in explain(eligibility, BY_REF).nearest:
        for rule in book.open:
            way = rule.ways[0] if rule.ways else rule.missing[0].passes
            changes |= {
                name: condition.low if condition.low is not None else condition.high for name, condition in way.changes
            }
    assert changes == {"monthly_income": 30_000, "outstanding_floats": 0} | {
        name: value for name, value in changes.items() if name == "payback_prediction"
    }
    assert judged(**{**POOR, **changes}).verdict is Verdict.APPROVED


@pytest.mark.parametrize("changes", [{}, POOR, {"list_match_score": None}, {"segment": None}, {"fraud_hit": True}])
def test_the_same_facts_and_books_give_the_same_answer(changes) -> None:
    then = judged(**changes)
    now = reevaluated(Product.FLOAT, then, BY_REF, then.facts, profile(), then.affordability_cap)
    assert differences(then, now) == []
    assert now == then


def test_other_facts_give_another_answer_that_is_named() -> None:
    then = judged()
    facts = good_facts(**POOR)
    assert named(fact_differences(then.facts, facts, "USD")) == [
        "monthly_income: 5,000.00 USD then, 299.99 USD now",
        "payback_prediction: 1.0 then, unknown now",
    ]
    now = reevaluated(Product.FLOAT, then, BY_REF, facts, profile(), then.affordability_cap)
    found = {difference.place: (difference.then, difference.now) for difference in differences(then, now)}
    assert found["verdict"] == ("approved", "rejected")
    assert found["reasons"] == ("none", "income_low")
    assert found["float-stringent v3: MinimumIncome"] == ("pass", "fail")
