"""`consume` and `inbox`: what an operator does about events."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prefect.settings import PREFECT_API_URL, temporary_settings
from support.databases import sqlite_database
from typer.testing import CliRunner

from underwriting.cli import application
from underwriting.settings import settings
from underwriting.store.keyfile import keyring
from underwriting.store.models import Channel
from underwriting.store.queue import inbox, outbox
from underwriting.store.session import Store


@pytest.fixture
def environment(tmp_path: Path, migrated_sqlite: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("UNDERWRITING_STATE_DIR", str(tmp_path))
    monkeypatch.setenv("UNDERWRITING_DATABASE_URL", sqlite_database(tmp_path, migrated_sqlite))
    settings.cache_clear()
    yield
    settings.cache_clear()


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(application(arguments[0]), list(arguments))
    return result.exit_code, result.stdout + result.stderr


async def a_dead_event() -> str:
    async with Store.open(settings().database_url, keyring(settings())) as store:
        async with store.begin() as work:
            at = datetime(2026, 3, 2, tzinfo=UTC)
            await inbox.receive(work, "float.service", "evt-1", "user_created", "acme", "ada", b"{}", at)
            (event,) = await inbox.due(work)
            await inbox.QUEUE.failed(work, event.id, event.attempt, "it is always so", waits=())
        return event.id


@pytest.mark.usefixtures("environment")
def test_dead_events_are_listed_and_redriven() -> None:
    event_id = asyncio.run(a_dead_event())
    code, told = run("inbox", "dead")
    assert code == 0
    assert "user_created" in told
    code, told = run("inbox", "redrive", event_id)
    assert (code, told.startswith(f"{event_id} is due now")) == (0, True)


async def a_dead_message() -> str:
    async with Store.open(settings().database_url, keyring(settings())) as store, store.begin() as work:
        whose = {"tenant": "acme", "customer_id": "ada", "subject_id": "app_1", "target": None}
        at = datetime(2026, 3, 2, tzinfo=UTC)
        await outbox.enqueue(work, Channel.RESULTS, event="application.decided", at=at, record=b"{}", **whose)
        (message,) = await outbox.due(work, [Channel.RESULTS])
        await outbox.QUEUE.failed(work, message.id, message.attempt, "results endpoint: answered 410", waits=())
    return message.id


@pytest.mark.usefixtures("environment")
def test_a_dead_message_is_listed_with_its_failure_and_redriven_under_its_id() -> None:
    message_id = asyncio.run(a_dead_message())
    code, told = run("outbox", "dead")
    assert (code, message_id in told, "answered 410" in told) == (0, True, True)
    code, told = run("outbox", "redrive", message_id)
    assert (code, told.startswith(f"{message_id} is due now")) == (0, True)
    assert "dead" not in run("outbox", "pending")[1]
    (row,) = json.loads(run("outbox", "pending", "--json")[1])
    assert row["id"] == message_id


@pytest.mark.usefixtures("environment")
def test_what_is_not_redriven_says_why_and_the_others_are() -> None:
    event_id = asyncio.run(a_dead_event())
    code, told = run("inbox", "redrive", "evt_1", event_id)
    assert (code, f"{event_id} is due now" in told) == (2, True)
    assert "evt_1: there is no event of this id" in told
    code, told = run("inbox", "redrive", "--json", "evt_1")
    assert code == 2
    printed, _, _ = told.partition("\nunderwriting: ")
    assert json.loads(printed) == {
        "redriven": [],
        "not_redriven": {"evt_1": "there is no event of this id; `pending` and `dead` list them"},
    }


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("subject_id", "why"),
    [
        ("lim_01KAYB2M4Z5W8Q0V6T3R9N7XJC", "is no id of an application (app_…) or an evaluation (evl_…)"),
        ("app_01KAYB2M4Z5W8Q0V6T3R9N7XJC", "there is no application app_"),
        ("evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC", "there is no evaluation evl_"),
    ],
)
def test_what_cannot_be_retried_says_why(subject_id: str, why: str) -> None:
    code, told = run("retry", subject_id)
    assert (code, why in told) == (2, True)


@pytest.mark.usefixtures("environment")
def test_status_shows_on_one_screen_what_waits_and_for_how_long(monkeypatch: pytest.MonkeyPatch) -> None:
    event_id = asyncio.run(a_dead_event())
    monkeypatch.setenv("COLUMNS", "80")
    code, told = run("status")
    lines = told.splitlines()
    assert code == 0
    assert len(lines) <= 32
    assert max(map(len, lines)) <= 80
    (dead,) = (line.split() for line in lines if "inbox dead" in line)
    assert (dead[:2], dead[3:]) == (["dead", "1"], ["s", "underwriting", "inbox", "dead"])
    found = json.loads(run("status", "--json")[1])
    assert found["inbox_dead"]["count"] == 1
    assert found["inbox_dead"]["oldest"].startswith("20")
    assert found["applications"] == {"count": 0, "oldest": None}
    for which in ("referred", "quarantined"):
        assert json.loads(run("status", which, "--json")[1]) == []
    (row,) = json.loads(run("inbox", "dead", "--json")[1])
    assert (row["id"], row["trouble"], row["tenant"]) == (event_id, "it is always so", "acme")
    assert json.loads(run("inbox", "pending", "--json")[1]) == []


@pytest.mark.parametrize("columns", ["80", None])
@pytest.mark.usefixtures("environment")
def test_ids_of_queues_are_whole_and_can_be_redriven(monkeypatch: pytest.MonkeyPatch, columns: str | None) -> None:
    event_id = asyncio.run(a_dead_event())
    monkeypatch.setenv("COLUMNS", columns) if columns else monkeypatch.delenv("COLUMNS", raising=False)
    _, told = run("inbox", "dead")
    assert event_id in told.split()
    assert "it is always so" in " ".join(told.split())
    assert run("inbox", "redrive", event_id)[0] == 0
    _, told = run("inbox", "pending")
    assert event_id in told.split()


@pytest.mark.usefixtures("environment")
def test_without_a_queue_there_is_nothing_to_consume() -> None:
    code, told = run("consume")
    assert (code, "set UNDERWRITING_EVENTS_QUEUE_URL" in told) == (2, True)


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize("command", ["housekeeping", "consume"])
def test_without_a_prefect_server_nothing_is_started(monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    monkeypatch.setenv("UNDERWRITING_EVENTS_QUEUE_URL", "https://sqs.us-east-1.amazonaws.com/1/events")
    settings.cache_clear()
    with temporary_settings(restore_defaults={PREFECT_API_URL}):
        code, told = run(command)
    assert (code, "no Prefect server is named; set PREFECT_API_URL" in told) == (2, True)
