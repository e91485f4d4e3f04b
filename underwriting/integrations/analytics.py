"""Product analytics to Segment, by its SDK.

The SDK's own queue is in memory, and its errors reach no caller. So each call sends at once and raises its error.
Messages have the ids of the outbox, by which Segment drops a repetition.
"""

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from requests import RequestException
from segment.analytics.client import Client
from segment.analytics.request import APIError

from underwriting.integrations.errors import SourceOutage, SourceRefusal
from underwriting.process.faults import what_happened

SOURCE = "analytics"
BUSY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
# Segment takes messages of 32 KB; this leaves room for what the SDK adds.
MAX_BYTES = 30 * 1024
# Events sent at once.
THREADS = 8
# It logs full answers as errors; what is needed is in the error that it raises.
logging.getLogger("segment").setLevel(logging.CRITICAL)


class Analytics:
    """Segment's tracking API."""

    def __init__(self, write_key: str, host: str, timeout: float) -> None:
        # The write key goes to this host only, and no queue or thread is started.
        self._client = Client(write_key, host=host or None, sync_mode=True, timeout=timeout, max_retries=0)
        # Of its own: facts are computed and rules run in the default threads, and must not wait for Segment.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="analytics")

    async def track(self, message_id: str, user_id: str, event: str, at: datetime, properties: dict[str, Any]) -> None:
        """Send one event; SourceOutage where another try may help, else SourceRefusal."""
        if len(json.dumps(properties)) > MAX_BYTES:
            raise SourceRefusal(SOURCE, f"takes events of up to {MAX_BYTES:,} bytes, and this one is larger")
        try:
            await asyncio.get_running_loop().run_in_executor(
                self._threads,
                partial(
                    self._client.track,
                    user_id=user_id,
                    event=event,
                    properties=properties,
                    timestamp=at,
                    message_id=message_id,
                ),
            )
        except APIError as error:
            status = int(error.status)
            passing = status >= HTTPStatus.INTERNAL_SERVER_ERROR or status in BUSY
            raise (SourceOutage if passing else SourceRefusal)(SOURCE, f"Segment answered {status}") from None
        except RequestException as error:
            why = what_happened(error, urlsplit(self._client.host or "").netloc or "api.segment.io")
            raise SourceOutage(SOURCE, f"no answer from Segment: {why}") from None
