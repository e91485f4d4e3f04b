"""A line in the log for each request, with an id that the answer has, too."""

import logging
import re
import time
from http import HTTPStatus
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from underwriting.process.logs import also_about, log_about
from underwriting.process.metrics import metrics

HEADER = "X-Request-ID"
log = logging.getLogger(__name__)
HEALTH = ("/health", "/health/live")
# What stands for a path that the API does not have, or that was refused before anybody looked at it.
NO_ROUTE = "no route"
# The ids of what a request is about, as its path or its answer's Location names them.
_SUBJECT = re.compile(r"\b(app|evl)_[0-9A-HJKMNP-TV-Z]{26}\b")
_NAMES = {"app": "application_id", "evl": "evaluation_id"}
# An id of the caller's own is taken over.
_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


class AccessLog:
    """Logs and counts requests: method, route, status, time. Path and query may be personal, so they are left out."""

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
        began, status, location, answered = time.perf_counter(), 500, "", False

        def note() -> None:
            taken = time.perf_counter() - began
            route = getattr(scope.get("route"), "path", NO_ROUTE)
            also_about(**{_NAMES[found[1]]: found[0] for found in _SUBJECT.finditer(f"{scope['path']} {location}")})
            metrics().request(scope["method"], route, status, taken)
            if scope["path"] not in HEALTH or status != HTTPStatus.OK:
                log.info("%s %s %d in %.0f ms", scope["method"], route, status, 1_000 * taken)

        async def answering(message: Message) -> None:
            nonlocal status, location, answered
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                status, location = message["status"], headers.get("Location", "")
                headers[HEADER] = request_id
            await send(message)
            # What follows the answer, such as handing an application to Prefect, is no part of its time.
            if message["type"] == "http.response.body" and not message.get("more_body"):
                answered = True
                note()

        with log_about(request_id=request_id):
            try:
                await self._app(scope, receive, answering)
            finally:
                if not answered:
                    note()
