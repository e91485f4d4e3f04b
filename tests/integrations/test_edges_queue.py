"""Events off SQS: stored before they are deleted, and what cannot be read ends in the dead-letter queue."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest
from support.aws import Queues

from underwriting.domain.events import Event, FloatCreated
from underwriting.integrations.aws import Aws
from underwriting.integrations.errors import SourceOutage, SourceRefusal
from underwriting.integrations.queue import Consumer, EventQueue, NotAnEvent, QueueAttributes, QueueUnsafe, read_event

EVALUATION = "evl_01KAYB2M4Z5W8Q0V6T3R9N7XJC"
TERMS = QueueAttributes(visibility=2, max_receives=5, dead_letter_arn="arn")


def envelope(number: int = 1, **changes: Any) -> dict[str, Any]:
    """An event as an EventBridge rule delivers it to a queue."""
    detail = {
        "event_id": f"evt-{number}",
        "tenant": "acme",
        "user_id": "ada",
        "evaluation_id": EVALUATION,
        "float_id": f"flt-{number}",
        "amount": 4000,
    }
    return {
        "version": "0",
        "id": f"put-{number}",
        "detail-type": "user_float_created",
        "source": "float.service",
        "account": "123456789012",
        "time": "2026-03-02T09:30:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {**detail, **changes},
    }


def plain(number: int = 1, **changes: Any) -> dict[str, Any]:
    """The event itself, as another service may send it without a bus."""
    told = {"source": "float.service", "id": f"evt-{number}", "type": "user_created", "tenant": "acme"}
    return {**told, "user_id": "ada", "at": "2026-03-02T09:30:00Z", **changes}


class Taken:
    """Where a consumer puts events: kept, unless the test says that storing fails."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.trouble: Exception | None = None
        self.seconds = 0.0
        self.refused: set[str] = set()

    async def __call__(self, events: Sequence[Event]) -> list[bool]:
        await asyncio.sleep(self.seconds)
        if self.trouble is not None:
            raise self.trouble
        taken = [event for event in events if event.id not in self.refused]
        self.events += taken
        return [event in taken for event in events]


def test_the_envelope_of_a_bus_is_read() -> None:
    event = read_event(json.dumps(envelope()))
    assert (event.source, event.id, event.tenant, event.user_id) == ("float.service", "evt-1", "acme", "ada")
    assert event.details == FloatCreated(evaluation_id=EVALUATION, float_id="flt-1")


def test_an_envelope_without_an_event_id_is_known_by_its_own() -> None:
    told = envelope()
    del told["detail"]["event_id"]
    assert read_event(json.dumps(told)).id == "put-1"


def test_an_event_without_envelope_is_read() -> None:
    assert read_event(json.dumps(plain())).type == "user_created"


def notification(message: object, **changes: Any) -> str:
    """A message as an SNS topic without raw message delivery hands it to a queue."""
    told = {"Type": "Notification", "MessageId": "sns-1", "TopicArn": "arn:aws:sns:us-east-1:1:events"}
    return json.dumps({**told, "Message": message, "Timestamp": "2026-03-02T09:30:01.000Z", **changes})


@pytest.mark.parametrize(("told", "id_"), [(envelope(), "evt-1"), (plain(), "evt-1"), (plain(id=4711), "4711")])
def test_an_event_from_a_topic_is_read_with_and_without_its_envelope(told: dict[str, Any], id_: str) -> None:
    raw = json.dumps(told)
    assert read_event(notification(raw)) == read_event(raw)
    assert read_event(raw).id == id_


def test_whole_numbers_are_ids() -> None:
    event = read_event(json.dumps(envelope(event_id=17, user_id=4711, float_id=9007199254740991)))
    assert (event.id, event.user_id) == ("17", "4711")
    assert event.details == FloatCreated(evaluation_id=EVALUATION, float_id="9007199254740991")


@pytest.mark.parametrize("odd", [True, False, 4711.0, -1, 2**53, None, [4711]])
@pytest.mark.parametrize("place", ["event_id", "user_id", "float_id"])
def test_nothing_else_is_an_id(place: str, odd: object) -> None:
    with pytest.raises(NotAnEvent):
        read_event(json.dumps(envelope(**{place: odd})))


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (notification("{"), "not JSON"),
        (notification("[" * 100_000), "not JSON"),
        (notification("7"), "not a JSON object"),
        (notification({"source": "float.service"}), "no notification with a Message"),
        (notification(json.dumps(plain()), Type="SubscriptionConfirmation"), "no notification with a Message"),
        (notification(notification(json.dumps(plain()))), "source: "),
        (json.dumps(plain(payload={"note": "x" * 1_048_576})), "longer than 1,048,576 characters"),
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[]", "not a JSON object"),
        (json.dumps(envelope() | {"detail": "x"}), "detail is not an object"),
        (json.dumps(envelope() | {"detail-type": "user_deleted"}), "type: "),
        (json.dumps(envelope(evaluation_id="4711")), "evaluation_id"),
        (json.dumps(envelope(tenant=None)), "tenant"),
        (json.dumps(plain(user_id=None)), "user_created needs a user_id"),
        (json.dumps(plain(at="2026-03-02T09:30:00")), "at: "),
        (json.dumps(plain(surname="canary")), "surname: there is no such member"),
    ],
)
def test_anything_else_is_no_event_and_the_place_is_named(body: str, why: str) -> None:
    with pytest.raises(NotAnEvent, match=why) as refused:
        read_event(body)
    assert "canary" not in str(refused.value)


async def test_what_is_stored_is_deleted(queues: Queues, queue: EventQueue) -> None:
    queues.send(*(json.dumps(envelope(number)) for number in range(7)))
    taken = Taken()
    assert await Consumer(queue, TERMS, taken).consume(wait=0) == 7
    assert {event.id for event in taken.events} == {f"evt-{number}" for number in range(7)}
    assert queues.waiting(queues.url) == 0


async def test_an_unreadable_message_stays_and_its_neighbours_are_taken(
    queues: Queues, queue: EventQueue, caplog: pytest.LogCaptureFixture
) -> None:
    queues.send(json.dumps(plain(1)), "canary", json.dumps(plain(2)))
    taken = Taken()
    assert await Consumer(queue, TERMS, taken).consume(wait=0) == 2
    assert queues.waiting(queues.url) == 1
    assert "not JSON" in caplog.text
    assert "canary" not in caplog.text


async def test_what_could_not_be_stored_stays(queues: Queues, queue: EventQueue) -> None:
    queues.send(json.dumps(plain()))
    taken = Taken()
    taken.trouble = SourceOutage("store", "away")
    with pytest.raises(SourceOutage):
        await Consumer(queue, TERMS, taken).consume(wait=0)
    assert queues.waiting(queues.url) == 1


async def test_one_event_that_is_not_stored_stays_alone(queues: Queues, queue: EventQueue) -> None:
    queues.send(*(json.dumps(plain(number)) for number in range(3)))
    taken = Taken()
    taken.refused = {"evt-1"}
    assert await Consumer(queue, TERMS, taken).consume(wait=0) == 2
    assert queues.waiting(queues.url) == 1


async def test_storing_ends_before_the_messages_are_somebody_elses(queues: Queues, queue: EventQueue) -> None:
    queues.send(json.dumps(plain()))
    taken = Taken()
    taken.seconds = 0.3
    with pytest.raises(TimeoutError):
        await Consumer(queue, QueueAttributes(visibility=0.2, max_receives=5, dead_letter_arn="arn"), taken).consume(
            wait=0
        )
    assert taken.events == []
    assert queues.waiting(queues.url) == 1


async def test_a_queue_with_a_dead_letter_queue_is_fit(queue: EventQueue) -> None:
    attributes = await queue.checked()
    assert (attributes.visibility, attributes.max_receives) == (2.0, 5)


@pytest.mark.parametrize(("receives", "why"), [(None, "has no dead-letter queue"), (4, "raise the maxReceiveCount")])
async def test_a_queue_that_loses_messages_is_refused(aws: Aws, account: Any, receives: int | None, why: str) -> None:
    queues = Queues(account("sqs"), receives=receives)
    with pytest.raises(QueueUnsafe, match=why):
        await EventQueue(aws, queues.url).checked()


async def test_a_queue_that_is_not_there_is_a_refusal(aws: Aws, aws_url: str) -> None:
    with pytest.raises(SourceRefusal, match="event queue: AWS answered 400"):
        await EventQueue(aws, f"{aws_url}/123456789012/nowhere").checked()


async def test_a_consumer_outlives_a_queue_that_is_away(queues: Queues, queue: EventQueue) -> None:
    """The first answers are an outage; nothing is lost, and the consumer ends when it is told to."""
    queues.send(json.dumps(plain()))
    taken = Taken()
    taken.trouble = SourceOutage("store", "away")
    consuming = asyncio.create_task(Consumer(queue, QueueAttributes(2, 5, "arn"), taken).run())
    await asyncio.sleep(0.3)
    taken.trouble = None
    async with asyncio.timeout(20):
        while not taken.events:
            await asyncio.sleep(0.05)
    consuming.cancel()
    with pytest.raises(asyncio.CancelledError):
        await consuming
