"""`underwriting profiles` changes what one user may take, as the form of Prefect does."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from support.shell import Shell

from rules.limits.tiers import CURRENCY, TIERS
from underwriting.lender import open_store
from underwriting.settings import settings
from underwriting.store import profiles


@pytest.fixture
def met(migrated: Shell) -> Shell:
    """A store in which the sandbox has a user with the default profile."""

    async def run() -> None:
        async with open_store(settings()) as store, store.begin() as work:
            await profiles.on_first_contact(work, "sandbox", "ada", datetime.now(UTC), CURRENCY, TIERS)

    asyncio.run(run())
    return migrated


def done(shell: Shell, *arguments: str) -> dict[str, Any]:
    code, told, error = shell.run("profiles", *arguments, "--json")
    assert (code, error) == (0, "")
    found: dict[str, Any] = json.loads(told)
    return found


def enabled(profile: dict[str, Any]) -> list[str]:
    return [tier["id"] for tier in profile["tiers"] if tier["enabled"]]


def test_a_profile_is_set_paused_and_resumed(met: Shell) -> None:
    note = ("--note", "complaint of May")
    changed = done(met, "set", "ada", "--tiers", "1, 3", *note)
    assert (enabled(changed), changed["limit"], changed["version"], changed["reason"]) == (
        ["1", "3"],
        "30.00",
        2,
        "staff",
    )
    assert done(met, "pause", "ada", "float", *note)["paused"] == ["float"]
    paused = done(met, "pause", "ada", "loan", *note)
    assert (paused["paused"], enabled(paused)) == (["float", "loan"], ["1", "3"]), "what is not named stays"
    assert done(met, "resume", "ada", "float", *note)["paused"] == ["loan"]
    assert enabled(done(met, "set", "ada", "--tiers", "", *note)) == []
    assert done(met, "show", "ada")["version"] == 6


def test_tiers_that_wait_for_the_end_of_a_temporary_version_are_said_to_wait(met: Shell) -> None:
    note = ("--note", "trip abroad")
    until = done(met, "set", "ada", "--tiers", "1,2,3", "--until", "2099-01-01T00:00:00", *note)
    assert (enabled(until), until["expires_on"]) == (["1", "2", "3"], "2099-01-01T00:00:00Z")
    code, told, error = met.run("profiles", "set", "ada", "--tiers", "1", *note)
    assert (code, error) == (0, "The tiers are stored; they are in force once the temporary version has ended:\n")
    assert "limit 30.00 USD, paused: nothing" in told
    assert "temporary: it ends on 2099-01-01 00:00 UTC" in told


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["set", "ada", "--tiers", "1,99", "--note", "goodwill"], "--tiers: there is no tier 99; the tiers are 1, 2"),
        (["pause", "ada", "house", "--note", "goodwill"], "PRODUCTS: house is not possible here; write loan or float"),
        (["pause", "ada", "loan", "--note", "x"], "--note: say why"),
        (["pause", "bob", "loan", "--note", "goodwill"], "sandbox has no user bob; the first check"),
        (
            ["pause", "ada", "loan", "--note", "why", "--until", "2020-01-01T00:00:00"],
            "--until: 2020-01-01 00:00:00 is in",
        ),
    ],
    ids=lambda given: given if isinstance(given, str) else "",
)
def test_a_change_that_cannot_be_is_refused_and_writes_nothing(met: Shell, arguments: list[str], why: str) -> None:
    code, told, error = met.run("profiles", *arguments)
    assert (code, told) == (2, "")
    assert error.startswith(f"underwriting: {why}")
    assert done(met, "show", "ada")["version"] == 1
