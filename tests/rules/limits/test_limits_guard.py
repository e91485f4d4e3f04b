"""The guard: what it releases and what it holds, at every bound, and in words that a person can act on."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.examples import steady
from support.limit_policies import policy_with

from rules.limits.guard import GuardVerdict, judge_run
from rules.limits.policy import shipped_policies

TERMS = shipped_policies()["cfi"].guard
RELEASE, HOLD = GuardVerdict.RELEASE, GuardVerdict.HOLD


@dataclass(frozen=True)
class Run:
    users: int = 10_000
    raised: int = 0
    lowered: int = 0
    unknown: int = 0
    money_up: int = 0


def usual(count=7, **figures):
    return [Run(**figures)] * count


@pytest.mark.parametrize(
    ("run", "verdict"),
    [
        (Run(raised=5_000), RELEASE),
        (Run(raised=5_001), HOLD),
        (Run(lowered=2_500), RELEASE),
        (Run(lowered=2_501), HOLD),
        (Run(unknown=2_500), RELEASE),
        (Run(unknown=2_501), HOLD),
        (Run(raised=4_000, money_up=10_000_000), RELEASE),
        (Run(raised=4_000, money_up=10_000_001), HOLD),
        (Run(users=0), RELEASE),
        (Run(), RELEASE),
    ],
)
@pytest.mark.parametrize("earlier", [0, 1, 2])
def test_with_too_few_earlier_runs_the_ceilings_alone_judge(run, verdict, earlier):
    assert judge_run(TERMS, run, usual(earlier, raised=1, lowered=1)).verdict is verdict


@pytest.mark.parametrize(
    ("run", "verdict"),
    [
        # 4% is usual: up to twice as much and two points, and down to half of it less two points.
        (Run(raised=1_000), RELEASE),
        (Run(raised=1_001), HOLD),
        (Run(raised=0), RELEASE),
    ],
)
@pytest.mark.parametrize("earlier", [3, 7, 20])
def test_a_figure_stays_within_its_band(run, verdict, earlier):
    assert judge_run(TERMS, run, usual(earlier, raised=400)).verdict is verdict


@pytest.mark.parametrize(("raised", "verdict"), [(800, RELEASE), (799, HOLD), (0, HOLD)])
def test_too_few_raises_are_as_suspicious_as_too_many(raised, verdict):
    assert judge_run(TERMS, Run(raised=raised), usual(raised=2_000)).verdict is verdict


def test_a_ceiling_holds_whatever_is_usual():
    assert judge_run(TERMS, Run(lowered=2_501), usual(lowered=2_400)).verdict is HOLD


def test_the_usual_is_the_median_of_the_last_runs_alone():
    old, new = usual(7, raised=4_000), usual(7, raised=0)
    assert judge_run(TERMS, Run(raised=4_000), [*old, *new]).verdict is HOLD
    assert judge_run(TERMS, Run(raised=4_000), [*new, *old]).verdict is RELEASE
    # One run that went wrong does not make the next one usual, nor unusual.
    odd = [*usual(3, raised=100), Run(raised=5_000), *usual(3, raised=100)]
    assert judge_run(TERMS, Run(raised=2_000), odd).verdict is HOLD
    assert judge_run(TERMS, Run(raised=100), odd).verdict is RELEASE
    # Runs without users tell nothing.
    assert judge_run(TERMS, Run(raised=4_000), [*usual(2, raised=1), *[Run(users=0)] * 5]).verdict is RELEASE


@pytest.mark.parametrize(("raised", "verdict"), [(1, RELEASE), (20, RELEASE), (21, HOLD)])
def test_a_run_for_a_few_users_is_never_too_much(raised, verdict):
    run = Run(users=raised, raised=raised, unknown=0, money_up=raised * 10_000)
    for earlier in ([], usual(7)):
        assert judge_run(TERMS, run, earlier).verdict is verdict


def test_the_reasons_name_figure_band_and_ceiling():
    run = Run(raised=1_234, lowered=2_600, money_up=3_000_000)
    word = judge_run(TERMS, run, usual(raised=400, lowered=100, money_up=1_000_000))
    assert word.reasons == (
        "12.34% raised; the last 7 runs had 4.00% (median), so that 0.00% to 10.00% is usual",
        "26.00% lowered; the policy's ceiling is 25.00%",
        "300.00 minor units added to the limit of the average user; the last 7 runs had 100.00 minor units (median), "
        "so that 0.00 minor units to 250.00 minor units is usual",
    )
    assert judge_run(TERMS, Run(), []).reasons == ()


def test_the_bands_are_the_policys():
    stricter = policy_with(("share_raised: {ceiling: 0.50", "share_raised: {ceiling: 0.0001")).guard
    assert judge_run(stricter, Run(raised=100), []).verdict is HOLD
    assert judge_run(TERMS, Run(raised=100), []).verdict is RELEASE


COUNTS = st.integers(0, 1_000)
RUNS = st.builds(Run, users=st.integers(1_000, 2_000), raised=COUNTS, lowered=COUNTS, unknown=COUNTS, money_up=COUNTS)


@steady(100)
@given(RUNS, st.lists(RUNS, max_size=9))
def test_the_run_that_is_like_the_last_ones_is_held_for_a_ceiling_alone(run, earlier):
    """Whatever came before, a run equal to all of the last ones lies within its band."""
    word = judge_run(TERMS, run, [*earlier, *[run] * TERMS.last_runs])
    assert all("ceiling" in reason for reason in word.reasons)
    assert (word.verdict is HOLD) == bool(word.reasons)
