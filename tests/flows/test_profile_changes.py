"""Staff change what one user may take, by the form of `change-profile`."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from support.journeys import Journey
from support.staff import changed, in_force, met

from underwriting.domain.application import Product


async def test_staff_change_a_profile_for_good_or_for_a_while(journey: Journey) -> None:
    await met(journey)
    state = await changed(journey, enabled=["1", "2", "3"], reason="goodwill")
    assert (state.name, state.message) == ("Changed", "Version 2 of the profile is stored.")
    paused = await changed(journey, paused=["loan"])
    assert paused.message == "Version 3 of the profile is stored."
    until = datetime.now(UTC) + timedelta(seconds=2)
    await changed(journey, enabled=["special"], expires_on=until)
    temporary = await in_force(journey)
    assert temporary is not None
    assert (temporary.limit, temporary.expires_on, temporary.created_by) == (20_000, until, "ann")
    assert temporary.paused == {Product.LOAN}


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"enabled": ["8"]}, "there is no tier 8"),
        ({}, "fill in what is to change"),
        ({"enabled": [], "paused": []}, "fill in what is to change"),
        ({"enabled": ["none", "1"]}, 'enabled: choose "none" alone'),
        ({"paused": ["house"]}, "paused: choose loan, float or none"),
        ({"paused": ["loan"], "reason": ""}, "reason: write one short word"),
        ({"enabled": ["1"], "expires_on": datetime(2026, 1, 1, tzinfo=UTC)}, "has to expire after now"),
    ],
)
async def test_an_impossible_change_fails_the_run_and_writes_nothing(
    journey: Journey, change: dict[str, object], why: str
) -> None:
    await met(journey)
    state = await changed(journey, **change)
    assert state.is_failed()
    assert why in (state.message or "")
    assert [version.version for version in [await in_force(journey)] if version] == [1]


async def test_none_takes_all_tiers_and_pauses_away_and_an_empty_field_leaves_them(journey: Journey) -> None:
    await met(journey)
    await changed(journey, paused=["float", "loan"], enabled=["1", "2"])
    await changed(journey, paused=["none"], enabled=[], expires_on="")
    kept = await in_force(journey)
    assert kept is not None
    assert (kept.paused, kept.limit, kept.expires_on) == (set(), 2_000, None)
    await changed(journey, enabled=["none"], paused=None)
    nothing = await in_force(journey)
    assert nothing is not None
    assert [tier.id for tier in nothing.tiers if tier.enabled] == []


async def test_a_user_whom_the_tenant_does_not_have_is_not_changed(journey: Journey) -> None:
    state = await changed(journey, enabled=["1"])
    assert "user_id: sandbox has no such user; the first check of a user makes the profile" in (state.message or "")
    assert await in_force(journey) is None


async def test_of_two_changes_at_once_neither_undoes_the_other(journey: Journey) -> None:
    """Staff cut the tiers because of fraud, and somebody else pauses loans at the same moment."""
    await met(journey)
    states = await asyncio.gather(
        *(changed(journey, enabled=["1"], reason="fraud") for _ in range(2)),
        *(changed(journey, paused=["loan"]) for _ in range(4)),
    )
    assert {state.name for state in states} == {"Changed"}
    last = await in_force(journey)
    assert last is not None
    assert (last.version, last.limit, last.paused) == (7, 1_000, {Product.LOAN})
