"""HTTP to an outside service, bounded in time and size; every failure becomes an error of `integrations.errors`."""

import asyncio
import re
import ssl
import zlib
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from typing import Self

import httpx

from underwriting.integrations.errors import MalformedAnswer, SourceOutage, SourceRefusal
from underwriting.integrations.tracing import trace_client
from underwriting.process.faults import address_of, what_happened

# The longest wait in seconds that a source can impose: the caller's own retries end soon after.
MAX_RETRY_AFTER = 60.0
# Worth another try, besides everything from 500 up: request timeout, too early, too many requests.
BUSY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
# Idle connections are closed before common servers close them (at 5 s), so that no call uses a closed one.
IDLE_SECONDS = 4.0
CONNECTIONS = 100
GZIP = 16 + zlib.MAX_WBITS


@cache
def tls() -> ssl.SSLContext:
    """The process's TLS context: reading the certificates takes longer than a call."""
    return httpx.create_ssl_context()


class HttpService:
    """A pool of connections for one event loop; each call has `timeout` seconds in all. `keep` idle ones stay open."""

    def __init__(
        self,
        timeout: float,
        max_bytes: int = 0,
        verify: ssl.SSLContext | None = None,
        keep: int = CONNECTIONS,
    ) -> None:
        self._timeout = timeout
        self._max_bytes = max_bytes
        self._client = httpx.AsyncClient(
            # Half the time to get a connection leaves the other half to get an answer.
            timeout=httpx.Timeout(timeout, connect=timeout / 2, pool=timeout / 2),
            limits=httpx.Limits(
                max_connections=CONNECTIONS, max_keepalive_connections=keep, keepalive_expiry=IDLE_SECONDS
            ),
            verify=verify or tls(),
            # No proxies and no .netrc: settings are the only configuration.
            trust_env=False,
            headers={"User-Agent": "underwriting-flows", "Accept-Encoding": "gzip"},
        )

    def trace(self) -> None:
        """Make a span of each call, and send the trace's id along."""
        trace_client(self._client)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    def request(
        self,
        method: str,
        url: str,
        *,
        params: Mapping[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> httpx.Request:
        """A request with this service's time limits; a body is JSON."""
        kind = {"Content-Type": "application/json"} if content is not None else {}
        return self._client.build_request(
            method, url, params=params, headers={**kind, **(headers or {})}, content=content
        )

    async def fetch(self, source: str, request: httpx.Request) -> bytes | None:
        """The JSON body of a 2xx answer, or None where the answer is 404."""
        return await self._call(source, request, want_body=True)

    async def deliver(self, source: str, request: httpx.Request) -> None:
        """Return once the answer is 2xx, whatever its body; SourceRefusal where it is 404."""
        if await self._call(source, request, want_body=False) is None:
            raise SourceRefusal(source, "answered 404: there is no endpoint at this address")

    async def _call(self, source: str, request: httpx.Request, *, want_body: bool) -> bytes | None:
        # Causes are not chained: a parser's message may quote the answer, and a traceback would show it.
        try:
            async with asyncio.timeout(self._timeout):
                response = await self._client.send(request, stream=True)
                try:
                    if not _usable(source, response):
                        return None
                    return await self._body(source, response) if want_body else b""
                finally:
                    await response.aclose()
        except (TimeoutError, httpx.TimeoutException):
            raise SourceOutage(source, f"no answer within {self._timeout:g} s from {address_of(request)}") from None
        except httpx.TransportError as error:
            raise SourceOutage(source, what_happened(error, address_of(request))) from None

    async def _body(self, source: str, response: httpx.Response) -> bytes:
        """The body, decompressed step by step so that a small bomb is refused before it grows."""
        content_type = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if content_type != "application/json" and not content_type.endswith("+json"):
            raise MalformedAnswer(source, "the answer's content type is not application/json")
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding not in {"identity", "gzip"}:
            raise MalformedAnswer(source, "the answer has a content encoding that was not requested")
        inflate = zlib.decompressobj(GZIP) if encoding == "gzip" else None
        body = bytearray()
        async for chunk in response.aiter_raw():
            try:
                body += inflate.decompress(chunk, self._max_bytes + 1 - len(body)) if inflate else chunk
            except zlib.error:
                raise MalformedAnswer(source, "the answer is not gzip, as its header states") from None
            if len(body) > self._max_bytes:
                raise MalformedAnswer(source, f"the answer is larger than {self._max_bytes:,} bytes")
            if inflate and inflate.unused_data:
                raise MalformedAnswer(source, "the answer continues after the end of its gzip")
        if inflate and not inflate.eof:
            raise MalformedAnswer(source, "the answer ends before its gzip does")
        return bytes(body)


def _usable(source: str, response: httpx.Response) -> bool:
    """True for 2xx, False for 404; SourceOutage where another try may help, else SourceRefusal."""
    status = response.status_code
    if status in BUSY or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise SourceOutage(source, f"answered {status}", retry_after(response.headers.get("retry-after", "")))
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        raise SourceRefusal(source, f"answered {status}: our credentials are not accepted there")
    if response.is_redirect:
        raise SourceRefusal(source, f"answered {status}: redirects are not followed, so the base URL has to be exact")
    if response.is_success or status == HTTPStatus.NOT_FOUND:
        return response.is_success
    raise SourceRefusal(source, f"answered {status}")


def retry_after(header: str) -> float | None:
    """Seconds that a Retry-After header asks for, of either form (RFC 9110, 10.2.3); None where it states none."""
    if re.fullmatch(r"[0-9]{1,9}", header.strip()):
        return min(float(header), MAX_RETRY_AFTER)
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    # "-0000" parses as naive; HTTP dates are GMT.
    wait = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)) - datetime.now(UTC)
    return min(max(wait.total_seconds(), 0.0), MAX_RETRY_AFTER)
