"""How a limit moves: one tier up after its time, one down after a month below, at once to the lowest, or it stays."""

import pandas as pd
import pytest
from support.limit_facts import user, users
from support.limit_policies import policy_with

from rules.limits.decide import decide_limits
from rules.limits.policy import shipped_policies

POLICY = shipped_policies()["cfi"]
REST = POLICY.step.rest_days
# Can afford nothing, while every gate is open; and has done so for a month.
POOR = {"essential_spend_per_pay": 150_000}
LONG = {"runs_below": 30, "days_below": 30}


def moved(*rows, policy=POLICY):
    frame = decide_limits(policy, users(rows)).frame
    after = [None if amount is pd.NA else amount for amount in frame["after"]]
    return list(zip(frame["move"], after, frame["runs_below"], strict=True))


def reasons(policy=POLICY, **facts):
    return [reason.code for reason in decide_limits(policy, user(**facts)).reasons(0)]


@pytest.mark.parametrize(
    ("limit", "after"),
    [
        (1_000, 2_000),
        (2_000, 3_000),
        (3_000, 4_000),
        (4_000, 5_000),
        (5_000, 8_000),
        (8_000, 10_000),
        (10_000, 20_000),
        # No tier, as a person may have set it.
        (500, 1_000),
        (2_500, 3_000),
    ],
)
def test_up_one_tier_however_much_the_user_could_afford(limit, after):
    assert moved({"current_limit": limit}) == [("raised", after, 0)]


def test_the_highest_tier_stays():
    assert moved({"current_limit": 20_000}) == [("held", 20_000, 0)]
    assert reasons(current_limit=20_000) == ["limit_highest"]


def test_the_cool_down_and_the_repayments_since_the_last_raise():
    rows = [
        *({"days_since_raise": days} for days in (0, 13, 14, 15, None)),
        *({"on_time_since_raise": count} for count in (0, 1, 2, 3, None)),
    ]
    assert [move for move, _, _ in moved(*rows)] == [
        *("held", "held", "raised", "raised", "raised"),
        *("held", "held", "raised", "raised", "held"),
    ]
    assert reasons(days_since_raise=13) == ["limit_raised_recently"]
    assert reasons(on_time_since_raise=1) == ["limit_repayments_few"]
    assert reasons(on_time_since_raise=None) == ["limit_floats_unknown"]


@pytest.mark.parametrize("limit", [20_000, 3_000])
@pytest.mark.parametrize(
    ("period", "needed"),
    # A month, or a pay cycle where it is longer; whoever has none is taken to have one of a month.
    [(7, 30), (14, 30), (30, 30), (31, 31), (45, 45), (None, 30)],
)
def test_down_one_tier_once_it_was_below_for_a_month_and_a_pay_cycle(limit, period, needed):
    lower = {20_000: 10_000, 3_000: 2_000}[limit]
    poor = {**POOR, "current_limit": limit, "pay_period_days": period, "runs_below": 7}
    if period is None:
        poor |= {"recurring_deposits": 0, "days_since_pay": None}
    assert moved(*({**poor, "days_below": days} for days in (None, needed - 1, needed, needed + 1))) == [
        ("held", limit, 8),
        ("held", limit, 8),
        ("lowered", lower, 0),
        ("lowered", lower, 0),
    ]


def test_one_run_below_lowers_nobody_however_long_ago_it_was():
    assert moved({**POOR, "runs_below": 0, "days_below": 99}) == [("held", 5_000, 1)]
    assert moved({**POOR, "runs_below": 1, "days_below": 99}) == [("lowered", 4_000, 0)]
    assert reasons(**POOR, **LONG) == ["limit_free_income_low"]
    assert reasons(**POOR)[:2] == ["limit_under_review", "limit_free_income_low"]


@pytest.mark.parametrize(("since", "move"), [(0, "held"), (29, "held"), (30, "lowered"), (31, "lowered")])
def test_nobody_is_lowered_twice_within_the_same_time(since, move):
    assert [each for each, _, _ in moved({**POOR, **LONG, "days_since_lowering": since})] == [move]


@pytest.mark.parametrize(
    ("since", "move"), [(0, "held"), (REST - 1, "held"), (REST, "raised"), (REST + 1, "raised"), (None, "raised")]
)
def test_a_limit_that_was_lowered_rests(since, move):
    assert [each for each, _, _ in moved({"days_since_lowering": since})] == [move]
    if move == "held":
        assert reasons(days_since_lowering=since) == ["limit_lowered_recently"]


@pytest.mark.parametrize(
    ("period", "since", "move"),
    [
        *((14, 0, "raised"), (14, 5, "raised"), (14, 6, "held"), (14, 21, "held")),
        # Two fifths of a month are twelve days, which still count.
        *(
            (30, 12, "raised"),
            (30, 13, "held"),
            (7, 2, "raised"),
            (7, 3, "held"),
            (None, 5, "held"),
            (14, None, "held"),
        ),
    ],
)
def test_a_raise_rests_on_a_pay_that_has_just_come(period, since, move):
    facts = {"pay_period_days": period, "days_since_pay": since}
    assert [each for each, _, _ in moved(facts)] == [move]
    if move == "held":
        code = "limit_income_unknown" if None in facts.values() else "limit_pay_awaited"
        assert reasons(**facts) == [code]


def test_a_decrease_does_not_wait_for_a_pay():
    assert moved({**POOR, **LONG, "days_since_pay": 13}) == [("lowered", 4_000, 0)]


@pytest.mark.parametrize(
    ("balance", "at_4_000", "at_5_000"),
    [
        # 1,500.00 raises to 50.00; down to 1,200.00 it stays.
        (150_000, ("raised", 5_000, 0), ("held", 5_000, 0)),
        (149_999, ("held", 4_000, 0), ("held", 5_000, 0)),
        (120_000, ("held", 4_000, 0), ("held", 5_000, 0)),
        (119_999, ("held", 4_000, 0), ("lowered", 4_000, 0)),
        (None, ("held", 4_000, 0), ("held", 5_000, 0)),
    ],
)
def test_what_raises_a_limit_is_more_than_what_keeps_it(balance, at_4_000, at_5_000):
    of = {"cycle_available_balance": balance, **LONG}
    assert moved({**of, "current_limit": 4_000}, {**of, "current_limit": 5_000}) == [at_4_000, at_5_000]


@pytest.mark.parametrize(
    # Half of what essential spending leaves. Of 50.00 fall due 55.00, and a fifth less keeps it: 44.00.
    ("free", "move"),
    [(11_000, "held"), (10_998, "held"), (8_800, "held"), (8_798, "lowered")],
)
def test_the_cap_has_the_same_dead_band(free, move):
    facts = {"essential_spend_per_pay": 150_000 - free, **LONG}
    assert [each for each, _, _ in moved(facts)] == [move]


def test_the_balance_of_one_day_has_no_say():
    for balance in (-100_000, 0, None):
        assert moved({"available_balance": balance}) == [("raised", 8_000, 0)]


def test_a_run_that_is_not_below_clears_the_count():
    assert moved({"current_limit": 20_000, **LONG}) == [("held", 20_000, 0)]
    assert moved({"days_since_raise": 1, **LONG}) == [("held", 5_000, 0)]


@pytest.mark.parametrize("unknown", ["essential_spend_per_pay", "recurring_income_cv", "cycle_available_balance"])
def test_an_unknown_target_is_never_below(unknown):
    # The rank alone rules the limit out; how far down the target lies, nobody knows.
    rank = {"float_rank": 2, "current_limit": 5_000, **LONG}
    assert moved({**rank, unknown: None}) == [("held", 5_000, 0)]
    assert moved(rank) == [("lowered", 4_000, 0)]


def test_an_unknown_gate_holds_what_would_be_lowered_and_the_run_counts():
    assert moved({**POOR, **LONG, "late_floats": None}) == [("held", 5_000, 31)]
    assert moved({**POOR, **LONG, "late_floats": 1}) == [("lowered", 4_000, 0)]


@pytest.mark.parametrize(
    ("limit", "after"), [(5_000, 4_000), (8_000, 5_000), (2_000, 1_000), (2_500, 2_000), (35_000, 20_000)]
)
def test_down_to_the_next_lower_tier(limit, after):
    assert moved({**POOR, **LONG, "current_limit": limit}) == [("lowered", after, 0)]


@pytest.mark.parametrize("limit", [1_000, 500])
def test_the_lowest_tier_stays(limit):
    assert moved({**POOR, **LONG, "current_limit": limit}) == [("held", limit, 0)]
    assert moved({"returned_debits_30d": 3, "current_limit": limit}) == [("held", limit, 0)]
    assert reasons(returned_debits_30d=3, current_limit=limit) == ["limit_debits_returned"]


def test_not_even_the_lowest_tier_is_reached_beyond_the_cap():
    assert reasons(**POOR, current_limit=500) == ["limit_free_income_low"]
    assert reasons(essential_spend_per_pay=None, current_limit=500) == ["limit_affordability_unknown"]


def test_what_everybody_gets_at_first_is_lowered_by_the_cap_alone():
    newcomer = {"float_rank": 0, "subscription_rank": 0, "cycle_available_balance": -5_000, **LONG}
    assert moved({**newcomer, "current_limit": 2_000}) == [("held", 2_000, 0)]
    assert moved({**newcomer, "current_limit": 3_000}) == [("lowered", 2_000, 0)]
    assert moved({**newcomer, **POOR, "current_limit": 2_000}) == [("lowered", 1_000, 0)]
    # The cap allows 10.00 and no more.
    assert moved({**newcomer, "essential_spend_per_pay": 147_000, "current_limit": 2_000}) == [("lowered", 1_000, 0)]
    # The table decides whether it comes back.
    assert moved({**newcomer, "current_limit": 1_000}) == [("held", 1_000, 0)]
    assert moved({"current_limit": 1_000}) == [("raised", 2_000, 0)]


AT_ONCE = [
    ({"returned_debits_30d": 3}, "limit_debits_returned"),
    ({"days_since_pay": 22}, "limit_income_stopped"),
]


@pytest.mark.parametrize(("facts", "code"), AT_ONCE)
def test_at_once_to_the_lowest_tier_whatever_else_is_unknown(facts, code):
    blank = dict.fromkeys(["history_days", "available_balance", "essential_spend_per_pay", "late_floats"])
    for limit in (2_000, 5_000, 20_000, 35_000):
        for others in ({}, blank):
            decisions = decide_limits(POLICY, user(**{**others, **facts}, current_limit=limit))
            assert decisions.frame["move"].tolist() == ["lowered"]
            assert decisions.frame["after"].tolist() == [1_000]
            assert decisions.frame["at_once"].tolist() == [True]
            assert [reason.code for reason in decisions.reasons(0)] == [code]


@pytest.mark.parametrize(
    ("facts", "code"),
    [({"fraud_hit": True}, "limit_fraud"), ({"list_match_score": 0.92, "list_confirmed_score": 0.92}, "list_match")],
)
def test_fraud_and_a_hit_on_a_list_pause_the_product_whatever_else_is_unknown(facts, code):
    blank = dict.fromkeys(["history_days", "cycle_available_balance", "essential_spend_per_pay", "late_floats"])
    for limit in (0, 500, 1_000, 20_000, 35_000):
        for others in ({}, blank, {"returned_debits_30d": 3}, {**POOR, **LONG}):
            decisions = decide_limits(POLICY, user(**{**others, **facts}, current_limit=limit))
            assert moved({**others, **facts, "current_limit": limit}) == [("paused", limit, 0)]
            assert not decisions.frame["at_once"].any()
            assert [reason.code for reason in decisions.reasons(0)] == [code]


@pytest.mark.parametrize(("score", "move"), [(0.9199, "held"), (0.92, "paused"), (None, "held")])
def test_a_possible_match_pauses_nothing(score, move):
    match = {"list_match_score": score, "list_confirmed_score": score}
    # The name alone is for a person to judge.
    assert [each for each, _, _ in moved(match, {**match, "list_confirmed_score": 0.0})] == [move, "held"]
    assert [each for each, _, _ in moved({"fraud_hit": None})] == ["held"]


def test_income_that_never_recurred_or_stopped_long_ago_is_lowered_step_by_step():
    nothing = dict.fromkeys(["recurring_deposit_amount", "recurring_income_cv", "essential_spend_per_pay"])
    gone = {**nothing, "recurring_deposits": 0, "days_since_pay": None, "pay_period_days": None}
    assert moved(gone, {**gone, **LONG}) == [("held", 5_000, 1), ("lowered", 4_000, 0)]
    assert reasons(**gone) == ["limit_under_review", "limit_income_irregular"]


def test_at_once_is_the_policys_choice():
    lenient = policy_with(("at_once: [few_returned_debits, running_income, few_late_repayments]", "at_once: []"))
    for facts, _ in AT_ONCE:
        assert moved(facts, policy=lenient) == [("held", 5_000, 0)]
    unpaused = policy_with(("pauses: [no_fraud, not_listed]", "pauses: []"))
    assert moved({"fraud_hit": True}, policy=unpaused) == [("held", 5_000, 0)]


def test_users_without_a_limit_are_not_raised_and_nothing_is_made_up_for_them():
    assert moved({"current_limit": None}, {"current_limit": 0}, {"current_limit": None, "fraud_hit": True}) == [
        ("held", None, 0),
        ("held", 0, 0),
        ("held", None, 0),
    ]
    assert reasons(current_limit=None) == ["limit_none_yet"]
    assert reasons(current_limit=0) == ["limit_disabled"]
    # Bad standing is no reason for a pause.
    assert moved({"current_limit": 0, "good_standing": False}) == [("held", 0, 0)]


def test_at_most_four_reasons_failures_before_what_is_unknown_and_each_once():
    bad = {"history_days": 1, "late_floats": 1, "outstanding_floats": 1, "feed_age_hours": 99.0, "float_rank": 0}
    assert reasons(**bad, fraud_hit=None) == [
        "limit_under_review",
        "limit_float_rank_below",
        "limit_history_short",
        "limit_float_open",
    ]
    assert reasons(outstanding_floats=None, late_floats=None, float_rank=None, days_since_raise=3) == [
        "limit_raised_recently",
        "limit_floats_unknown",
    ]
