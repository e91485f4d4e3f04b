"""An error in a line of a log says what happened, and where."""

import re
import subprocess
import sys

import httpx
import pytest

from underwriting.process.logs import in_a_line

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
            "http://prefect.example:4200 does not answer: All connection attempts failed",
        ),
        (httpx.ReadTimeout("", request=REQUEST), "http://prefect.example:4200 does not answer: ReadTimeout"),
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


def test_lines_have_dates_also_where_prefect_was_imported_first() -> None:
    program = "import prefect.main, logging; from underwriting.process.logs import write_logs; write_logs()"
    said = subprocess.run(
        [sys.executable, "-c", f"{program}; logging.getLogger('underwriting.x').info('ready')"],
        capture_output=True,
        text=True,
        check=True,
    )
    (line,) = [line for line in (said.stdout + said.stderr).splitlines() if "ready" in line]
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", line)
