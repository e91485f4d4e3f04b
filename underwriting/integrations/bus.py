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
# Bytes of an entry beside its strings: the time counts 14.
TIME_BYTES = 14
# Error codes of entries that another try may cure, beside those of throttling.
TRANSIENT = THROTTLED | {"InternalFailure", "InternalException"}


@dataclass(frozen=True)
class BusEvent:
    """One event: `detail` is a JSON object, and carries the id by which a receiver drops a repetition."""

    type: str
    at: datetime
    detail: str


class EventBus:
    """Puts events; for each, whether it was accepted."""

    def __init__(self, aws: Aws, name: str, source: str) -> None:
        self._aws = aws
        self._name = name
        self._source = source

    async def put(self, events: Sequence[BusEvent]) -> list[SourceError | None]:
        """Put events in their order; None for each that was accepted, else the error.

        Where a call fails as a whole, each of its events has that error.
        """
        errors: list[SourceError | None] = []
        for batch in self._batches(events):
            errors += await self._put(batch)
        return errors

    async def _put(self, entries: list[dict[str, Any]]) -> list[SourceError | None]:
        if len(entries) == 1 and _size(entries[0]) > MAX_BYTES:
            return [SourceRefusal(SOURCE, f"takes events of up to {MAX_BYTES:,} bytes, and this one is larger")]
        try:
            answer = await self._aws.call(SOURCE, "events", "put_events", Entries=entries)
        except SourceError as error:
            return [error] * len(entries)
        if not answer["FailedEntryCount"]:
            return [None] * len(entries)
        return [_error(entry) for entry in answer["Entries"]]

    def _batches(self, events: Sequence[BusEvent]) -> Iterator[list[dict[str, Any]]]:
        batch: list[dict[str, Any]] = []
        size = 0
        for event in events:
            entry = {
                "EventBusName": self._name,
                "Source": self._source,
                "DetailType": event.type,
                "Time": event.at,
                "Detail": event.detail,
            }
            if batch and (len(batch) == MAX_ENTRIES or size + _size(entry) > MAX_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(entry)
            size += _size(entry)
        if batch:
            yield batch


def detail_of(message_id: str, tenant: str, user_id: str, data: object) -> str:
    """The detail of our own events: its id, the user it is about, and the data."""
    return json.dumps({"event_id": message_id, "tenant": tenant, "user_id": user_id, "data": data})


def _size(entry: dict[str, Any]) -> int:
    """Bytes of an entry as EventBridge counts them: its source, detail type and detail in UTF-8, and its time."""
    return TIME_BYTES + sum(len(entry[name].encode()) for name in ("Source", "DetailType", "Detail"))


def _error(entry: dict[str, Any]) -> SourceError | None:
    code = entry.get("ErrorCode")
    if code is None:
        return None
    return (SourceOutage if code in TRANSIENT else SourceRefusal)(SOURCE, f"did not take the event: {code}")
