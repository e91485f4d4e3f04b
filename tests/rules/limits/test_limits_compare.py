"""Two policies on the same users: who differs, by how much, and that shards add up."""

import pandas as pd
import pytest
from support.limit_facts import random_users, users

from rules.limits.compare import movers, side_by_side, summary, tally
from rules.limits.decide import decide_limits
from rules.limits.policy import shipped_policies

CFI, CAUTIOUS = (shipped_policies()[name] for name in ("cfi", "cfi-cautious"))


def both(facts):
    return side_by_side(decide_limits(CFI, facts), decide_limits(CAUTIOUS, facts))


def test_who_differs_and_by_how_much():
    frame = both(
        users(
            [
                # Rises under the one, and is too soon for the other.
                {"days_since_raise": 20},
                {},
                # One returned debit is one too many for the cautious.
                {"returned_debits_30d": 1, "current_limit": 10_000},
                {"current_limit": None},
                {"current_limit": 0},
            ]
        )
    )
    assert frame["after_first"].tolist()[:3] == [8_000, 8_000, 20_000]
    assert frame["after_second"].tolist()[:3] == [5_000, 8_000, 1_000]
    assert frame["difference"].tolist()[:3] == [-3_000, 0, -19_000]
    assert movers(frame).index.tolist() == ["u2", "u0"]
    assert movers(frame)["reasons_second"].tolist() == ["limit_debits_returned", "limit_raised_recently"]

    found = summary(tally(frame))
    assert (found.users, found.higher, found.lower) == (5, 0, 2)
    assert (found.money_higher, found.money_lower) == (0, 22_000)
    assert (found.exposure_first, found.exposure_second) == (36_000, 14_000)
    assert found.moves_first == {"raised": 3, "held": 2, "lowered": 0, "paused": 0}
    assert found.moves_second == {"raised": 1, "held": 3, "lowered": 1, "paused": 0}
    assert found.limits.loc[8_000, 5_000] == 1
    assert found.limits.to_numpy().sum() == 4


def test_a_policy_against_itself_moves_nobody():
    decisions = decide_limits(CFI, random_users(500, 3))
    frame = side_by_side(decisions, decisions)
    assert movers(frame).empty
    found = summary(tally(frame))
    assert (found.higher, found.lower, found.exposure_first) == (0, 0, found.exposure_second)


def test_the_tallies_of_shards_add_up():
    facts = random_users(3_000, 11)
    parts = [facts.iloc[:1_000], facts.iloc[1_000:1_001], facts.iloc[1_001:]]
    whole, together = summary(tally(both(facts))), summary(pd.concat([tally(both(part)) for part in parts]))
    assert together.limits.equals(whole.limits)
    assert {**vars(together), "limits": None} == {**vars(whole), "limits": None}
    assert whole.higher + whole.lower == len(movers(both(facts)))
    assert whole.exposure_second - whole.exposure_first == whole.money_higher - whole.money_lower
    # The cautious policy gives nobody more; asked the other way round, it is the one that gives less.
    assert (whole.higher, whole.lower > 100) == (0, True)
    turned = summary(tally(side_by_side(decide_limits(CAUTIOUS, facts), decide_limits(CFI, facts))))
    assert (turned.higher, turned.money_higher, turned.lower) == (whole.lower, whole.money_lower, 0)


def test_other_users_or_limits_cannot_be_compared():
    one, other = (decide_limits(CFI, users([row])) for row in ({}, {"current_limit": 2_000}))
    with pytest.raises(ValueError, match="not asked about the same users and limits; give both the same facts"):
        side_by_side(one, other)
    with pytest.raises(ValueError, match="the same users"):
        side_by_side(one, decide_limits(CFI, users([{}, {}])))
