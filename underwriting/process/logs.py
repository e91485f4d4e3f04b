"""How our processes write their logs: a line for each record on standard error, with its date and time, and with the
ids of what it is about, so that all lines about one application can be found.

The ids are ours or a caller's for a request: no name, account or amount of a person.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpx
from opentelemetry import trace
from pythonjsonlogger.json import JsonFormatter

from underwriting.process.faults import address_of, what_happened

# Read from the environment alone: the log begins before the settings are checked, and says what is wrong with them.
VARIABLE, JSON = "UNDERWRITING_LOG_FORMAT", "json"
TEXT, MOMENT = "%(asctime)s | %(levelname)-7s | %(name)s - %(message)s", "%Y-%m-%d %H:%M:%S"
# Where handlers are from that write for people to read: Python itself, and Prefect's console.
CONSOLES = ("logging", "prefect.logging.handlers")
# Loggers that bring handlers and a format of their own; and the access log of one, which would have the paths, and in
# them the ids of users. The API's own stands in its place.
OTHERS, ACCESS = ("uvicorn", "uvicorn.error", "fastapi", "prefect._internal"), "uvicorn.access"

_about: ContextVar[dict[str, str] | None] = ContextVar("about", default=None)


@contextmanager
def log_about(**ids: str | None) -> Iterator[None]:
    """For the block, each line has these ids, such as `application_id` and `tenant`, besides those around the block."""
    about = {**(_about.get() or {}), **_given(ids)}
    token = _about.set(about)
    try:
        yield
    finally:
        _about.reset(token)
        # What was started in the block and goes on for others, such as a client's renewal of leases, has its context.
        about.clear()


def also_about(**ids: str | None) -> None:
    """Give all later lines of the block of `log_about` around this call these ids, too."""
    if (about := _about.get()) is not None:
        about.update(_given(ids))


def write_logs() -> None:
    """Write our own messages from INFO on and those of others from WARNING on.

    Each is a line of text or, where UNDERWRITING_LOG_FORMAT is `json`, one JSON object.
    """
    logging.basicConfig(level=logging.WARNING)
    for handler in logging.getLogger().handlers:
        if type(handler).__module__ in CONSOLES:
            handler.setFormatter(_formatter())
    for other in (*OTHERS, ACCESS):
        logging.getLogger(other).handlers.clear()
        logging.getLogger(other).propagate = other != ACCESS
    logging.getLogger("underwriting").setLevel(logging.INFO)


def line_of(logger: str, level: int, message: str) -> str:
    """A line for the log of another process of ours, such as one that has died, as that process writes its own."""
    return _formatter().format(logging.LogRecord(logger, level, "", 0, message, None, None))


def in_a_line(error: BaseException) -> str:
    """What went wrong, for a line of a log: the first line of the message, with the address that did not answer."""
    told = next(iter(str(error).splitlines()), "") or type(error).__name__
    if not isinstance(error, httpx.TransportError):
        return told
    try:
        return what_happened(error, address_of(error.request))
    except RuntimeError:
        # It happened before there was a request.
        return told


def _as_json() -> bool:
    return os.environ.get(VARIABLE) == JSON


def _formatter() -> logging.Formatter:
    return _Json.of_ours() if _as_json() else _Text(TEXT, MOMENT)


class _Text(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802, the name that logging calls
        ids = ", ".join(f"{name}={value}" for name, value in _ids(record).items())
        return super().formatMessage(record) + (f" [{ids}]" if ids else "")


class _Json(JsonFormatter):
    @classmethod
    def of_ours(cls) -> "_Json":
        names = {"levelname": "level", "name": "logger"}
        return cls("%(levelname)s %(name)s %(message)s", rename_fields=names, timestamp="time")

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        super().add_fields(log_data, record, message_dict)
        log_data.update(_ids(record))


def _ids(record: logging.LogRecord) -> dict[str, str]:
    """What a line is about. Prefect puts the id of the run into the lines of its own loggers."""
    of_record = {"flow_run_id": getattr(record, "flow_run_id", None)}
    span = trace.get_current_span().get_span_context()
    of_trace = {"trace_id": trace.format_trace_id(span.trace_id)} if span.is_valid else {}
    return _given(of_record) | (_about.get() or {}) | of_trace


def _given(ids: dict[str, str | None]) -> dict[str, str]:
    return {name: value for name, value in ids.items() if value}
