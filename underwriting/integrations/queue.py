"""The SQS queue that events arrive through, fed by EventBridge rules, by SNS topics or by other services directly.

A message is deleted only after its event is stored. One that cannot be read stays in the queue: SQS delivers it again
and, after the redrive policy's number of times, puts it into the dead-letter queue, where an operator finds it.
"""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import ValidationError

from underwriting.domain.events import Event
from underwriting.domain.wording import problems_of
from underwriting.integrations.aws import Aws
from underwriting.integrations.errors import SourceError

log = logging.getLogger(__name__)

SOURCE = "event queue"
# As many messages as SQS gives at once.
BATCH = 10
# The largest message that SQS takes, in characters at most; a longer one is not parsed.
MAX_CHARACTERS = 1_048_576
# Seconds that SQS waits for the next message (long polling), at most 20. A consumer that ends waits for as long, and an
# idle one polls twelve times a minute.
POLL_SECONDS = 5
# Below this many deliveries an outage of a minute sends sound messages to the dead-letter queue.
MIN_RECEIVES = 5
# The share of the visibility timeout within which a batch has to be stored; SQS then delivers it to another consumer.
STORE_SHARE = 0.9
# Seconds between two tries while the queue or the store is away: doubled each time, up to the second.
PAUSES = (0.5, 30.0)

# Stores events; for each, whether it is committed.
Take = Callable[[Sequence[Event]], Awaitable[Sequence[bool]]]


class QueueUnsafe(ValueError):
    """The queue would lose, or repeat for ever, messages that cannot be read; the error says what to set."""


class NotAnEvent(ValueError):
    """A message that is not an event. The text names fields and rules, never the content."""


@dataclass(frozen=True)
class Delivery:
    """One delivery of one message; `receipt` deletes it, until the next delivery."""

    message_id: str
    receipt: str
    body: str


@dataclass(frozen=True)
class QueueAttributes:
    """The queue's attributes in SQS: seconds that a delivery stays hidden, and when a message is given up."""

    visibility: float
    max_receives: int | None
    dead_letter_arn: str | None


class EventQueue:
    """The queue of the settings."""

    def __init__(self, aws: Aws, url: str) -> None:
        self._aws = aws
        self._url = url

    async def attributes(self) -> QueueAttributes:
        """The queue's attributes; SourceError where they cannot be read, as where there is no such queue."""
        answer = await self._call("get_queue_attributes", AttributeNames=["VisibilityTimeout", "RedrivePolicy"])
        attributes = answer.get("Attributes", {})
        redrive = json.loads(attributes.get("RedrivePolicy", "{}"))
        receives = redrive.get("maxReceiveCount")
        return QueueAttributes(
            visibility=float(attributes["VisibilityTimeout"]),
            max_receives=None if receives is None else int(receives),
            dead_letter_arn=redrive.get("deadLetterTargetArn"),
        )

    async def checked(self) -> QueueAttributes:
        """The attributes of a queue that is safe to use; QueueUnsafe where it is not."""
        attributes = await self.attributes()
        if attributes.dead_letter_arn is None or attributes.max_receives is None:
            raise QueueUnsafe(
                f"the queue {self._url} has no dead-letter queue: give it a RedrivePolicy with a deadLetterTargetArn "
                f"and a maxReceiveCount of {MIN_RECEIVES} or more"
            )
        if attributes.max_receives < MIN_RECEIVES:
            raise QueueUnsafe(
                f"the queue {self._url} gives messages up after {attributes.max_receives} deliveries: raise the "
                f"maxReceiveCount of its RedrivePolicy to {MIN_RECEIVES} or more"
            )
        return attributes

    async def depth(self) -> int:
        """About how many messages wait."""
        answer = await self._call("get_queue_attributes", AttributeNames=["ApproximateNumberOfMessages"])
        return int(answer["Attributes"]["ApproximateNumberOfMessages"])

    async def receive(self, wait: int = POLL_SECONDS) -> list[Delivery]:
        """Up to ten deliveries; none where none came within `wait` seconds."""
        answer = await self._call("receive_message", MaxNumberOfMessages=BATCH, WaitTimeSeconds=wait)
        return [
            Delivery(message["MessageId"], message["ReceiptHandle"], message["Body"])
            for message in answer.get("Messages", ())
        ]

    async def delete(self, deliveries: Sequence[Delivery]) -> None:
        """Delete messages. One that SQS fails to delete is delivered again, and is a duplicate then."""
        entries = [{"Id": str(index), "ReceiptHandle": found.receipt} for index, found in enumerate(deliveries)]
        answer = await self._call("delete_message_batch", Entries=entries)
        for failed in answer.get("Failed", ()):
            log.warning("message %s is not deleted: %s", deliveries[int(failed["Id"])].message_id, failed["Code"])

    async def _call(self, operation: str, **arguments: Any) -> dict[str, Any]:
        return await self._aws.call(SOURCE, "sqs", operation, QueueUrl=self._url, **arguments)


class Consumer:
    """Takes events off the queue; messages that `take` did not store stay there, and so do messages that are not
    events."""

    def __init__(self, queue: EventQueue, attributes: QueueAttributes, take: Take) -> None:
        self._queue = queue
        self._seconds = STORE_SHARE * attributes.visibility
        self._take = take
        # Seconds that it waits for a queue or store that did not answer.
        self.pause = 0.0

    async def run(self) -> NoReturn:
        """Consume until cancelled. Waits for a queue or store that does not answer."""
        while True:
            try:
                await self.consume()
                self.pause = 0.0
            except (SourceError, TimeoutError) as error:
                self.pause = min(max(PAUSES[0], 2 * self.pause), PAUSES[1])
                why = str(error) or "storing took too long"
                log.warning("the queue is not consumed for %.1f s: %s", self.pause, why)
                await asyncio.sleep(self.pause)

    async def consume(self, wait: int = POLL_SECONDS) -> int:
        """Take one batch; how many of its messages are stored and deleted.

        TimeoutError where storing takes too long for the visibility timeout. Then, and where `take` raises, the
        messages stay in the queue.
        """
        deliveries = await self._queue.receive(wait)
        events = [(found, event) for found in deliveries if (event := _event_or_none(found)) is not None]
        if not events:
            return 0
        async with asyncio.timeout(self._seconds):
            stored = await self._take([event for _, event in events])
            done = [found for (found, _), committed in zip(events, stored, strict=True) if committed]
            if done:
                await self._queue.delete(done)
        return len(done)


def read_event(body: str) -> Event:
    """The event of a message: by itself or in EventBridge's envelope, and either of them from an SNS topic as well.

    NotAnEvent for anything else.
    """
    message = _object(body)
    if "TopicArn" in message:
        message = _object(_published(message))
    try:
        return Event.model_validate(_unwrapped(message) if "detail-type" in message else message)
    except ValidationError as error:
        found = problems_of(error, Event)[:3]
        raise NotAnEvent(
            "; ".join(f"{'.'.join(map(str, place)) or 'event'}: {sentence}" for place, sentence in found)
        ) from None


def _object(text: str) -> dict[str, Any]:
    if len(text) > MAX_CHARACTERS:
        raise NotAnEvent(f"longer than {MAX_CHARACTERS:,} characters")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        raise NotAnEvent("not JSON") from None
    if not isinstance(message, dict):
        raise NotAnEvent("not a JSON object")
    return message


def _published(envelope: dict[str, Any]) -> str:
    """What was published to the SNS topic; a topic with raw message delivery sends it without this envelope."""
    message = envelope.get("Message")
    if envelope.get("Type") != "Notification" or not isinstance(message, str):
        raise NotAnEvent("an SNS envelope, but no notification with a Message")
    return message


def _unwrapped(envelope: dict[str, Any]) -> dict[str, Any]:
    """EventBridge's envelope as an event.

    `detail` names the user (`tenant`, `user_id`); all its members are the payload. Its `event_id` takes precedence over
    the envelope's id: a producer that repeats a put gets a new envelope.
    """
    detail = envelope.get("detail")
    if not isinstance(detail, dict):
        raise NotAnEvent("detail is not an object")
    return {
        "source": envelope.get("source"),
        "id": detail.get("event_id", envelope.get("id")),
        "type": envelope["detail-type"],
        "tenant": detail.get("tenant"),
        "user_id": detail.get("user_id"),
        "at": envelope.get("time"),
        "payload": detail,
    }


def _event_or_none(delivery: Delivery) -> Event | None:
    try:
        return read_event(delivery.body)
    except NotAnEvent as why:
        log.warning("message %s stays in the queue, it is no event of ours: %s", delivery.message_id, why)
        return None
