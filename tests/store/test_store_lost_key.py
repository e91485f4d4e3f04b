"""A key is lost: what is in clear stays readable, work goes on under another key, and nothing is sealed for good."""

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from support.applicants import PERSON
from support.evaluated import TIERS, meet
from support.reviews import NOW, claim, claimed, finish, let_time_pass

from underwriting.domain.decision import Verdict
from underwriting.integrations.errors import SourceRefusal
from underwriting.screening.screener import Screener
from underwriting.store import decisions, ledger, lists, matches, profiles, rotation
from underwriting.store.crypto import Keyring
from underwriting.store.errors import Undecipherable
from underwriting.store.lists import ListEntry
from underwriting.store.matches import Found
from underwriting.store.queue import inbox
from underwriting.store.session import Store

OLD, NEW = AESGCM.generate_key(256), AESGCM.generate_key(256)
LOST = "'2025', which is not among the encryption keys"
ALI = Found("ofac", "1", "individual", 1.0, confirmed=False, evidence="same country", compared="a" * 64)
ENTRIES = [ListEntry("1", b"name")]


async def sealed_under_the_old_key(database_url: str) -> tuple[str, str]:
    """Something in every column of sealed values; the ids of a decided application and of one under review."""
    async with Store.open(database_url, Keyring({"2025": OLD}, "2025")) as store:
        owned, reviewed = await claimed(store), await claimed(store)
        await finish(store, owned)
        await meet(store)
        async with store.begin() as work:
            await ledger.begin(work, reviewed, "pull")
            await ledger.done(work, reviewed, "pull", b"report")
            await lists.replace(work, "internal", "a" * 64, ENTRIES, "ann")
            await matches.keep(work, "acme", "ada", [ALI], kinds={"individual", "entity"})
            await matches.clear(work, "acme", "ada", "ann", "born elsewhere")
            await inbox.receive(work, "sqs", "1", "user_created", "acme", "ada", b"event", NOW)
            await profiles.put(work, "acme", "ada", TIERS, (), "staff", "called", "ann", NOW)
            word = {"verdict": Verdict.APPROVED, "note": "seen", "decided_by": "ann"}
            await decisions.decide_referral(work, owned.subject.id, tenant=None, now=NOW, partners=(), **word)
        await let_time_pass(store, "applications", "lease_until", NOW - NOW.replace(hour=1))
    return owned.subject.id, reviewed.subject.id


async def test_with_the_key_gone_what_is_in_clear_stays_and_work_goes_on(database_url: str) -> None:
    decided, under_review = await sealed_under_the_old_key(database_url)
    async with Store.open(database_url, Keyring({"2026": NEW}, "2026")) as store:
        async with store.read() as work:
            last = (await decisions.history(work, decided))[-1]
            met = await profiles.current(work, "acme", "ada", NOW)
            (match,) = await matches.of_user(work, "acme", "ada")
        assert (last.verdict, last.decided_by) == (Verdict.APPROVED, "ann")
        assert last.note is not None
        assert LOST in last.note
        assert met is not None
        assert (met.tiers, LOST in (met.notes or "")) == (tuple(TIERS), True)
        assert (match.found.entry_id, match.cleared_by, LOST in (match.note or "")) == ("1", "ann", True)

        owned = await claim(store, under_review)
        assert owned is not None
        with pytest.raises(Undecipherable, match=LOST):
            async with store.begin() as work:
                await ledger.begin(work, owned, "pull")

        async with store.begin() as work:
            assert await inbox.due(work) == [], "its failed try is noted, and the others go on"
        anew = await finish(store, await claimed(store))
        async with store.read() as work:
            assert (await decisions.history(work, anew.id))[-1].verdict == "referred"


async def test_a_cleared_match_is_open_again_since_nobody_knows_what_was_compared(database_url: str) -> None:
    await sealed_under_the_old_key(database_url)
    async with Store.open(database_url, Keyring({"2026": NEW}, "2026")) as store, store.begin() as work:
        assert await matches.keep(work, "acme", "ada", [ALI], kinds={"individual", "entity"}) == [ALI]


async def test_lists_are_loaded_again_though_they_did_not_change(database_url: str) -> None:
    await sealed_under_the_old_key(database_url)
    async with Store.open(database_url, Keyring({"2026": NEW}, "2026")) as store:
        with pytest.raises(SourceRefusal, match=f"load all of them again.*{LOST}"):
            await Screener(store).screen("acme", "ada", PERSON, None)
        async with store.begin() as work:
            assert await lists.replace(work, "internal", "a" * 64, ENTRIES, "ann")
        async with store.read() as work:
            assert await lists.entries(work, "internal") == ENTRIES
        async with store.begin() as work:
            assert not await lists.replace(work, "internal", "a" * 64, ENTRIES, "ann")


async def test_what_does_not_open_stays_for_the_day_on_which_the_key_is_found(database_url: str) -> None:
    decided, _ = await sealed_under_the_old_key(database_url)
    async with Store.open(database_url, Keyring({"2026": NEW}, "2026")) as store:
        assert await rotation.reseal(store) == 0
        left = await rotation.left(store)
        assert left == 7
    async with Store.open(database_url, Keyring({"2025": OLD, "2026": NEW}, "2026")) as store:
        assert await rotation.reseal(store) == left
        assert await rotation.left(store) == 0
    async with Store.open(database_url, Keyring({"2026": NEW}, "2026")) as store, store.read() as work:
        assert (await decisions.history(work, decided))[-1].note == "seen"
