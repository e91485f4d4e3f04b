"""What is sealed opens in its own place, under its own key, and nowhere else."""

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import SimpleQueue
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr
from sqlalchemy import Engine, event, text
from support.evaluated import TIERS, meet
from support.processes import start
from support.reviews import NOW, claimed, finish, rows

from underwriting.domain.decision import Verdict
from underwriting.settings import Settings, SettingsRefused, settings
from underwriting.store import decisions, ledger, lists, profiles, rotation
from underwriting.store.crypto import Keyring, SealedCell, sealed_under
from underwriting.store.errors import Undecipherable
from underwriting.store.keyfile import keyring as keyring_of
from underwriting.store.lists import ListEntry
from underwriting.store.models import ListEntryRow
from underwriting.store.queue import inbox
from underwriting.store.rotation import reseal
from underwriting.store.session import Store

HERE = SealedCell("effects", "payload", ("app_1", "bureau-pull"))
OLD, NEW = AESGCM.generate_key(256), AESGCM.generate_key(256)


def test_what_is_sealed_opens_again() -> None:
    ring = Keyring.generate()
    assert ring.open(ring.seal(b"", HERE), HERE) == b""
    assert ring.open(ring.seal(b"score 700", HERE), HERE) == b"score 700"
    assert ring.seal(b"x", HERE) != ring.seal(b"x", HERE)


@pytest.mark.parametrize(
    "elsewhere",
    [
        SealedCell("decisions", "payload", HERE.row),
        SealedCell("effects", "note", HERE.row),
        SealedCell("effects", "payload", ("app_2", "bureau-pull")),
        SealedCell("effects", "payload", ("app_1", "bureau", "pull")),
    ],
)
def test_a_value_that_was_moved_does_not_open(elsewhere: SealedCell) -> None:
    ring = Keyring.generate()
    with pytest.raises(Undecipherable, match="was changed or moved"):
        ring.open(ring.seal(b"secret", HERE), elsewhere)


@pytest.mark.parametrize("position", [4, 16, 20, -1])
def test_a_value_that_was_changed_does_not_open(position: int) -> None:
    ring = Keyring.generate()
    sealed = bytearray(ring.seal(b"secret", HERE))
    sealed[position] ^= 1
    with pytest.raises(Undecipherable):
        ring.open(bytes(sealed), HERE)


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"plain text", b"\x01\x02k1", b"\x01\xff"])
def test_what_was_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(Undecipherable):
        Keyring.generate().open(sealed, HERE)


def test_an_old_key_opens_and_the_current_one_seals() -> None:
    before = Keyring({"2025": OLD}, "2025")
    after = Keyring({"2025": OLD, "2026": NEW}, "2026")
    sealed = before.seal(b"secret", HERE)
    assert after.open(sealed, HERE) == b"secret"
    assert sealed_under(after.seal(b"secret", HERE)) == "2026"
    with pytest.raises(Undecipherable, match="'2025', which is not among the encryption keys"):
        Keyring({"2026": NEW}, "2026").open(sealed, HERE)


def test_another_key_under_the_same_id_does_not_open() -> None:
    sealed = Keyring({"k": OLD}, "k").seal(b"secret", HERE)
    with pytest.raises(Undecipherable):
        Keyring({"k": NEW}, "k").open(sealed, HERE)


@pytest.mark.parametrize(
    ("keys", "current", "message"),
    [
        ({}, "k", "is not among the keys"),
        ({"k": OLD}, "other", "is not among the keys"),
        ({"k": OLD[:16]}, "k", "has 16 bytes; AES-256 needs 32"),
        ({"": OLD}, "", "1 to 255 bytes"),
        ({"k" * 256: OLD}, "k" * 256, "1 to 255 bytes"),
    ],
)
def test_a_ring_that_could_not_work_is_refused(keys: dict[str, bytes], current: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Keyring(keys, current)


def test_keys_come_from_the_settings(tmp_path: Path) -> None:
    secret = SecretStr(base64.b64encode(OLD).decode())
    configured = Settings(state_dir=tmp_path, encryption_keys={"2025": secret}, encryption_key_id="2025")
    assert keyring_of(configured).open(Keyring({"2025": OLD}, "2025").seal(b"x", HERE), HERE) == b"x"
    assert list(tmp_path.iterdir()) == []
    for wrong in ("no base64!", base64.b64encode(b"short").decode()):
        with pytest.raises(ValueError, match="UNDERWRITING_ENCRYPTION_KEYS"):
            keyring_of(Settings(encryption_keys={"k": SecretStr(wrong)}, encryption_key_id="k"))


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+asyncpg://underwriting:s3cret@db.internal/underwriting",
        "postgresql+asyncpg://postgres@127.0.0.1/underwriting",
        "postgresql+asyncpg://postgres:s3cret@/underwriting?host=/cloudsql/lender",
    ],
)
def test_no_process_makes_keys_of_its_own_beside_an_external_database(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UNDERWRITING_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("UNDERWRITING_DATABASE_URL", url)
    settings.cache_clear()
    with pytest.raises(SettingsRefused, match=r"^UNDERWRITING_ENCRYPTION_KEYS: is empty, and the database is an ext"):
        settings()
    monkeypatch.setenv("UNDERWRITING_ENCRYPTION_KEYS", json.dumps({"2026": base64.b64encode(NEW).decode()}))
    monkeypatch.setenv("UNDERWRITING_ENCRYPTION_KEY_ID", "2026")
    assert keyring_of(settings()).current == "2026"
    settings.cache_clear()
    assert list(tmp_path.iterdir()) == []


def test_a_key_file_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    config = Settings(state_dir=tmp_path / "state")
    sealed = keyring_of(config).seal(b"x", HERE)
    assert keyring_of(config).open(sealed, HERE) == b"x"
    (file,) = config.state_dir.iterdir()
    assert file.stat().st_mode & 0o077 == 0


async def use_key_file(state_dir: Path, answers: "SimpleQueue[bytes]") -> None:
    answers.put(keyring_of(Settings(state_dir=state_dir)).seal(b"x", HERE))


@pytest.mark.forks
def test_processes_that_start_together_share_one_key_file(tmp_path: Path) -> None:
    answers: SimpleQueue[bytes] = SimpleQueue()
    processes = [start(use_key_file, tmp_path / "state", answers) for _ in range(8)]
    for process in processes:
        process.join()
    ring = keyring_of(Settings(state_dir=tmp_path / "state"))
    assert [ring.open(answers.get(), HERE) for _ in range(8)] == [b"x"] * 8
    answers.close()


@pytest.mark.parametrize("content", ["", "{}", '{"keys": {"k": "x"}, "current": "k"}', '{"keys": [], "current": "k"}'])
def test_a_damaged_key_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "encryption-keys.json").write_text(content)
    with pytest.raises(ValueError, match=r"encryption-keys\.json"):
        keyring_of(Settings(state_dir=tmp_path))


async def test_rotation_seals_everything_under_the_current_key(database_url: str) -> None:
    async with Store.open(database_url, Keyring({"2025": OLD}, "2025")) as store:
        owned = await claimed(store)
        async with store.begin() as work:
            await ledger.begin(work, owned, "pull")
            await ledger.done(work, owned, "pull", b"report")
            await lists.replace(work, "internal", "a" * 64, [ListEntry(str(n), b"name") for n in range(510)], "ann")
        await finish(store, owned)
        await meet(store)
        async with store.begin() as work:
            await inbox.receive(work, "sqs", "1", "user_created", "acme", "ada", b"event", NOW)
            await profiles.put(work, "acme", "ada", TIERS, (), "staff", "called", "ann", NOW)
            await decisions.decide_referral(
                work,
                owned.subject.id,
                tenant=None,
                verdict=Verdict.APPROVED,
                note="seen",
                decided_by="ann",
                now=NOW,
                partners=(),
            )
    async with Store.open(database_url, Keyring({"2025": OLD, "2026": NEW}, "2026")) as store:
        assert await reseal(store) == 514
        assert await reseal(store) == 0
        assert await rotation.left(store) == 0
    async with Store.open(database_url, Keyring({"2026": NEW}, "2026")) as store:
        assert await rows(store, "screening_entries") == 510
        async with store.read() as work:
            assert {entry.record for entry in await lists.entries(work, "internal")} == {b"name"}
            assert (await decisions.history(work, owned.subject.id))[-1].note == "seen"
            met = await profiles.current(work, "acme", "ada", NOW)
            assert met is not None
            assert met.notes == "called"
            sealed = await work.scalar(text("SELECT payload FROM effects"))
        async with store.begin() as work:
            assert [event.payload for event in await inbox.due(work)] == [b"event"]
    assert sealed_under(sealed) == "2026"


@contextmanager
def pages_read() -> Iterator[list[str]]:
    """The statements that look for rows to seal anew."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        if statement.startswith("SELECT screening_entries."):
            seen.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", note)


async def test_rotation_reads_no_row_twice_for_those_behind_it(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page goes on behind the last one, by the table's key; so the time grows with the rows, not their square."""
    monkeypatch.setattr(rotation, "PAGE", 10)
    async with Store.open(database_url, Keyring({"2025": OLD}, "2025")) as store, store.begin() as work:
        await lists.replace(work, "internal", "a" * 64, [ListEntry(str(n), b"name") for n in range(40)], "ann")
    async with Store.open(database_url, Keyring({"2025": OLD, "2026": NEW}, "2026")) as store:
        with pages_read() as pages:
            assert await reseal(store) == 40
        # Four pages and an empty one; then another walk finds nothing.
        assert [") > (" in page for page in pages] == [False, True, True, True, True, False]


async def test_rotation_goes_on_where_it_was_interrupted(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async with Store.open(database_url, Keyring({"2025": OLD}, "2025")) as store, store.begin() as work:
        await lists.replace(work, "internal", "a" * 64, [ListEntry(str(n), b"name") for n in range(40)], "ann")
    ring = Keyring({"2025": OLD, "2026": NEW}, "2026")
    async with Store.open(database_url, ring) as store:
        monkeypatch.setattr(rotation, "PAGE", 10)
        await rotation._reseal_page(store, ListEntryRow.record, None)
        assert await reseal(store) == 30
