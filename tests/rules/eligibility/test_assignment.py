"""Whom a book applies to: sticky, in the shares that it says, and never on a guess."""

import itertools
from collections import Counter
from decimal import Decimal
from string import ascii_lowercase

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from support.eligibility import book_of
from support.examples import steady

from rules.core.experiments import BUCKETS, Experiment, arm_of, arms_of, bucket_of, moved
from rules.eligibility.assignment import Assignment, applies
from rules.eligibility.book import shipped_eligibility_books

USERS = [f"usr_{number:06}" for number in range(100_000)]
EVERYBODY = book_of("GoodStanding")
CONTROL, VARIANT = (shipped_eligibility_books()[name] for name in ("float-standard", "float-standard-variant"))


def for_segments(segments):
    return book_of("GoodStanding", applies_to=f"{{segments: {segments}}}")


def in_arm(arm, shares, name="trial"):
    book = book_of("GoodStanding", applies_to=f"{{experiment: {{name: {name}, arm: {arm}, shares: {shares}}}}}")
    return book.applies_to.experiment


def test_a_book_that_says_nothing_applies_to_everybody():
    assert applies(EVERYBODY, "u", None, {}) == Assignment(applies=True, arm=None, certain=True)


@pytest.mark.parametrize(
    ("segment", "assignment"),
    [
        ("student", Assignment(applies=True)),
        ("staff", Assignment(applies=True)),
        ("consumer", Assignment(applies=False)),
        # Nobody knows: the book is run, and what it says is unknown.
        (None, Assignment(applies=True, certain=False)),
    ],
)
def test_segments(segment, assignment):
    assert applies(for_segments("[student, staff]"), "u", segment, {}) == assignment


@pytest.mark.parametrize(
    ("flags", "assignment"),
    [
        ({"new": True}, Assignment(applies=True)),
        ({"new": False}, Assignment(applies=False)),
        # Nobody knows: the book is run, and what it says is unknown.
        ({}, Assignment(applies=True, certain=False)),
    ],
)
@pytest.mark.parametrize("superseding", [True, False])
def test_flags(flags, assignment, superseding):
    book = book_of("GoodStanding", applies_to="{flag: new}", superseding=superseding)
    assert applies(book, "u", None, flags) == assignment


def test_all_that_is_said_has_to_hold():
    book = book_of(
        "GoodStanding",
        applies_to="{segments: [a], flag: new, experiment: {name: trial, arm: all, shares: {all: 1}}}",
    )
    assert applies(book, "u", "a", {"new": True}) == Assignment(applies=True, arm="all")
    assert not applies(book, "u", "b", {"new": True}).applies
    assert not applies(book, "u", None, {"new": False}).applies
    assert applies(book, "u", None, {"new": True}) == Assignment(applies=True, arm="all", certain=False)
    assert applies(book, "u", "a", {}) == Assignment(applies=True, arm="all", certain=False)
    assert not applies(book, "u", "b", {}).applies


def test_the_hash_is_the_documented_one():
    # printf 'float-standard-2026:usr_000001' | sha256sum: 8 bytes, big-endian, modulo 10,000.
    assert bucket_of("float-standard-2026", "usr_000001") == 0xE652FB13959B3398 % 10_000


def test_shares_of_100_000_users_are_right_within_a_hundredth_and_sticky():
    arms = [(applies(CONTROL, user, None, {}), applies(VARIANT, user, None, {})) for user in USERS]
    # Everybody is under exactly one of the two.
    assert all(control.applies != variant.applies for control, variant in arms)
    assert Counter(control.arm or variant.arm for control, variant in arms) == Counter(
        {
            "control": pytest.approx(80_000, abs=1_000),
            "variant": pytest.approx(20_000, abs=1_000),
        }
    )
    # Asked again, in another order and beside other flags, everybody is where they were.
    again = [applies(CONTROL, user, "any", {"any": True}) for user in reversed(USERS)]
    assert again[::-1] == [control for control, _ in arms]


def test_users_spread_evenly_over_the_buckets():
    count = Counter(bucket_of("trial", user) * 100 // BUCKETS for user in USERS)
    # Within five standard deviations of 1,000 in each hundredth.
    assert len(count) == 100
    assert all(count[hundredth] == pytest.approx(1_000, abs=160) for hundredth in range(100))


def test_experiments_do_not_follow_each_other():
    both = Counter((bucket_of("one", user) < 5_000, bucket_of("two", user) < 5_000) for user in USERS)
    assert all(count == pytest.approx(25_000, abs=500) for count in both.values())


def shares(*of):
    named = zip(ascii_lowercase, of, strict=False)
    return Experiment(name="trial", arm="a", shares={arm: Decimal(share) / BUCKETS for arm, share in named})


def test_growing_both_of_two_arms_moves_nobody():
    before, after = shares(1_000, 1_000), shares(2_000, 2_000)
    was, now = arms_of(before), arms_of(after)
    assert Counter(was) == {None: 8_000, "a": 1_000, "b": 1_000}
    assert Counter(now) == {None: 6_000, "a": 2_000, "b": 2_000}
    assert {(old, new) for old, new in zip(was, now, strict=True) if old} == {("a", "a"), ("b", "b")}
    assert moved(before, after) == 0
    # The other way round users leave.
    assert moved(after, before) == Decimal("0.2")


@st.composite
def growing(draw, arms):
    """Shares of so many arms, and the same or greater ones, at most everybody both times."""
    cuts = sorted(draw(st.lists(st.integers(0, BUCKETS), min_size=2 * arms, max_size=2 * arms)))
    widths = [max(high - low, 1) for low, high in itertools.pairwise([0, *cuts])]
    small, more = widths[:arms], widths[arms:]
    assume(sum(small) + sum(more) <= BUCKETS)
    return shares(*small), shares(*(one + other for one, other in zip(small, more, strict=True)))


@steady(60)
@given(growing(2))
def test_of_two_arms_nobody_moves_however_they_grow(pair):
    before, after = pair
    assert moved(before, after) == 0
    for experiment in pair:
        count = Counter(arms_of(experiment))
        assert all(count[arm] == share * BUCKETS for arm, share in experiment.shares.items())


@steady(30)
@given(st.integers(3, 5).flatmap(growing))
def test_of_more_arms_whoever_would_move_is_counted(pair):
    """No rule that looks at shares alone can keep everybody; publishing refuses what moves anybody."""
    was, now = map(arms_of, pair)
    assert moved(*pair) * BUCKETS == sum(old is not None and new != old for old, new in zip(was, now, strict=True))
    assert all(Counter(now)[arm] == share * BUCKETS for arm, share in pair[1].shares.items())


@pytest.mark.parametrize(
    ("large", "moves"), [((2_500, 1_000, 2_500), 0), ((2_500, 5_000, 2_500), 0), ((2_500, 6_000, 1_000), 0)]
)
def test_of_three_arms_nobody_moves_until_two_of_them_meet(large, moves):
    assert moved(shares(500, 500, 500), shares(*large)) == moves


def test_the_order_in_which_arms_are_written_does_not_matter():
    one, other = in_arm("a", "{a: 0.3, b: 0.7}"), in_arm("b", "{b: 0.7, a: 0.3}")
    assert [arm_of(one, user) for user in USERS[:1_000]] == [arm_of(other, user) for user in USERS[:1_000]]


def test_whom_the_shares_leave_over_is_in_no_arm():
    experiment = in_arm("a", "{a: 0.1, b: 0.2}")
    count = Counter(arm_of(experiment, user) for user in USERS)
    assert count == Counter({None: pytest.approx(70_000, abs=1_000), "a": pytest.approx(10_000, abs=1_000),
                             "b": pytest.approx(20_000, abs=1_000)})  # fmt: skip


@pytest.mark.parametrize("share", ["0.0001", "1"])
def test_a_share_is_met_to_the_bucket(share):
    experiment = in_arm("a", f"{{a: {share}}}")
    inside = sum(arm_of(experiment, user) == "a" for user in USERS)
    assert inside == sum(bucket_of("trial", user) < float(share) * BUCKETS for user in USERS)
