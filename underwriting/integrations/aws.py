"""Calls to AWS: one session, clients that are made once, every call in a thread and bounded in time."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from threading import Lock
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError
from botocore.exceptions import ConnectionError as NoConnection

from underwriting.integrations.errors import SourceOutage, SourceRefusal
from underwriting.process.faults import what_happened
from underwriting.settings import Settings

# Seconds for a connection, and for each part of an answer. A long poll is answered within its own waiting time.
CONNECT_SECONDS = 3
READ_SECONDS = 15
# Tries of one call, the first included; botocore waits up to some seconds between them.
TRIES = 3
# Calls at once. A thread that waits for an answer occupies only its connection.
CALLS = 8
LIMITS = Config(
    connect_timeout=CONNECT_SECONDS,
    read_timeout=READ_SECONDS,
    retries={"total_max_attempts": TRIES, "mode": "standard"},
    max_pool_connections=CALLS,
)
# Codes of a 4xx answer after which another try may succeed: too many calls at once.
THROTTLED = frozenset(
    {
        "Throttling",
        "ThrottlingException",
        "RequestThrottled",
        "RequestThrottledException",
        "TooManyRequestsException",
        "ProvisionedThroughputExceededException",
        "LimitExceededException",
        "SlowDown",
        "RequestTimeout",
    }
)


T = TypeVar("T")


class Aws:
    """A session after the settings. Credentials come from botocore's own chain: role, profile or environment."""

    def __init__(self, region: str, endpoint_url: str = "") -> None:
        self._region = region or None
        self._endpoint_url = endpoint_url or None
        self._session: boto3.Session | None = None
        self._clients: dict[str, Any] = {}
        self._making = Lock()
        self._threads = ThreadPoolExecutor(CALLS, thread_name_prefix="aws")

    @classmethod
    def of(cls, config: Settings) -> Self:
        """The session of the settings."""
        return cls(config.aws_region, config.aws_endpoint_url)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the connections go; a call that is under way ends by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for client in self._clients.values():
            client.close()

    def client(self, service: str) -> Any:
        """The client of a service. Clients are safe to share among threads; making one is not."""
        with self._making:
            if self._session is None:
                self._session = boto3.Session(region_name=self._region)
            if service not in self._clients:
                self._clients[service] = self._session.client(service, endpoint_url=self._endpoint_url, config=LIMITS)
            return self._clients[service]

    async def call(self, source: str, service: str, operation: str, **arguments: Any) -> dict[str, Any]:
        """One call, such as `call("event bus", "events", "put_events", Entries=[…])`.

        SourceOutage where another try may help (no answer, throttled, 5xx), else SourceRefusal.
        """
        return await self.run(source, partial(self._operate, service, operation, arguments))

    async def run(self, source: str, work: Callable[[], T]) -> T:
        """`work` in a thread, with botocore's errors as those of `integrations.errors`."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(explained, source, work))

    def _operate(self, service: str, operation: str, arguments: dict[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = getattr(self.client(service), operation)(**arguments)
        return answer


def explained(source: str, work: Callable[[], T]) -> T:
    """Run `work`; a failed call to AWS becomes SourceOutage or SourceRefusal, which show codes and no content."""
    try:
        return work()
    except ClientError as error:
        status, code = error.response["ResponseMetadata"].get("HTTPStatusCode", 0), error.response["Error"]["Code"]
        kind = SourceOutage if status >= HTTPStatus.INTERNAL_SERVER_ERROR or code in THROTTLED else SourceRefusal
        raise kind(source, f"AWS answered {status} {code}") from None
    except (NoConnection, HTTPClientError) as error:
        where = urlsplit(str(error.kwargs.get("endpoint_url", ""))).netloc or "AWS"
        raise SourceOutage(source, f"no answer from AWS: {what_happened(error, where)}") from None
    except BotoCoreError as error:
        raise SourceRefusal(source, f"AWS cannot be called: {error}") from None
