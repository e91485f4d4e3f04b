"""What a request may be: size, depth and time to arrive. Others are refused before anything else is done with them."""

import asyncio
import re
from http import HTTPStatus
from itertools import accumulate

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from underwriting.api.errors import ApiError, answer

# The largest sound body, an event with its payload, has a few KiB; the largest header is a token.
MAX_BODY = 256 * 1024
MAX_HEADERS = 32 * 1024
# Of objects and lists within each other; ours have five.
MAX_DEPTH = 20
ARRIVAL_SECONDS = 10.0
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"?', re.DOTALL)
_NOT_NESTING = re.compile(rb"[^][{}]+")
_STEP = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}


class RequestLimits:
    """Reads the body, within its limits, before the application sees the request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on a request within the limits, and refuse any other: 408, 413, 422 or 431."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            _check_headers(scope)
            headers = Headers(scope=scope)
            if "content-length" in headers or "transfer-encoding" in headers:
                receive = _replayed(await _body(headers, receive), receive)
        except ApiError as error:
            await answer(error)(scope, receive, send)
            return
        await self._app(scope, receive, send)


def _check_headers(scope: Scope) -> None:
    if sum(len(name) + len(value) for name, value in scope["headers"]) > MAX_HEADERS:
        message = f"The headers have more than {MAX_HEADERS // 1024} KiB; send fewer, or shorter ones."
        raise _refused(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "HEADERS_TOO_LARGE", message)


async def _body(headers: Headers, receive: Receive) -> bytes:
    said = headers.get("content-length", "0")
    if said.isdecimal() and int(said) > MAX_BODY:
        raise _too_large()
    body = bytearray()
    try:
        async with asyncio.timeout(ARRIVAL_SECONDS):
            while True:
                part = await receive()
                body += part.get("body", b"")
                if len(body) > MAX_BODY:
                    raise _too_large()
                if not part.get("more_body"):
                    break
    except TimeoutError:
        message = f"The request did not arrive within {ARRIVAL_SECONDS:.0f} s; send it again."
        raise _refused(HTTPStatus.REQUEST_TIMEOUT, "REQUEST_TIMEOUT", message) from None
    if _depth(body) > MAX_DEPTH:
        message = f"The body has more than {MAX_DEPTH} objects and lists within each other; send what /docs describes."
        raise _refused(HTTPStatus.UNPROCESSABLE_ENTITY, "INVALID_REQUEST", message)
    return bytes(body)


def _depth(body: bytearray) -> int:
    """The most brackets that are open at once, outside texts."""
    brackets = _NOT_NESTING.sub(b"", _TEXT.sub(b"", body))
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0)


def _too_large() -> ApiError:
    message = f"The body has more than {MAX_BODY // 1024} KiB; send what /docs describes."
    return _refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "BODY_TOO_LARGE", message)


def _refused(status: HTTPStatus, error_code: str, message: str) -> ApiError:
    # What else is sent is not read.
    return ApiError(status, error_code, message, headers={"Connection": "close"})


def _replayed(body: bytes, receive: Receive) -> Receive:
    """The body as one message, then whatever else comes, such as that the client has gone."""
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return messages.pop() if messages else await receive()

    return replay
