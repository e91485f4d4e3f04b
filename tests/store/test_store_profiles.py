"""Profiles are followed, never changed: one first version, one order of versions, the temporary one wins."""

import asyncio
import json
import random
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from support.evaluated import DAY, TIERS, meet
from support.evaluated import pause as pause_product
from support.reviews import NOW, rows

from underwriting.domain.application import Product
from underwriting.domain.profile import FloatProfile
from underwriting.store import audit, profiles
from underwriting.store.errors import NoTemporaryProfile, UnknownProfile, VersionConflict
from underwriting.store.models import Channel
from underwriting.store.queue import outbox
from underwriting.store.session import Store

HIGHER = (*TIERS[:2], TIERS[2].model_copy(update={"enabled": True}))


async def put(store: Store, user_id: str = "ada", tenant: str = "acme", **changes: object) -> FloatProfile:
    asked = {"tiers": TIERS, "paused": (), "reason": "staff", "notes": None, "by": "ann", "now": NOW, **changes}
    async with store.begin() as work:
        return await profiles.put(work, tenant, user_id, **asked)


async def put_temporary(store: Store, **changes: object) -> FloatProfile:
    asked = {"tiers": HIGHER, "paused": (), "reason": "holidays", "notes": None, "by": "ann", "now": NOW, **changes}
    async with store.begin() as work:
        return await profiles.put(work, "acme", "ada", **{"expires_on": NOW + DAY, **asked})


async def pause(store: Store, product: Product = Product.FLOAT, *, end: bool = False) -> FloatProfile:
    async with store.begin() as work:
        return await pause_product(work, "acme", "ada", NOW, product, end=end)


async def current(store: Store, now_in: timedelta = timedelta(), tenant: str = "acme") -> FloatProfile | None:
    async with store.read() as work:
        return await profiles.current(work, tenant, "ada", NOW + now_in)


async def numbers(store: Store) -> list[int]:
    async with store.read() as work:
        return [profile.version for profile in await profiles.versions(work, "acme", "ada")]


async def test_the_first_contact_gives_the_default(store: Store) -> None:
    assert await current(store) is None
    met = await meet(store)
    assert (met.version, met.tiers, met.currency, met.limit) == (1, TIERS, "USD", 2000)
    assert (met.reason, met.created_by, met.created_on, met.expires_on) == ("first_contact", "system", NOW, None)
    assert await current(store) == met == await meet(store)
    assert await current(store, tenant="globex") is None


async def test_twenty_first_contacts_at_once_make_one_version(store: Store) -> None:
    met = await asyncio.gather(*(meet(store) for _ in range(20)))
    assert len({profile.version for profile in met}) == 1
    assert [await rows(store, table) for table in ("float_profiles", "outbox", "audit")] == [1, 1, 1]


async def test_a_new_version_follows_and_the_old_ones_stay(store: Store) -> None:
    first = await meet(store)
    second = await put(store, tiers=HIGHER, paused=[Product.LOAN], notes="asked by phone", now=NOW + DAY)
    assert (second.version, second.limit, second.paused, second.notes) == (2, 3000, {Product.LOAN}, "asked by phone")
    async with store.read() as work:
        assert await profiles.versions(work, "acme", "ada") == [second, first]
        assert await profiles.versions(work, "acme", "ada", after=2) == [first]
        assert await profiles.versions(work, "acme", "ada", limit=1) == [second]
    assert await current(store) == second


async def test_there_is_nothing_to_follow_before_the_first_contact(store: Store) -> None:
    await meet(store, tenant="globex")
    for write in (put, put_temporary, pause):
        with pytest.raises(UnknownProfile, match="first contact"):
            await write(store)


async def test_a_writer_who_read_an_older_version_is_told(store: Store) -> None:
    await meet(store)
    await put(store, expected_version=1)
    with pytest.raises(VersionConflict, match="at version 2, not 1; read it again"):
        await put(store, expected_version=1)
    assert await numbers(store) == [2, 1]


async def test_of_twenty_writers_who_read_the_same_version_one_wins(store: Store) -> None:
    await meet(store)
    answers = await asyncio.gather(*(put(store, expected_version=1) for _ in range(20)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["FloatProfile"] + ["VersionConflict"] * 19
    assert await numbers(store) == [2, 1]


async def test_twenty_writers_at_once_without_a_version_all_follow_each_other(store: Store) -> None:
    await meet(store)
    answers = await asyncio.gather(*(put(store) for _ in range(20)))
    assert sorted(profile.version for profile in answers) == list(range(2, 22))
    async with store.read() as work:
        assert await audit.verify(work) == []


async def test_the_temporary_profile_wins_until_it_expires(store: Store) -> None:
    permanent = await meet(store)
    temporary = await put_temporary(store)
    assert (temporary.version, temporary.expires_on, temporary.limit) == (2, NOW + DAY, 3000)
    assert await current(store, DAY - timedelta(microseconds=1)) == temporary
    assert await current(store, DAY) == permanent


async def end_temporary(store: Store, expected_version: int | None = None) -> FloatProfile:
    async with store.begin() as work:
        return await profiles.end_temporary(work, "acme", "ada", "bob", NOW, expected_version)


async def test_a_temporary_profile_is_ended_before_it_expires(store: Store) -> None:
    permanent = await meet(store)
    await put_temporary(store)
    await pause(store, Product.LOAN)
    back = await end_temporary(store, expected_version=4)
    assert (back.version, back.tiers, back.paused) == (6, permanent.tiers, {Product.LOAN})
    assert (back.reason, back.created_by, back.expires_on) == ("temporary_ended", "bob", None)
    assert await current(store) == await current(store, DAY) == back
    async with store.begin() as work:
        entries = await audit.entries(work, "acme/ada")
        messages = []
        while due := await outbox.due(work, [Channel.EVENTS]):
            messages += due
            for message in due:
                await outbox.QUEUE.done(work, message.id)
        assert await audit.verify(work) == []
    assert [(entry.actor, json.loads(entry.details)["version"]) for entry in entries[-2:]] == [("bob", 5), ("bob", 6)]
    assert json.loads(messages[-1].body)["data"]["version"] == 6


async def test_without_a_temporary_profile_there_is_none_to_end(store: Store) -> None:
    with pytest.raises(UnknownProfile):
        await end_temporary(store)
    await meet(store)
    with pytest.raises(NoTemporaryProfile):
        await end_temporary(store)
    await put_temporary(store)
    with pytest.raises(VersionConflict):
        await end_temporary(store, expected_version=1)
    await end_temporary(store)
    with pytest.raises(NoTemporaryProfile):
        await end_temporary(store)
    assert await numbers(store) == [4, 3, 2, 1]


async def test_of_two_who_end_it_at_once_one_does(store: Store) -> None:
    await meet(store)
    await put_temporary(store)
    answers = await asyncio.gather(*(end_temporary(store) for _ in range(2)), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["FloatProfile", "NoTemporaryProfile"]
    assert await numbers(store) == [4, 3, 2, 1]


async def test_a_later_temporary_profile_takes_the_place_of_the_earlier_one(store: Store) -> None:
    permanent = await meet(store)
    await put_temporary(store, expires_on=NOW + 5 * DAY)
    shorter = await put_temporary(store, expires_on=NOW + DAY, tiers=TIERS)
    assert await current(store) == shorter
    assert await current(store, 2 * DAY) == permanent


async def test_a_temporary_profile_has_to_end_ahead(store: Store) -> None:
    await meet(store)
    with pytest.raises(ValueError, match="expire after now"):
        await put_temporary(store, expires_on=NOW)
    assert await numbers(store) == [1]


async def test_a_permanent_version_waits_behind_the_temporary_one(store: Store) -> None:
    """The temporary one follows under the next number: no writer can lose another's change under an old ETag."""
    await meet(store)
    await put_temporary(store)
    in_force = await put(store, reason="raised", paused=[Product.LOAN], expected_version=2, by="bob")
    assert (in_force.version, in_force.reason, in_force.paused, in_force.created_by) == (
        4,
        "holidays",
        {Product.LOAN},
        "bob",
    )
    with pytest.raises(VersionConflict):
        await put(store, expected_version=2)
    later = await current(store, DAY)
    assert later is not None
    assert (later.version, later.reason) == (3, "raised")


async def test_a_pause_holds_at_once_and_after_the_temporary_profile(store: Store) -> None:
    await meet(store)
    temporary = await put_temporary(store)
    paused = await pause(store)
    assert (paused.paused, paused.tiers, paused.expires_on) == ({Product.FLOAT}, HIGHER, temporary.expires_on)
    both = await pause(store, Product.LOAN)
    assert both.paused == {Product.FLOAT, Product.LOAN}
    later = await current(store, DAY)
    assert later is not None
    assert (later.paused, later.tiers) == ({Product.FLOAT, Product.LOAN}, TIERS)
    assert (await pause(store, Product.FLOAT, end=True)).paused == {Product.LOAN}


async def test_tiers_that_make_no_profile_are_refused(store: Store) -> None:
    await meet(store)
    for tiers in ((), TIERS[::-1], (TIERS[0], TIERS[0])):
        with pytest.raises(ValueError, match="tiers"):
            await put(store, tiers=tiers)
    assert await numbers(store) == [1]


async def test_every_version_is_audited_and_told_without_the_notes(store: Store) -> None:
    await meet(store)
    await put(store, tiers=HIGHER, notes="a private word", reason="raised")
    async with store.begin() as work:
        entries = await audit.entries(work, "acme/ada")
        (first,) = await outbox.due(work, [Channel.EVENTS])
        await outbox.QUEUE.done(work, first.id)
        (second,) = await outbox.due(work, [Channel.EVENTS])
    assert [(entry.action, entry.actor, json.loads(entry.details)["version"]) for entry in entries] == [
        ("profile.updated", "system", 1),
        ("profile.updated", "ann", 2),
    ]
    told = json.loads(second.body)
    assert (told["type"], second.customer_id, second.subject_id) == ("profile.updated", "ada", "ada")
    assert (told["data"]["version"], told["data"]["limit"], told["data"]["reason"]) == (2, 3000, "raised")
    assert "private" not in second.body.decode() + "".join(entry.details for entry in entries)


@dataclass
class Ledger:
    """What profiles promise, in plain Python: the versions so far, and which of them is in force."""

    versions: list[FloatProfile] = field(default_factory=list)

    def in_force(self, now: datetime) -> FloatProfile:
        temporary = [version for version in self.versions if version.expires_on is not None]
        if temporary and now < temporary[-1].expires_on:
            return temporary[-1]
        return next(version for version in reversed(self.versions) if version.expires_on is None)


@pytest.mark.parametrize("seed", range(3))
async def test_whatever_is_written_the_right_version_is_in_force(store: Store, seed: int) -> None:
    dice, now = random.Random(seed), NOW
    met = Ledger([await meet(store)])
    for _ in range(25):
        now += timedelta(hours=dice.randrange(12))
        act = dice.choice(("put", "put_temporary", "end_temporary", "pause", "unpause"))
        asked = {"tiers": dice.choice((TIERS, HIGHER)), "paused": dice.sample(list(Product), dice.randrange(3))}
        staff = {"reason": "staff", "notes": None, "by": "ann", "now": now}
        async with store.begin() as work:
            if act == "put":
                written = await profiles.put(work, "acme", "ada", **asked, **staff)
            elif act == "put_temporary":
                ends = now + timedelta(hours=dice.randrange(1, 30))
                written = await profiles.put(work, "acme", "ada", **asked, **staff, expires_on=ends)
            elif act == "end_temporary":
                if met.in_force(now).expires_on is None:
                    continue
                written = await profiles.end_temporary(work, "acme", "ada", "ann", now)
            else:
                product = dice.choice(list(Product))
                written = await pause_product(work, "acme", "ada", now, product, end=act == "unpause")
                assert (product in written.paused) is (act == "pause")
            stored = list(reversed(await profiles.versions(work, "acme", "ada", limit=1000)))
        assert [version.version for version in stored] == list(range(1, len(stored) + 1))
        assert stored[: len(met.versions)] == met.versions, "a version is never changed"
        met.versions = stored
        for later in (timedelta(), timedelta(hours=6), DAY, 3 * DAY):
            async with store.read() as work:
                assert await profiles.current(work, "acme", "ada", now + later) == met.in_force(now + later)
        assert written == met.in_force(now)
