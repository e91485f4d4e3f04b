"""Events to EventBridge: each is known to be taken or not."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from support.aws import Queues

from underwriting.integrations.aws import Aws
from underwriting.integrations.bus import MAX_BYTES, BusEvent, EventBus
from underwriting.integrations.errors import SourceOutage, SourceRefusal
from underwriting.integrations.queue import EventQueue

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


def bus_event(number: int = 1, detail: str | None = None) -> BusEvent:
    return BusEvent("evaluation.approved", AT, detail or json.dumps({"event_id": f"msg_{number}"}))


@pytest.fixture
def bus(account: Any, aws: Aws, queues: Queues) -> EventBus:
    """A bus whose rule brings all its events to the queue."""
    events, sqs = account("events"), queues.sqs
    events.create_event_bus(Name="underwriting")
    events.put_rule(Name="all", EventBusName="underwriting", EventPattern=json.dumps({"source": ["underwriting"]}))
    arn = sqs.get_queue_attributes(QueueUrl=queues.url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.put_targets(Rule="all", EventBusName="underwriting", Targets=[{"Id": "queue", "Arn": arn}])
    return EventBus(aws, "underwriting", "underwriting")


async def received(queue: EventQueue, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < count and (deliveries := await queue.receive(wait=0)):
        found += [json.loads(delivery.body) for delivery in deliveries]
    return found


async def test_more_than_one_call_takes_arrives_in_full(bus: EventBus, queue: EventQueue) -> None:
    assert await bus.put([bus_event(number) for number in range(23)]) == [None] * 23
    arrived = await received(queue, 23)
    assert {event["detail"]["event_id"] for event in arrived} == {f"msg_{number}" for number in range(23)}
    assert {(event["detail-type"], event["source"]) for event in arrived} == {("evaluation.approved", "underwriting")}


async def test_one_refused_event_is_named_and_the_others_arrive(bus: EventBus, queue: EventQueue) -> None:
    first, second, third = await bus.put([bus_event(1), bus_event(2, detail="{"), bus_event(3)])
    assert (first, third) == (None, None)
    assert isinstance(second, SourceRefusal)
    assert "MalformedDetail" in str(second)
    assert {event["detail"]["event_id"] for event in await received(queue, 2)} == {"msg_1", "msg_3"}


async def test_an_event_that_no_call_takes_holds_up_no_other(bus: EventBus, queue: EventQueue) -> None:
    large = bus_event(2, json.dumps({"event_id": "x" * MAX_BYTES}))
    first, second, third = await bus.put([bus_event(1), large, bus_event(3)])
    assert (first, third) == (None, None)
    assert isinstance(second, SourceRefusal)
    assert len(await received(queue, 2)) == 2


async def test_large_events_are_put_in_several_calls(bus: EventBus, queue: EventQueue) -> None:
    assert await bus.put([bus_event(n, json.dumps({"event_id": "x" * 100_000})) for n in range(5)]) == [None] * 5
    assert len(await received(queue, 5)) == 5


async def test_a_bus_that_is_not_there_is_every_events_trouble(aws: Aws) -> None:
    troubles = await EventBus(aws, "nowhere", "underwriting").put([bus_event(1), bus_event(2)])
    assert [type(trouble) for trouble in troubles] == [SourceRefusal, SourceRefusal]


async def test_a_throttled_entry_is_worth_another_try(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    answer = {"FailedEntryCount": 1, "Entries": [{"EventId": "1"}, {"ErrorCode": "ThrottlingException"}]}
    httpserver.expect_request("/", method="POST").respond_with_json(answer)
    async with Aws("us-east-1", httpserver.url_for("")) as aws:
        first, second = await EventBus(aws, "underwriting", "underwriting").put([bus_event(1), bus_event(2)])
    assert first is None
    assert isinstance(second, SourceOutage)
