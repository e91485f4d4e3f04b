"""A call that failed is told as what happened, and where; no class of a library is named."""

import socket
import ssl
from collections.abc import Iterator
from threading import Thread

import httpx
import pytest
import requests
from pytest_httpserver import HTTPServer

from underwriting.integrations.aws import Aws
from underwriting.integrations.errors import SourceOutage
from underwriting.integrations.http import HttpService
from underwriting.process.faults import what_happened


@pytest.fixture
def closing() -> Iterator[int]:
    """The port of a server that hangs up without an answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def hang_up() -> None:
            while True:
                try:
                    server.accept()[0].close()
                except OSError:
                    return

        Thread(target=hang_up, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def silent() -> Iterator[int]:
    """The port of a server that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def free() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


async def told(url: str) -> str:
    """What is said of a message that could not be delivered."""
    async with HttpService(timeout=0.5) as service:
        with pytest.raises(SourceOutage) as raised:
            await service.deliver(
                "results endpoint", service.request("POST", f"{url}/results?key=secret", content=b"{}")
            )
    assert "secret" not in str(raised.value)
    return raised.value.why


async def test_each_kind_of_fault_says_what_happened(
    free: int, closing: int, silent: int, httpserver: HTTPServer
) -> None:
    assert await told(f"http://127.0.0.1:{free}") == f"nobody answers at 127.0.0.1:{free}"
    assert await told(f"http://user:secret@127.0.0.1:{free}") == f"nobody answers at 127.0.0.1:{free}"
    hung_up = f"the connection to 127.0.0.1:{closing} broke off without a complete answer"
    assert await told(f"http://127.0.0.1:{closing}") == hung_up
    assert await told(f"http://127.0.0.1:{silent}") == f"no answer within 0.5 s from 127.0.0.1:{silent}"
    plain = f"127.0.0.1:{httpserver.port}"
    assert (await told(f"https://{plain}")).startswith(f"{plain} cannot be spoken to by TLS: ")
    httpserver.expect_request("/results").respond_with_data("", status=503)
    assert await told(f"http://{plain}") == "answered 503"


@pytest.mark.parametrize(
    ("cause", "sentence"),
    [
        (socket.gaierror(-2, "Name or service not known"), "the host name of partner.example:443 is not known"),
        (TimeoutError(), "partner.example:443 does not answer in time"),
        (OSError(113, "No route to host"), "nobody answers at partner.example:443: no route to host"),
        (ExceptionGroup("", [ConnectionRefusedError(111, "no")]), "nobody answers at partner.example:443"),
    ],
)
def test_the_cause_decides_however_deep_it_is(cause: Exception, sentence: str) -> None:
    error = httpx.ConnectError("All connection attempts failed")
    error.__cause__ = OSError("All connection attempts failed")
    error.__cause__.__cause__ = cause
    assert what_happened(error, "partner.example:443") == sentence


def test_a_refused_certificate_is_said_to_be_one() -> None:
    error = ssl.SSLCertVerificationError(1, "failed")
    error.verify_message = "self-signed certificate"
    assert what_happened(error, "x:443") == "the certificate of x:443 is refused: self-signed certificate"


async def test_aws_is_told_of_alike(free: int, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    async with Aws("eu-central-1", f"http://127.0.0.1:{free}") as aws:
        with pytest.raises(SourceOutage, match=f"no answer from AWS: nobody answers at 127.0.0.1:{free}$"):
            await aws.call("event bus", "events", "list_event_buses")


def test_what_requests_raises_is_told_of_alike(free: int) -> None:
    with pytest.raises(requests.RequestException) as raised:
        requests.post(f"http://127.0.0.1:{free}", timeout=1)
    assert what_happened(raised.value, "api.segment.io") == "nobody answers at api.segment.io"
