"""No personal value reaches the disk in the clear, nor an error's text."""

import secrets
import traceback
from pathlib import Path

import pytest
from sqlalchemy import make_url, text
from support.databases import run
from support.evaluated import TIERS, meet
from support.reviews import NOW, claimed, decision, finish, results

from underwriting.domain.decision import Verdict
from underwriting.store import decisions, ledger, lists, profiles
from underwriting.store.crypto import Keyring
from underwriting.store.errors import StatementRefused
from underwriting.store.lists import ListEntry
from underwriting.store.queue import inbox
from underwriting.store.session import Store


async def write(url: str, keys: Keyring, canaries: list[str], plain: str) -> Path:
    """Store the canaries wherever personal data goes, and `plain` where it does not; returns the database's folder."""
    async with Store.open(url, keys) as store:
        half = len(canaries) // 2
        async with store.begin() as work:
            entries = [ListEntry(str(number), canary.encode()) for number, canary in enumerate(canaries[:half])]
            await lists.replace(work, "internal", "a" * 64, entries, by="ann")
        await tell_of_users(store, canaries[half:])
        for report, note in zip(canaries[half::2], canaries[half + 1 :: 2], strict=True):
            owned = await claimed(store, customer_id=plain)
            async with store.begin() as work:
                await ledger.begin(work, owned, "pull")
            async with store.begin() as work:
                await ledger.done(work, owned, "pull", report.encode())
            await finish(store, owned, partners=("acme",))
            async with store.begin() as work:
                await decisions.decide_referral(
                    work,
                    owned.subject.id,
                    tenant=None,
                    verdict=Verdict.APPROVED,
                    note=note,
                    decided_by="ann",
                    now=NOW,
                    partners=("acme",),
                )
        if work.get_bind().dialect.name == "sqlite":
            return Path(str(make_url(url).database)).parent
        async with store.begin() as work:
            await work.execute(text("CHECKPOINT"))
            return Path(await work.scalar(text("SHOW data_directory")))


async def tell_of_users(store: Store, canaries: list[str]) -> None:
    """Events with a canary as their payload, and profiles with one among staff's notes."""
    await meet(store)
    async with store.begin() as work:
        for number, canary in enumerate(canaries):
            await inbox.receive(work, "sqs", str(number), "user_created", "acme", "ada", canary.encode(), NOW)
            await profiles.put(work, "acme", "ada", TIERS, (), "staff", canary, "ann", NOW)


def occurrences(folder: Path, value: str) -> int:
    """How often a value stands in the files, as it is or as PostgreSQL writes bytes in its log."""
    files = [file.read_bytes() for file in folder.rglob("*") if file.is_file()]
    return sum(content.count(value.encode()) + content.count(value.encode().hex().encode()) for content in files)


def test_two_hundred_canaries_are_nowhere_in_the_database_files(database_url: str, keyring: Keyring) -> None:
    marker, control = f"canary-{secrets.token_hex(12)}", f"control-{secrets.token_hex(12)}"
    folder = run(write(database_url, keyring, [f"{marker}-{number}" for number in range(200)], control))
    assert occurrences(folder, marker) == 0
    assert occurrences(folder, control) >= 50  # the search does look into the right files


async def test_an_error_of_the_database_shows_no_row(store: Store) -> None:
    owned = await claimed(store)
    canary = "canary-in-a-fact"
    observed = [result.model_copy(update={"facts": {"employer": canary}}) for result in results()]

    async def twice() -> None:
        async with store.begin() as work:
            await decisions.finish(work, owned, [*observed, *observed], decision(owned.subject), ())

    with pytest.raises(StatementRefused) as refused:
        await twice()
    assert canary not in "".join(traceback.format_exception(refused.value))
