"""The outbox over every channel, and the audit chain's copy: with real clients against moto and an HTTP sink."""

import asyncio
import hashlib
import json
from datetime import timedelta
from typing import Any

import pytest
import rfc8785
from pytest_httpserver import HTTPServer
from sqlalchemy import select
from support.aws import Queues
from support.evaluated import claimed_check, evaluated, finish_check, meet
from support.reviews import let_time_pass, rows

from tasks.deliver import deliver
from tasks.stream_audit import stream_audit
from underwriting.runtime import Runtime
from underwriting.store import audit
from underwriting.store.models import Channel, MessageRow, QueueState
from underwriting.store.queue import outbox

LATER = timedelta(minutes=10)


@pytest.fixture
def bus(account: Any, queues: Queues) -> Queues:
    """The bus, whose events all arrive in the queue."""
    events, sqs = account("events"), queues.sqs
    events.create_event_bus(Name="underwriting")
    events.put_rule(Name="all", EventBusName="underwriting", EventPattern=json.dumps({"source": ["underwriting"]}))
    arn = sqs.get_queue_attributes(QueueUrl=queues.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_targets(Rule="all", EventBusName="underwriting", Targets=[{"Id": "queue", "Arn": arn}])
    return queues


def arrived(bus: Queues) -> list[dict[str, Any]]:
    """Everything in the queue, oldest first."""
    found: list[dict[str, Any]] = []
    while messages := bus.sqs.receive_message(QueueUrl=bus.url, MaxNumberOfMessages=10).get("Messages"):
        found += [json.loads(message["Body"]) for message in messages]
    return found


async def messages(runtime: Runtime) -> dict[str, list[QueueState]]:
    """Where the messages stand, by channel, in their order."""
    async with runtime.store.read() as work:
        found = list(await work.scalars(select(MessageRow).order_by(MessageRow.seq)))
    return {channel: [row.state for row in found if row.channel == channel] for channel in Channel}


async def test_events_arrive_in_the_users_order(runtime: Runtime, bus: Queues) -> None:
    await meet(runtime.store)
    for _ in range(3):
        await evaluated(runtime.store)
    await meet(runtime.store, user_id="bob")
    assert (await deliver(runtime))["arrived"] == 5
    told = arrived(bus)
    of_ada = [event["detail-type"] for event in told if event["detail"]["user_id"] == "ada"]
    assert of_ada == ["profile.updated", *["evaluation.approved"] * 3]
    detail = told[-1]["detail"]
    assert set(detail) == {"event_id", "tenant", "user_id", "data"}
    assert detail["event_id"].startswith("msg_")
    assert (await deliver(runtime))["arrived"] == 0, "each once"


async def test_an_event_whose_body_was_damaged_fails_alone(runtime: Runtime, bus: Queues) -> None:
    for user_id in ("ada", "bob", "eve"):
        await meet(runtime.store, user_id=user_id)
    async with runtime.store.begin() as work:
        broken = MessageRow.__table__.update().where(MessageRow.customer_id == "bob")
        await work.execute(broken.values(body=b'{"type":"profile.updat'))
    assert await deliver(runtime) == {"arrived": 2, "failed": 1}
    assert [event["detail"]["user_id"] for event in arrived(bus)] == ["ada", "eve"]
    async with runtime.store.read() as work:
        (waiting,) = await outbox.QUEUE.pending(work)
    assert (waiting.customer_id, waiting.trouble) == (
        "bob",
        "events: the message cannot be written; the log of whoever delivers has the error",
    )


async def test_what_the_bus_refuses_stays_and_is_put_again(runtime: Runtime, bus: Queues, account: Any) -> None:
    account("events").remove_targets(Rule="all", EventBusName="underwriting", Ids=["queue"])
    account("events").delete_rule(Name="all", EventBusName="underwriting")
    account("events").delete_event_bus(Name="underwriting")
    await meet(runtime.store)
    assert (await deliver(runtime))["arrived"] == 0
    assert (await messages(runtime))[Channel.EVENTS] == [QueueState.PENDING]
    account("events").create_event_bus(Name="underwriting")
    await let_time_pass(runtime.store, "outbox", "due_at", LATER)
    assert (await deliver(runtime))["arrived"] == 1


async def test_analytics_arrive_under_the_messages_id(runtime: Runtime, bus: Queues, httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/batch").respond_with_json({"success": True})
    check = await claimed_check(runtime.store)
    await finish_check(runtime.store, check, channels=(Channel.ANALYTICS, Channel.EVENTS))
    assert (await deliver(runtime, check.subject.id))["arrived"] == 2
    (request, _), *_ = httpserver.log
    (sent,) = (request.json or {})["batch"]
    assert (sent["event"], sent["userId"], sent["properties"]["tenant"]) == ("Evaluation Approved", "ada", "acme")
    async with runtime.store.read() as work:
        ids = select(MessageRow.id).where(MessageRow.channel == Channel.ANALYTICS)
        assert sent["messageId"] == await work.scalar(ids)


async def test_a_channel_that_is_down_holds_up_no_other_and_dies_alone(
    runtime: Runtime, bus: Queues, httpserver: HTTPServer
) -> None:
    httpserver.expect_request("/v1/batch").respond_with_data("", 503)
    await finish_check(runtime.store, await claimed_check(runtime.store), channels=(Channel.ANALYTICS, Channel.EVENTS))
    assert (await deliver(runtime))["arrived"] == 1
    async with runtime.store.begin() as work:
        await work.execute(MessageRow.__table__.update().values(attempts=len(outbox.WAITS)))
    await let_time_pass(runtime.store, "outbox", "due_at", LATER)
    assert (await deliver(runtime))["arrived"] == 0
    found = await messages(runtime)
    assert (found[Channel.ANALYTICS], found[Channel.EVENTS]) == ([QueueState.DEAD], [QueueState.DONE])
    async with runtime.store.begin() as work:
        (dead,) = await outbox.QUEUE.dead(work)
        assert dead.trouble == "analytics: Segment answered 503"
        await outbox.QUEUE.redrive(work, [dead.id], "olga")
    httpserver.clear()
    httpserver.expect_request("/v1/batch").respond_with_json({"success": True})
    assert (await deliver(runtime))["arrived"] == 1


async def test_a_callback_without_a_partner_is_refused(runtime: Runtime, bus: Queues) -> None:
    await evaluated(runtime.store)
    async with runtime.store.begin() as work:
        given = {"tenant": "acme", "customer_id": "ada", "subject_id": "evl_1", "event": "e", "record": b"{}"}
        at = (await work.scalars(select(MessageRow.created_at))).one()
        await outbox.enqueue(work, Channel.CALLBACK, at=at, target="https://hooks.example/done", **given)
    assert (await deliver(runtime))["arrived"] == 1
    assert (await messages(runtime))[Channel.CALLBACK] == [QueueState.PENDING]


def copied(account: Any) -> list[dict[str, Any]]:
    kinesis = account("kinesis")
    (shard,) = kinesis.list_shards(StreamName="audit")["Shards"]
    runtime = {"StreamName": "audit", "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
    found = kinesis.get_records(ShardIterator=kinesis.get_shard_iterator(**runtime)["ShardIterator"])["Records"]
    return [json.loads(record["Data"]) for record in found]


async def test_the_audit_chain_is_copied_on_in_order_and_can_be_verified(runtime: Runtime, account: Any) -> None:
    account("kinesis").create_stream(StreamName="audit", ShardCount=1)
    await evaluated(runtime.store)
    await meet(runtime.store)
    assert await stream_audit(runtime) == await rows(runtime.store, "audit") - 1
    assert await stream_audit(runtime) == 0, "a note of the copy is no news"
    await meet(runtime.store, user_id="bob")
    assert await stream_audit(runtime) == 2
    found = copied(account)
    assert [entry["seq"] for entry in found] == list(range(1, len(found) + 1))
    for before, entry in zip([{"hash": audit.GENESIS}, *found], found, strict=False):
        assert entry["previous"] == before["hash"]
        hashed = {name: entry[name] for name in audit.HASHED}
        assert hashlib.sha256(rfc8785.dumps(hashed)).hexdigest() == entry["hash"]
    async with runtime.store.read() as work:
        assert await audit.verify(work) == []


async def test_two_copiers_lose_nothing(runtime: Runtime, account: Any) -> None:
    account("kinesis").create_stream(StreamName="audit", ShardCount=1)
    for number in range(5):
        await meet(runtime.store, user_id=f"user-{number}")
    await asyncio.gather(stream_audit(runtime), stream_audit(runtime))
    assert {entry["seq"] for entry in copied(account)} >= {1, 2, 3, 4, 5}
