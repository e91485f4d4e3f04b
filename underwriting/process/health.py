"""Whether a process lives and can work, over HTTP, for the supervisor that starts it again: GET /live and /ready. And
what it has measured, for Prometheus: GET /metrics.

Answered by a thread of its own: a blocked event loop could not say that it is blocked. The API answers /health/live and
/health, too, on its own port, which is open to the world.
"""

import asyncio
import json
import logging
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from typing import Any, Self

from prometheus_client import CONTENT_TYPE_LATEST

from underwriting.process.metrics import metrics
from underwriting.settings import Settings, SettingsRefused

log = logging.getLogger(__name__)

# A loop that does not answer for so long is blocked. Loops of ours answer within milliseconds; a supervisor asks a few
# times before it ends a process.
ANSWER_SECONDS = 5.0
# A client that says nothing is hung up on.
REQUEST_SECONDS = 5

# Calls a function on an event loop soon, from another thread.
CallSoon = Callable[[Callable[[], object]], object]


class NotReady(Exception):
    """The process lives, but cannot work now; the message says why."""


@dataclass(frozen=True)
class Health:
    """What is asked: whether each loop, by its name, goes on; and `ready`, which raises NotReady if it cannot work."""

    loops: Mapping[str, CallSoon]
    ready: Callable[[], Future[None]]

    @classmethod
    def of_this_loop(cls, ready: Callable[[], Coroutine[Any, Any, None]]) -> Self:
        """Of a process with one event loop, which is the running one."""
        loop = asyncio.get_running_loop()
        return cls({"event": loop.call_soon_threadsafe}, lambda: asyncio.run_coroutine_threadsafe(ready(), loop))

    def why_not_live(self) -> str:
        """Which loops are blocked; empty if none is."""
        answered = {name: threading.Event() for name in self.loops}
        for name, call_soon in self.loops.items():
            try:
                call_soon(answered[name].set)
            except RuntimeError:
                return f"the {name} loop is closed"
        blocked = [name for name, event in answered.items() if not event.wait(ANSWER_SECONDS)]
        return "; ".join(f"the {name} loop is blocked" for name in blocked)

    def why_not_ready(self) -> str:
        """Why the process cannot work now; empty if it can."""
        try:
            self.ready().result(ANSWER_SECONDS)
        except NotReady as why:
            return str(why)
        except TimeoutError:
            return f"no answer within {ANSWER_SECONDS:.0f} s"
        # A loop that is closed, or a defect of ours: this thread goes on, and says so.
        except Exception as error:  # noqa: BLE001
            return repr(error)
        return ""


async def answering(check: Awaitable[object], *outages: type[Exception]) -> None:
    """Wait for what has to answer; an outage is NotReady."""
    try:
        await check
    except outages as error:
        raise NotReady(str(error)) from None


@contextmanager
def answering_health(config: Settings, health: Health) -> Iterator[None]:
    """For the block, answer GET /live and /ready: 200, or 503 with the reason; and GET /metrics. Does nothing where no
    port is set.

    SettingsRefused if another process has the port.
    """
    if not config.health_port:
        yield
        return
    try:
        opened = _Server((config.host, config.health_port), _answers(health))
    except OSError as error:
        raise SettingsRefused(
            f"UNDERWRITING_HEALTH_PORT: {config.health_port} cannot be used: {error.strerror}"
        ) from None
    with opened as server:
        thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()


class _Server(ThreadingTCPServer):
    """Without the look-up of the host's name that http.server makes, which waits for a name server."""

    allow_reuse_address = True
    daemon_threads = True


def _answers(health: Health) -> type[BaseHTTPRequestHandler]:
    asked = {"/live": health.why_not_live, "/ready": health.why_not_ready}

    class Answers(BaseHTTPRequestHandler):
        timeout = REQUEST_SECONDS

        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._send(HTTPStatus.OK, CONTENT_TYPE_LATEST, metrics().exposed())
                return
            if self.path not in asked:
                self._answer(HTTPStatus.NOT_FOUND, "ask for /live, /ready or /metrics")
                return
            why = asked[self.path]()
            if why:
                log.warning("%s: %s", self.path, why)
            self._answer(HTTPStatus.SERVICE_UNAVAILABLE if why else HTTPStatus.OK, why or "ok")

        def _answer(self, status: HTTPStatus, text: str) -> None:
            self._send(status, "application/json", json.dumps({"status": text}).encode())

        def _send(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Questions are not logged; answers other than yes are."""

    return Answers
