"""The guard: what it releases and what it holds, at every bound, and in words that a person can act on."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from math import comb

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.examples import steady
from support.limit_policies import policy_with

from rules.limits.binomial import least_by_chance, most_by_chance
from rules.limits.guard import GuardVerdict, check_run
from rules.limits.policy import shipped_policies

TERMS = shipped_policies()["cfi"].guard
RELEASE, HOLD = GuardVerdict.RELEASE, GuardVerdict.HOLD


@dataclass(frozen=True)
class Run:
    users: int = 10_000
    raised: int = 0
    lowered: int = 0
    paused: int = 0
    unknown: int = 0
    money_up: int = 0
    money_down: int = 0
    reasons: Mapping[str, int] = field(default_factory=dict)


def usual(count=7, **figures):
    return [Run(**figures)] * count


def verdict_of(run, earlier=()):
    return check_run(TERMS, run, earlier).verdict


@pytest.mark.parametrize(
    ("figure", "share"), [("raised", 0.45), ("lowered", 0.05), ("paused", 0.01), ("unknown", 0.15)]
)
@pytest.mark.parametrize("earlier", [0, 1, 2])
def test_with_too_few_earlier_runs_a_share_stays_within_the_bound_of_first_runs(figure, share, earlier):
    most = most_by_chance(10_000, share)
    assert share < most / 10_000 < share * 1.4
    before = usual(earlier, **{figure: 1})
    verdicts = [verdict_of(Run(**{figure: count}), before) for count in (0, most, most + 1, 10_000)]
    assert verdicts == [RELEASE, RELEASE, HOLD, HOLD]


def test_a_first_run_that_lowers_a_quarter_of_all_users_is_held():
    assert verdict_of(Run(lowered=2_400)) is HOLD


@pytest.mark.parametrize(
    # 4% are usual: up to three times as much and half a point, down to a third of it less half a point; and chance.
    ("raised", "verdict"),
    [(0, HOLD), (54, HOLD), (55, RELEASE), (400, RELEASE), (1_360, RELEASE), (1_361, HOLD)],
)
@pytest.mark.parametrize("earlier", [3, 7, 20])
def test_a_share_stays_within_its_band(raised, verdict, earlier):
    assert verdict_of(Run(raised=raised), usual(earlier, raised=400)) is verdict


def test_nobody_raised_where_a_fortieth_is_usual_is_an_outage():
    """The subscription service gave nothing, so that nobody's next tier is known to be met."""
    assert verdict_of(Run(raised=0), usual(raised=250)) is HOLD
    assert verdict_of(Run(raised=250), usual(raised=250)) is RELEASE


def test_few_users_are_not_held_for_chance():
    """30 users, of whom a tenth is usually raised: none at all happens by chance."""
    small = [Run(users=30, raised=3)] * 7
    assert [verdict_of(Run(users=30, raised=raised), small) for raised in (0, 3, 9, 30)] == [
        RELEASE,
        RELEASE,
        RELEASE,
        HOLD,
    ]
    # A run for one user raises or lowers everybody or nobody.
    for move in ({"raised": 1, "money_up": 10_000}, {"lowered": 1, "money_down": 19_000}, {"paused": 1}):
        assert verdict_of(Run(users=1, **move)) is RELEASE
    assert verdict_of(Run(users=30, lowered=20)) is HOLD


def test_a_ceiling_holds_whatever_is_usual():
    most = most_by_chance(10_000, 0.10)
    assert verdict_of(Run(lowered=most), usual(lowered=900)) is RELEASE
    word = check_run(TERMS, Run(lowered=most + 1), usual(lowered=900))
    assert word.verdict is HOLD
    assert word.reasons == (f"{(most + 1) / 10_000:.2%} lowered; the policy's ceiling is 10.00%",)


@pytest.mark.parametrize(("figure", "users"), [("money_up", "raised"), ("money_down", "lowered")])
def test_money_is_bounded_in_both_directions(figure, users):
    # 10 cents per user are usual: up to three times as much, and 25 more.
    before = usual(**{users: 100, figure: 100_000})
    for money, verdict in ((0, RELEASE), (550_000, RELEASE), (1_200_000, HOLD)):
        assert verdict_of(Run(**{users: 100 if money else 0, figure: money}), before) is verdict
    # Without earlier runs, the bound of first runs; above the ceiling, whatever is usual.
    first, ceiling = {"money_up": (600, 1_000), "money_down": (250, 500)}[figure]
    assert verdict_of(Run(**{users: 400, figure: first * 10_000})) is RELEASE
    assert verdict_of(Run(**{users: 400, figure: first * 13_000})) is HOLD
    huge = usual(**{users: 400, figure: ceiling * 10_000})
    assert verdict_of(Run(**{users: 400, figure: ceiling * 10_000}), huge) is RELEASE
    assert verdict_of(Run(**{users: 400, figure: ceiling * 13_000}), huge) is HOLD


def test_the_share_of_each_reason_stays_within_its_band():
    before = usual(reasons={"limit_float_open": 3_000, "limit_raised": 100})
    same = {"limit_float_open": 3_100, "limit_raised": 90}
    assert verdict_of(Run(reasons=same), before) is RELEASE
    # 30% are usual: 65% at most, and 10% at least.
    for count, verdict in ((6_400, RELEASE), (6_800, HOLD), (1_100, RELEASE), (800, HOLD), (0, HOLD)):
        assert verdict_of(Run(reasons={**same, "limit_float_open": count}), before) is verdict
    # One that never was before.
    for count, verdict in ((400, RELEASE), (700, HOLD)):
        assert verdict_of(Run(reasons={**same, "limit_subscription_unknown": count}), before) is verdict
    word = check_run(TERMS, Run(reasons={**same, "limit_subscription_unknown": 700}), before)
    assert word.reasons[0].startswith("7.00% with the reason limit_subscription_unknown; the last 7 runs had 0.00%")


def test_the_usual_is_the_median_of_the_last_runs_alone():
    old, new = usual(7, raised=4_000), usual(7, raised=0)
    assert verdict_of(Run(raised=4_000), [*old, *new]) is HOLD
    assert verdict_of(Run(raised=4_000), [*new, *old]) is RELEASE
    # One run that went wrong does not make the next one usual, nor unusual.
    odd = [*usual(3, raised=100), Run(raised=5_000), *usual(3, raised=100)]
    assert verdict_of(Run(raised=2_000), odd) is HOLD
    assert verdict_of(Run(raised=100), odd) is RELEASE
    # Runs without users tell nothing.
    assert verdict_of(Run(raised=2_900), [*usual(2, raised=1), *[Run(users=0)] * 5]) is RELEASE
    assert verdict_of(Run(users=0)) is RELEASE


def test_the_reasons_name_figure_and_band():
    run = Run(raised=2_234, lowered=2_600, money_up=5_000_000)
    word = check_run(TERMS, run, usual(raised=400, lowered=100, money_up=1_000_000))
    assert word.reasons == (
        "22.34% raised; the last 7 runs had 4.00% (median), so that 0.55% to 13.60% is usual",
        "26.00% lowered; the policy's ceiling is 10.00%",
        "5.00 USD added to the limit of the average user; the last 7 runs had 1.00 USD (median), so that up to "
        "3.25 USD is usual",
    )
    first = check_run(TERMS, Run(lowered=700), [])
    too_few = "is accepted while there are too few earlier runs to compare with"
    assert re.fullmatch(rf"7\.00% lowered; up to [0-9.]+% {too_few}", first.reasons[0])
    first = check_run(TERMS, Run(raised=2_000, money_up=8_000_000), [])
    assert any(re.search(rf"average user; up to [0-9.]+ USD {too_few}", each) for each in first.reasons)
    assert check_run(TERMS, Run(), []).reasons == ()


def test_the_bands_are_the_policys():
    stricter = policy_with(("first_runs: 0.45", "first_runs: 0.0001")).guard
    assert check_run(stricter, Run(raised=100), []).verdict is HOLD
    assert verdict_of(Run(raised=100)) is RELEASE


@pytest.mark.parametrize("users", [0, 1, 2, 7, 30, 100, 400])
@pytest.mark.parametrize("share", [0.0, 0.0001, 0.01, 0.05, 0.1, 0.5, 0.93, 0.9999, 1.0])
def test_the_bounds_of_chance_are_exact(users, share):
    up, of = share.as_integer_ratio()
    chances = [comb(users, count) * up**count * (of - up) ** (users - count) for count in range(users + 1)]
    # Whole numbers, all of them over of**users: fractions of them take minutes.
    fewer = list(accumulate(chances, initial=0))
    tail = of**users // 2_000
    most = min(count for count in range(users + 1) if fewer[-1] - fewer[count + 1] <= tail)
    least = max(count for count in range(users + 1) if fewer[count] <= tail)
    assert (most_by_chance(users, share), least_by_chance(users, share)) == (most, least)


def test_of_many_users_chance_moves_little():
    assert (least_by_chance(1_000_000, 0.05), most_by_chance(1_000_000, 0.05)) == (49_284, 50_719)


COUNTS = st.integers(0, 1_000)
RUNS = st.builds(
    Run, users=st.integers(1_000, 2_000), raised=COUNTS, lowered=COUNTS, unknown=COUNTS, money_up=COUNTS,
    money_down=COUNTS, reasons=st.dictionaries(st.sampled_from(["limit_raised", "limit_fraud"]), COUNTS),
)  # fmt: skip


@steady(100)
@given(RUNS, st.lists(RUNS, max_size=9))
def test_the_run_that_is_like_the_last_ones_is_held_for_a_ceiling_alone(run, earlier):
    """Whatever came before, a run equal to all of the last ones lies within its band."""
    word = check_run(TERMS, run, [*earlier, *[run] * TERMS.last_runs])
    assert all("ceiling" in reason for reason in word.reasons)
    assert (word.verdict is HOLD) == bool(word.reasons)
