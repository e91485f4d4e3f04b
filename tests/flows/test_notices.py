"""Notices from a review to the shell: warned of once, written, sent; Prefect never sees a name."""

import asyncio
import json
import re
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from support.journeys import Journey
from support.reviews import let_time_pass
from typer.testing import CliRunner

from flows.sweep import sweep
from underwriting.cli import application


async def shell(*words: str) -> tuple[int, str]:
    result = await asyncio.to_thread(CliRunner().invoke, application("notices"), ["notices", *words])
    return result.exit_code, result.output


async def events(journey: Journey) -> list[dict[str, object]]:
    async with journey.runtime.store.read() as work:
        bodies = await work.scalars(text("SELECT body FROM outbox WHERE channel = 'events' ORDER BY seq"))
    return [json.loads(bytes(body)) for body in bodies]


async def test_a_deadline_that_comes_near_is_told_once(journey: Journey) -> None:
    record = (await journey.review("low-score")).record
    await sweep()
    assert await events(journey) == [], "it is weeks away"
    soon = journey.runtime.store.day_of(datetime.now(UTC)) + timedelta(days=journey.runtime.config.notice_warning_days)
    async with journey.runtime.store.begin() as work:
        await work.execute(text("UPDATE decisions SET notice_due = :day"), {"day": soon})
    await sweep()
    await sweep()
    (event,) = await events(journey)
    assert event["type"] == "notice.due_soon"
    assert event["data"] == {
        "subject_id": record.id,
        "customer_id": "low-score",
        "number": 1,
        "kind": "adverse_action",
        "product": "loan",
        "due": soon.isoformat(),
    }


async def test_a_referral_that_nobody_decides_is_told_of_and_cannot_be_sent(journey: Journey) -> None:
    record = (await journey.review("thin-file")).record
    assert record.verdict == "referred"
    assert record.notice_due == journey.runtime.store.day_of(record.received_at) + timedelta(days=30)
    soon = journey.runtime.store.day_of(datetime.now(UTC)) + timedelta(days=journey.runtime.config.notice_warning_days)
    for day, told in ((soon + timedelta(days=1), 0), (soon, 1)):
        async with journey.runtime.store.begin() as work:
            await work.execute(text("UPDATE decisions SET notice_due = :day"), {"day": day})
        await sweep()
        assert [event["data"]["kind"] for event in await events(journey)] == ["undecided"] * told
    assert "undecided" in (await shell("due"))[1]
    for words in (("show", record.id), ("sent", record.id, "--how", "letter")):
        code, said = await shell(*words)
        assert (code, f"nobody has decided {record.id} yet" in said) == (2, True), said


async def test_a_notice_is_listed_shown_and_sent_from_the_shell(journey: Journey) -> None:
    record = (await journey.review("low-score")).record
    code, listed = await shell("due")
    assert (code, "low-score" in listed, record.id in listed) == (0, True, True)
    code, shown = await shell("show", record.id)
    assert (code, "Your credit score is too low." in shown) == (0, True), shown
    assert "consumer reporting agency" in shown, "a report was used"
    assert "Customer low-score" not in shown, "it has a name"
    code, page = await shell("show", record.id, "--format", "html")
    assert (code, "<h1>" in page) == (0, True)
    code, data = await shell("show", record.id, "--format", "json")
    assert (code, json.loads(data)["subject_id"]) == (0, record.id)
    code, said = await shell("sent", record.id, "--how", "letter")
    assert code == 0, said
    assert re.search(f"adverse_action about {record.id} was sent by letter on [0-9-]{{10}} [0-9:]{{5}} UTC\n", said)
    assert "low-score" not in (await shell("due"))[1]


async def test_what_needs_no_notice_is_refused(journey: Journey) -> None:
    record = (await journey.review("good")).record
    code, said = await shell("show", record.id)
    assert (code, f"no notice about {record.id} is owed" in said) == (2, True)
    await let_time_pass(journey.runtime.store, "applications", "received_on", timedelta(days=90))
    assert "good" not in (await shell("due"))[1]
