"""What would have had to be different, found by asking the rules themselves."""

import math
from typing import Annotated, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field
from support.examples import steady

from rules.core.columns import Truth
from rules.core.rule import Facts, Rule
from rules.core.rule_result import FAIL, PASS, UNKNOWN
from rules.eligibility import USER_RULES
from rules.eligibility.book import shipped_eligibility_books
from rules.eligibility.categories.behaviour import LoansReceived
from rules.explain import Span, is_open, missing_facts, passing, ways_to_pass
from rules.explain.would_pass import answers, facts_read
from rules.facts import CATALOGUE
from rules.limits.gates import FewLateRepayments
from rules.prescreening.book import shipped_rulebooks
from rules.prescreening.catalogue import RULES
from underwriting.domain.decision import FactValue

BOOKS = [*shipped_rulebooks().values(), *shipped_eligibility_books().values()]
SHIPPED = [rule for book in BOOKS for rule in book.rules]


def in_words(ways) -> list[dict[str, str]]:
    return [{name: condition.in_words() for name, condition in way.changes} for way in ways]


def answer(rule: Rule, facts: dict[str, FactValue]) -> int:
    return int(answers(rule, facts, {})[0])


@pytest.mark.parametrize(
    ("rule", "facts", "ways"),
    [
        ("AdultApplicant", {"age_years": 17}, [{"age_years": "at least 18"}]),
        ("AdultApplicant", {"age_years": 18}, []),
        ("NegativeBalanceDays", {"negative_balance_days": 9}, [{"negative_balance_days": "at most 3"}]),
        # What a person has to look at is not passed, either.
        (
            "NotListed",
            {"list_match_score": 0.95, "list_confirmed_score": 0.95},
            [{"list_match_score": "below 0.75"}],
        ),
        ("NotListed", {"list_match_score": 0.8, "list_confirmed_score": 0.0}, [{"list_match_score": "below 0.75"}]),
        ("ResidenceServed", {"residence_country": "DE", "is_company": False}, [{"residence_country": "CA or US"}]),
        # Either of two suffices.
        (
            "ContactVerified",
            {"email_verified": False, "phone_verified": False},
            [{"email_verified": "yes"}, {"phone_verified": "yes"}],
        ),
        # Both are needed.
        (
            "StableEndOfMonthBalance",
            {"lowest_month_end_balance": 99_99, "month_end_balance_cv": 0.9},
            [{"lowest_month_end_balance": "at least 10000", "month_end_balance_cv": "at most 0.35"}],
        ),
        # One is wrong, and the other is not known: it would have to be good, too.
        (
            "StableEndOfMonthBalance",
            {"lowest_month_end_balance": None, "month_end_balance_cv": 0.9},
            [{"lowest_month_end_balance": "at least 10000", "month_end_balance_cv": "at most 0.35"}],
        ),
    ],
)
def test_the_nearest_facts_that_pass_are_found(rule, facts, ways):
    properties = {
        "AdultApplicant": {"min_age_years": 18},
        "NegativeBalanceDays": {"max_days": 3},
        "NotListed": {"min_match_score": 0.92, "grey_match_score": 0.75},
        "ResidenceServed": {"countries": ("US", "CA")},
        "StableEndOfMonthBalance": {"min_balance": 100_00, "max_cv": 0.35},
    }
    assert in_words(ways_to_pass(RULES[rule](**properties.get(rule, {})), facts)) == ways


def test_missing_facts_that_settle_are_found():
    stable = RULES["StableEndOfMonthBalance"](min_balance=100_00, max_cv=0.35)
    (both,) = missing_facts(stable, {})
    assert (both.facts, both.always) == (("lowest_month_end_balance", "month_end_balance_cv"), True)
    assert in_words([both.passes]) == [
        {"lowest_month_end_balance": "at least 10000", "month_end_balance_cv": "at most 0.35"}
    ]
    (one,) = missing_facts(stable, {"month_end_balance_cv": 0.1})
    assert (one.facts, one.always, in_words([one.passes])) == (
        ("lowest_month_end_balance",), True, [{"lowest_month_end_balance": "at least 10000"}],
    )  # fmt: skip


def test_a_missing_fact_may_settle_one_way_only():
    contact = RULES["ContactVerified"]()
    email, phone, both = missing_facts(contact, {})
    assert (email.facts, email.always, in_words([email.passes])) == (
        ("email_verified",),
        False,
        [{"email_verified": "yes"}],
    )
    assert (phone.facts, phone.always) == (("phone_verified",), False)
    assert (both.facts, both.always) == (("email_verified", "phone_verified"), True)


def test_what_a_smaller_set_of_missing_facts_does_is_not_said_again_of_larger_ones():
    income = USER_RULES["IncomeContinues"](max_pay_periods=2)
    assert [found.facts for found in missing_facts(income, {})] == [
        ("recurring_deposits",),
        ("pay_period_days", "days_since_pay"),
    ]


def test_nothing_is_missing_where_a_rule_passes_or_fails():
    adult = RULES["AdultApplicant"](min_age_years=18)
    assert missing_facts(adult, {"age_years": 17}) == missing_facts(adult, {"age_years": 19}) == ()


class Bounded(Rule):
    """Money within a band whose ends are no property, but follow from them."""

    fails_as: ClassVar[str] = "list_match"
    unknown_as: ClassVar[str] = "list_match"

    width: Annotated[int, Field(ge=0)]

    def claim(self, facts: Facts) -> Truth:
        """A tenth of the least balance lies within the width, and so does a seventh of the variation."""
        least = facts.lowest_month_end_balance
        return (least >= -10 * self.width) & (least * 0.1 <= self.width) & (facts.month_end_balance_cv * 7 < self.width)


def test_a_border_that_is_no_property_is_found_to_the_cent():
    facts = {"lowest_month_end_balance": 5_000_000, "month_end_balance_cv": 1.0}
    assert passing(Bounded(width=33_333), facts, "lowest_month_end_balance") == (Span(-333_330, 333_330),)
    (span,) = passing(Bounded(width=33), facts | {"lowest_month_end_balance": 0}, "month_end_balance_cv")
    assert isinstance(span, Span)
    assert span.high == pytest.approx(33 / 7, rel=1e-5)
    assert span.low is None


def values_of(name: str) -> st.SearchStrategy[FactValue]:
    fact = CATALOGUE[name]
    if fact.type == "boolean":
        return st.none() | st.booleans()
    if fact.type == "text":
        return st.none() | st.sampled_from(["US", "CA", "DE", "FR"])
    _, bounded, end = (fact.unit or "").partition("..")
    if fact.type == "integer":
        return st.none() | (st.integers(0, int(end)) if bounded else st.integers(0, 2_000) | st.integers(0, 10_000_000))
    return st.none() | st.floats(0, 1) | st.floats(0, float(end) if bounded else 100)


def test_of_facts_that_depend_on_each_other_the_ends_pass_together():
    loans = LoansReceived(max_share=0.5)
    facts = {"income_90d": 0, "loans_received_90d": 1, "unclassified_received_90d": None}
    ways = ways_to_pass(loans, facts)
    assert any(len(way.changes) == 2 for way in ways)
    for way in ways:
        inside = {name: nearest(condition, facts[name]) for name, condition in way.changes}
        assert answer(loans, facts | inside) == PASS


def test_a_way_that_nobody_can_take_is_left_out_where_there_is_another():
    late = {"repayments_of_6": 6, "on_time_of_6": 3}
    (way,) = ways_to_pass(FewLateRepayments(max_count=1), late)
    assert (in_words([way]), is_open(way, late)) == ([{"on_time_of_6": "at least 5"}], True)
    # Where there is no other, it says what would have passed.
    (way,) = ways_to_pass(RULES["NoWriteOff"](), {"write_offs": 2})
    assert (in_words([way]), is_open(way, {"write_offs": 2})) == ([{"write_offs": "at most 0"}], False)
    (way,) = ways_to_pass(RULES["AdultApplicant"](min_age_years=18), {"age_years": 17})
    assert is_open(way, {"age_years": 17})


@steady(80)
@given(st.data())
def test_whoever_follows_the_way_passes_and_not_a_step_earlier(data):
    """Every rule that is shipped, on random facts: the ends of each condition pass, the values before them do not."""
    rule = data.draw(st.sampled_from(SHIPPED))
    facts = {name: data.draw(values_of(name), name) for name in facts_read(rule)}
    before = answer(rule, facts)
    ways = ways_to_pass(rule, facts)
    assert bool(ways) is (before == FAIL) or before == UNKNOWN
    for way in ways:
        inside = {name: nearest(condition, facts[name]) for name, condition in way.changes}
        assert answer(rule, facts | inside) == PASS
        for name, condition in way.changes:
            if isinstance(condition, Span) and isinstance(facts[name], int | float):
                step = outside(condition, facts[name])
                assert answer(rule, facts | inside | {name: step}) != PASS


@steady(60)
@given(st.data())
def test_facts_that_always_settle_do(data):
    rule = data.draw(st.sampled_from(SHIPPED))
    facts = {name: data.draw(values_of(name), name) for name in facts_read(rule)}
    found = missing_facts(rule, facts)
    assert not found or answer(rule, facts) == UNKNOWN
    for missing in found:
        known = {name: data.draw(values_of(name).filter(lambda value: value is not None)) for name in missing.facts}
        if missing.always:
            assert answer(rule, facts | known) in {FAIL, PASS} or rule.name == "NotListed"


def nearest(condition, observed: FactValue) -> FactValue:
    """The value of a condition that lies nearest to the observed one."""
    if not isinstance(condition, Span):
        return "another" if condition.but else condition.values[0]
    if isinstance(observed, int | float) and condition.holds(observed):
        return observed
    low = condition.low is not None and (not isinstance(observed, int | float) or observed < condition.low)
    end = condition.low if low else condition.high
    is_open = condition.low_open if low else condition.high_open
    if end is None:
        return 0
    return math.nextafter(end, math.inf if low else -math.inf) if is_open else end


def outside(condition: Span, observed: float) -> FactValue:
    """The last value, coming from the observed one, that is outside."""
    up = condition.low is not None and observed < condition.low
    end, is_open = (condition.low, condition.low_open) if up else (condition.high, condition.high_open)
    if end is None or condition.holds(observed):
        return observed
    if isinstance(observed, int):
        return end - 1 if up else end + 1
    return end if is_open else math.nextafter(end, -math.inf if up else math.inf)
