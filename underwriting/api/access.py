"""A line in the log for each request, with an id that the answer has, too."""

import logging
import re
import time
from http import HTTPStatus
from urllib.parse import quote
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADER = "X-Request-ID"
log = logging.getLogger(__name__)
HEALTH = ("/health", "/health/live")
# An id of the caller's own is taken over.
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class AccessLog:
    """Logs method, path, status, milliseconds and request id. The query may be personal, so it is left out."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer the request, and log it; successful questions for the health of the API are not logged."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(HEADER, "")
        request_id = given if _ID.fullmatch(given) else uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        began, status, answered = time.perf_counter(), 500, False

        def note() -> None:
            if scope["path"] not in HEALTH or status != HTTPStatus.OK:
                taken = 1_000 * (time.perf_counter() - began)
                # Quoted, since a path may have line breaks.
                path = quote(scope["path"])
                log.info("%s %s %d in %.0f ms, request %s", scope["method"], path, status, taken, request_id)

        async def answering(message: Message) -> None:
            nonlocal status, answered
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)
            # What follows the answer, such as handing an application to Prefect, is no part of its time.
            if message["type"] == "http.response.body" and not message.get("more_body"):
                answered = True
                note()

        try:
            await self._app(scope, receive, answering)
        finally:
            if not answered:
                note()
