"""An error in a line of a log says what happened, and where."""

import asyncio
import json
import logging
import os
import re
import subprocess
import sys

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import format_trace_id

from underwriting.process import logs
from underwriting.process.logs import also_about, in_a_line, log_about

REQUEST = httpx.Request("GET", "http://user:secret@prefect.example:4200/api/health?token=secret")
REFUSED = httpx.Response(500, request=REQUEST)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ValueError("no key"), "no key"),
        (ValueError("no key\nof any kind"), "no key"),
        (ValueError(), "ValueError"),
        (
            httpx.ConnectError("All connection attempts failed", request=REQUEST),
            "nobody answers at prefect.example:4200",
        ),
        (httpx.ReadTimeout("", request=REQUEST), "prefect.example:4200 does not answer in time"),
        (httpx.ConnectError("no route"), "no route"),
    ],
)
def test_an_error_is_one_line(error: Exception, line: str) -> None:
    assert in_a_line(error) == line


def test_an_answer_of_http_has_no_advice_to_read_about_http() -> None:
    with pytest.raises(httpx.HTTPStatusError) as raised:
        REFUSED.raise_for_status()
    line = in_a_line(raised.value)
    assert line.startswith("Server error '500 Internal Server Error'")
    assert "developer.mozilla.org" not in line


# Lines of our own and of a server, and an error, about one application; and one about nothing.
PROGRAM = """
import prefect.main, logging
from underwriting.process.logs import also_about, log_about, write_logs
write_logs()
with log_about(application_id="app_1", tenant=None):
    also_about(tenant="acme")
    logging.getLogger("underwriting.x").info("ready")
    logging.getLogger("uvicorn.error").warning("a server")
    try:
        raise ValueError("two\\nlines")
    except ValueError:
        logging.getLogger("underwriting.x").exception("failed")
logging.getLogger("underwriting.x").info("about nothing")
"""


def written(log_format: str, program: str = PROGRAM) -> list[str]:
    """What the program writes, in a process of its own: Prefect sets up logging where it is imported first."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"UNDERWRITING_LOG_FORMAT": log_format},
    )
    return (done.stdout + done.stderr).splitlines()


def test_lines_have_dates_and_ids_also_where_prefect_was_imported_first() -> None:
    lines = written("text")
    (ready,) = [line for line in lines if "ready" in line]
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \| INFO    \| underwriting.x - ready", ready)
    assert ready.endswith(" - ready [application_id=app_1, tenant=acme]")
    assert any(line.endswith("about nothing") for line in lines)


def test_as_json_each_line_is_an_object_with_the_ids_also_of_a_server_and_with_its_traceback() -> None:
    ready, server, failed, nothing = map(json.loads, written("json"))
    ids = {"application_id": "app_1", "tenant": "acme"}
    assert ready == {"level": "INFO", "logger": "underwriting.x", "message": "ready", "time": ready["time"]} | ids
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+\+00:00", ready["time"])
    assert server["message"] == "a server"
    assert server["tenant"] == "acme"
    assert failed["exc_info"].startswith("Traceback")
    assert failed["exc_info"].endswith("ValueError: two\nlines")
    assert "tenant" not in nothing


async def test_what_runs_at_the_same_time_does_not_share_ids() -> None:
    lines = list[str]()
    formatter = _formatter()

    async def about(name: str) -> None:
        with log_about(application_id=name):
            await asyncio.sleep(0)
            also_about(tenant=f"of {name}")
            await asyncio.sleep(0)
            record = logging.LogRecord("underwriting.x", logging.INFO, "", 0, name, None, None)
            lines.append(formatter.format(record))

    await asyncio.gather(about("app_1"), about("app_2"))
    found = [json.loads(line) for line in lines]
    assert [(line["application_id"], line["tenant"]) for line in found] == [
        ("app_1", "of app_1"),
        ("app_2", "of app_2"),
    ]


async def test_what_goes_on_after_the_block_is_not_taken_for_its_own() -> None:
    over, line = asyncio.Event(), dict[str, str]()

    async def goes_on() -> None:
        await over.wait()
        line.update(json.loads(_formatter().format(logging.LogRecord("x", logging.INFO, "", 0, "z", None, None))))

    with log_about(application_id="app_1"):
        going_on = asyncio.create_task(goes_on())
        await asyncio.sleep(0)
    over.set()
    await going_on
    assert "application_id" not in line


def test_a_line_has_the_trace_that_it_belongs_to() -> None:
    with TracerProvider().get_tracer("x").start_as_current_span("y") as span:
        line = json.loads(_formatter().format(logging.LogRecord("x", logging.INFO, "", 0, "z", None, None)))
    assert line["trace_id"] == format_trace_id(span.get_span_context().trace_id)


def _formatter() -> logging.Formatter:
    return logs._Json.of_ours()
