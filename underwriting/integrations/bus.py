"""The EventBridge bus that our own events go to."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from underwriting.integrations.aws import THROTTLED, Aws
from underwriting.integrations.errors import SourceError, SourceOutage, SourceRefusal

SOURCE = "event bus"
# What EventBridge takes in one call: entries, and bytes of all of them.
MAX_ENTRIES = 10
MAX_BYTES = 256 * 1024
# What an entry weighs beside its strings: the time counts 14 bytes.
TIME_BYTES = 14
# Per-entry codes that another try may heal, beside those of throttling.
PASSING = THROTTLED | {"InternalFailure", "InternalException"}


@dataclass(frozen=True)
class BusEvent:
    """One event: `detail` is a JSON object, and carries the id by which a receiver drops a repetition."""

    type: str
    at: datetime
    detail: str


class EventBus:
    """Puts events, and says of each whether it was taken."""

    def __init__(self, aws: Aws, name: str, source: str) -> None:
        self._aws = aws
        self._name = name
        self._source = source

    async def put(self, events: Sequence[BusEvent]) -> list[SourceError | None]:
        """Put events in their order; for each None where it was taken, else why not.

        A call that fails as a whole is the trouble of each event in it.
        """
        troubles: list[SourceError | None] = []
        for batch in self._batches(events):
            troubles += await self._put(batch)
        return troubles

    async def _put(self, entries: list[dict[str, Any]]) -> list[SourceError | None]:
        if len(entries) == 1 and _weight(entries[0]) > MAX_BYTES:
            return [SourceRefusal(SOURCE, f"takes events of up to {MAX_BYTES:,} bytes, and this one is larger")]
        try:
            answer = await self._aws.call(SOURCE, "events", "put_events", Entries=entries)
        except SourceError as error:
            return [error] * len(entries)
        if not answer["FailedEntryCount"]:
            return [None] * len(entries)
        return [_trouble(entry) for entry in answer["Entries"]]

    def _batches(self, events: Sequence[BusEvent]) -> Iterator[list[dict[str, Any]]]:
        batch: list[dict[str, Any]] = []
        weight = 0
        for event in events:
            entry = {
                "EventBusName": self._name,
                "Source": self._source,
                "DetailType": event.type,
                "Time": event.at,
                "Detail": event.detail,
            }
            if batch and (len(batch) == MAX_ENTRIES or weight + _weight(entry) > MAX_BYTES):
                yield batch
                batch, weight = [], 0
            batch.append(entry)
            weight += _weight(entry)
        if batch:
            yield batch


def detail_of(message_id: str, tenant: str, user_id: str, data: object) -> str:
    """The detail of our own events: an id, whose it is, and what there is to say."""
    return json.dumps({"event_id": message_id, "tenant": tenant, "user_id": user_id, "data": data})


def _weight(entry: dict[str, Any]) -> int:
    """Bytes of an entry as EventBridge counts them: its source, detail type and detail in UTF-8, and its time."""
    return TIME_BYTES + sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))


def _trouble(entry: dict[str, Any]) -> SourceError | None:
    code = entry.get("ErrorCode")
    if code is None:
        return None
    return (SourceOutage if code in PASSING else SourceRefusal)(SOURCE, f"did not take the event: {code}")
