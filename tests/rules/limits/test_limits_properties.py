"""What holds for every user: the unknown never raises, more income never lowers, a decision stands."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.examples import steady
from support.limit_facts import GOOD, random_users, user

from rules.limits.decide import decide_limits
from rules.limits.decision_table import AMOUNTS
from rules.limits.policy import shipped_policies

POLICIES = [pytest.param(policy, id=name) for name, policy in shipped_policies().items()]
SEEDS = st.integers(0, 10**6)
# NULL means that the limit was never raised or lowered, or is not below: it is no unknown. One day's balance is not
# looked at.
UNKNOWABLE = sorted({*GOOD} - {"days_since_raise", "days_since_lowering", "days_below", "available_balance"})
FEWER_IS_BETTER = [
    "negative_days_30d",
    "overdraft_days_60d",
    "returned_debits_30d",
    "late_floats",
    "outstanding_floats",
    "essential_spend_per_pay",
    "competitor_advances_due",
]
MORE_IS_BETTER = [
    "recurring_deposit_amount",
    "cycle_available_balance",
    "healthy_days_60d",
    "on_time_of_6",
    "float_rank",
    "subscription_rank",
    "largest_repaid",
    "history_days",
    "on_time_since_raise",
]


def after(policy, facts):
    return decide_limits(policy, facts).frame["after"].fillna(0)


@pytest.mark.parametrize("policy", POLICIES)
@steady(6)
@given(seed=SEEDS, dice=st.randoms(use_true_random=False))
def test_what_is_not_known_never_raises(policy, seed, dice):
    facts = random_users(300, seed, unknown=0.0)
    patchy = facts.copy()
    for name in dice.sample(UNKNOWABLE, dice.randint(1, 6)):
        patchy.loc[np.random.default_rng(seed).random(len(facts)) < 0.7, name] = pd.NA
    fewer = decide_limits(policy, patchy)
    raised = fewer.raised
    assert (decide_limits(policy, facts).raised | ~raised).all()
    # No raise rests on a gate, a cap or a repayment that is not known.
    assert not (raised & fewer.unknown).any()


@pytest.mark.parametrize("name", UNKNOWABLE)
def test_no_single_unknown_raises_a_user_who_would_rise(name):
    policy = shipped_policies()["cfi"]
    assert decide_limits(policy, user(current_limit=10_000)).raised.all()
    decided = decide_limits(policy, user(**{"current_limit": 10_000, name: None}))
    # The count of runs below has no say in a raise, nor has what confirms a match that is none.
    assert decided.raised.tolist() == [name in {"runs_below", "list_confirmed_score"}]


@pytest.mark.parametrize("policy", POLICIES)
def test_nothing_known_moves_nobody(policy):
    facts = random_users(50, 1)
    blank = facts.assign(**{name: pd.array([pd.NA] * 50, dtype=facts[name].dtype) for name in UNKNOWABLE[1:]})
    for frame in (blank, facts[["current_limit"]], facts[[]]):
        decisions = decide_limits(policy, frame)
        assert set(decisions.frame["move"]) == {"held"}
        assert decisions.frame["reasons"].ne("").all()


@pytest.mark.parametrize("policy", POLICIES)
@steady(6)
@given(seed=SEEDS, dice=st.randoms(use_true_random=False))
def test_more_income_and_fewer_overdrafts_never_lower_the_limit(policy, seed, dice):
    facts = random_users(300, seed)
    better = facts.copy()
    name = dice.choice(FEWER_IS_BETTER + MORE_IS_BETTER)
    by = dice.choice([1, 2, 500, 20_000])
    better[name] = (facts[name] - by).clip(lower=0) if name in FEWER_IS_BETTER else facts[name] + by
    assert (after(policy, better) >= after(policy, facts)).all(), name


@pytest.mark.parametrize("policy", POLICIES)
@steady(6)
@given(seed=SEEDS)
def test_a_limit_moves_one_tier_up_within_the_cap_and_never_below_the_lowest(policy, seed):
    facts = random_users(500, seed)
    frame = decide_limits(policy, facts).frame
    rises = frame[frame["move"].eq("raised")]
    for before, reached, cap in zip(rises["before"], rises["after"], rises["affordability_cap"], strict=True):
        assert reached == min(amount for amount in AMOUNTS if amount > before)
        assert reached <= cap
    falls = frame[frame["move"].eq("lowered")]
    assert (falls["after"] < falls["before"]).all()
    assert (falls["after"] >= AMOUNTS[0]).all()
    stays = frame[frame["move"].eq("held")]
    assert stays["after"].equals(stays["before"])


@pytest.mark.parametrize("policy", POLICIES)
@steady(6)
@given(seed=SEEDS)
def test_what_was_decided_is_not_decided_again(policy, seed):
    """On the day of a move the same facts move nobody further; only a limit that is below waits for its next run."""
    facts = random_users(500, seed)
    first = decide_limits(policy, facts)
    moved = first.raised | first.lowered
    later = facts.assign(current_limit=first.frame["after"], runs_below=first.frame["runs_below"].astype("Int64"))
    for name in ("days_since_raise", "on_time_since_raise"):
        later.loc[first.raised, name] = 0
    again = decide_limits(policy, later[moved])
    assert set(again.frame["move"]) <= {"held"}
    assert decide_limits(policy, facts).frame.equals(first.frame)


@pytest.mark.parametrize("policy", POLICIES)
@steady(8)
@given(seed=SEEDS, row=st.integers(0, 99))
def test_a_user_alone_is_decided_as_among_many(policy, seed, row):
    facts = random_users(100, seed)
    many, alone = decide_limits(policy, facts), decide_limits(policy, facts.iloc[[row]])
    assert alone.frame.astype(object).iloc[0].equals(many.frame.astype(object).iloc[row])
    assert alone.reasons(0) == many.reasons(row)
    assert alone.gate_results(0) == many.gate_results(row)


@pytest.mark.parametrize("policy", POLICIES)
def test_every_decision_has_a_reason(policy):
    decisions = decide_limits(policy, random_users(20_000, 7, unknown=0.1))
    assert decisions.frame["reasons"].ne("").all()
    assert {len(decisions.reasons(row)) for row in range(200)} <= {1, 2, 3, 4}
    assert decisions.frame["reasons"].iloc[3] == " ".join(reason.code for reason in decisions.reasons(3))


def test_no_users_at_all():
    decisions = decide_limits(shipped_policies()["cfi"], random_users(5, 1).iloc[:0])
    assert len(decisions) == 0
    assert list(decisions.frame["move"].cat.categories) == ["raised", "held", "lowered", "paused"]


def test_a_column_of_another_type_is_refused():
    with pytest.raises(ValueError, match="the column of the fact history_days is not of type integer"):
        decide_limits(shipped_policies()["cfi"], user().assign(history_days=["long"]))
