"""`underwriting purge`: it counts, asks, and refuses to go below what the law demands."""

import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import pytest
from support.databases import run, sqlite_url
from support.shell import Shell
from typer.testing import CliRunner

from underwriting.cli import application
from underwriting.settings import settings
from underwriting.store.keyfile import keyring
from underwriting.store.models import EventRow
from underwriting.store.queue import inbox
from underwriting.store.session import Store, Work

LONG_AGO = datetime.now(UTC) - timedelta(days=200)


def on_store(shell: Shell, work: Callable[[Work], Awaitable[None]]) -> None:
    async def opened() -> None:
        async with Store.open(sqlite_url(shell.database), keyring(settings())) as store, store.begin() as unit:
            await work(unit)

    run(opened())


@pytest.fixture
def with_an_old_event(migrated: Shell) -> Shell:
    async def receive(work: Work) -> None:
        await inbox.receive(work, "bus", "1", "user_created", "acme", "ada", b"{}", LONG_AGO)
        await work.execute(EventRow.__table__.update().values(state="done", done_at=LONG_AGO))

    on_store(migrated, receive)
    return migrated


def test_nothing_is_deleted_before_somebody_agrees(with_an_old_event: Shell) -> None:
    answered = CliRunner().invoke(application("purge"), ["purge"], input="n\n")
    assert answered.exit_code == 2
    assert "nothing is deleted; --yes does not ask" in answered.stderr
    counted = with_an_old_event.run("purge", "--json")
    expected = [{"kind": "events", "tenant": "acme", "records": 1}]
    assert (counted[0], json.loads(counted[1])) == (0, {"deleted": False, "records": expected})
    assert "3 months after the handling" in with_an_old_event.run("purge")[1]
    agreed = CliRunner().invoke(application("purge"), ["purge", "events", "--tenant", "acme"], input="y\n")
    assert agreed.stdout.endswith("deleted: 1 record; the audit log has the counts\n")
    assert with_an_old_event.run("purge") == (0, "Nothing is past its term.\n", "")


def test_yes_does_not_ask_and_json_says_what_went(with_an_old_event: Shell) -> None:
    deleted = with_an_old_event.run("purge", "--yes", "--json")
    expected = [{"kind": "events", "tenant": "acme", "records": 1}]
    assert json.loads(deleted[1]) == {"deleted": True, "records": expected}
    assert with_an_old_event.run("purge", "--yes") == (0, "Nothing was past its term.\n", "")
    assert with_an_old_event.run("audit", "verify")[0] == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (
            ("applications", "--older-than", "24"),
            "24 months are too few: keep applications 25 months after the notification",
        ),
        (("business-applications", "--older-than", "11"), "12 months after the notification"),
        (("screening", "--older-than", "119"), "120 months after the clearance of the match (31 CFR 501.601)"),
        (("--older-than", "25"), "25 months are too few: keep screening 120 months"),
        (("letters",), "letters is no kind of record; there are applications, business-applications"),
        (("event",), "event is no kind of record; did you mean events?"),
        (("--older-than", "soon"), "--older-than: "),
    ],
)
def test_too_few_months_and_unknown_kinds_are_refused(migrated: Shell, arguments: tuple[str, ...], says: str) -> None:
    code, out, error = migrated.run("purge", *arguments)
    assert (code, out) == (2, "")
    assert says in error


def test_a_setting_below_the_minimum_is_refused(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UNDERWRITING_RETENTION", '{"acme": {"months": {"applications": 24}}}')
    settings.cache_clear()
    with pytest.raises(ValueError, match=r"UNDERWRITING_RETENTION\.acme: 24 months are too few: keep applications 25"):
        settings()
