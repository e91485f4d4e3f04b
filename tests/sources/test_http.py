"""The HTTP edge against servers that are slow, broken, hostile or merely busy."""

import asyncio
import gzip
import json
import socket
import struct
import time
import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from werkzeug import Response

from underwriting.integrations.errors import MalformedAnswer, SourceOutage, SourceRefusal
from underwriting.integrations.http import MAX_RETRY_AFTER, HttpService, retry_after, tls

LIMIT = 10_000
# Plenty on a busy machine; what is to run out of time gets `SHORT`.
TIMEOUT = 10.0
SHORT = 0.5
BODY = json.dumps({"ok": "x" * 500}).encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


async def fetch(url: str, **limits: object) -> bytes | None:
    async with HttpService(**{"timeout": TIMEOUT, "max_bytes": LIMIT} | limits) as wire:
        return await wire.fetch("source", wire.request("GET", url))


def answering(httpserver: HTTPServer, body: bytes = BODY, status: int = 200, **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    httpserver.expect_request("/").respond_with_response(
        Response(body, status, {"Content-Type": "application/json"} | named)
    )
    return httpserver.url_for("/")


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON; charset=utf-8"])
async def test_a_json_answer_is_handed_over(httpserver, content_type):
    assert await fetch(answering(httpserver, Content_Type=content_type)) == BODY


@pytest.mark.parametrize("content_type", ["text/html", "", "application/jsonp", "application/json-seq"])
async def test_another_content_type_is_malformed(httpserver, content_type):
    with pytest.raises(MalformedAnswer, match="content type"):
        await fetch(answering(httpserver, Content_Type=content_type))


async def test_not_found_is_none(httpserver):
    assert await fetch(answering(httpserver, status=404)) is None


@pytest.mark.parametrize("status", [400, 402, 405, 409, 410, 415, 418, 422, 431, 451])
async def test_a_client_error_is_a_refusal(httpserver, status):
    with pytest.raises(SourceRefusal, match=f"answered {status}"):
        await fetch(answering(httpserver, status=status))


@pytest.mark.parametrize("status", [401, 403])
async def test_a_refused_credential_is_said_to_be_one(httpserver, status):
    with pytest.raises(SourceRefusal, match="credentials"):
        await fetch(answering(httpserver, status=status))


@pytest.mark.parametrize("status", [408, 425, 429, 500, 501, 502, 503, 504, 507, 599])
async def test_a_busy_or_broken_server_is_an_outage(httpserver, status):
    with pytest.raises(SourceOutage, match=f"answered {status}") as caught:
        await fetch(answering(httpserver, status=status, Retry_After="7"))
    assert caught.value.retry_after == 7.0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_refused_and_not_followed(httpserver, status):
    httpserver.expect_request("/elsewhere").respond_with_json({})
    with pytest.raises(SourceRefusal, match="redirects are not followed"):
        await fetch(answering(httpserver, status=status, Location="/elsewhere"))
    assert [request.path for request, _ in httpserver.log] == ["/"]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", None),
        ("0", 0.0),
        (" 12 ", 12.0),
        ("60", 60.0),
        ("61", MAX_RETRY_AFTER),
        ("999999999", MAX_RETRY_AFTER),
        ("-1", None),
        ("1.5", None),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("٣", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0.0),
        ("Wed, 21 Oct 2015 07:28:00 -0000", 0.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER),
        ("Fri, 31 Dec 9999 23:59:59 -2359", MAX_RETRY_AFTER),
    ],
)
def test_retry_after_is_read_in_both_forms_and_capped(header, seconds):
    assert retry_after(header) == seconds


def test_retry_after_as_a_date_counts_from_now():
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert retry_after(moment) == pytest.approx(30, abs=2)


@given(st.text())
def test_no_retry_after_is_an_error(header):
    assert retry_after(header) is None or 0 <= retry_after(header) <= MAX_RETRY_AFTER


@pytest.mark.parametrize("size", [LIMIT - 1, LIMIT])
async def test_an_answer_up_to_the_limit_is_taken(httpserver, size):
    assert len(await fetch(answering(httpserver, b"x" * size))) == size


async def test_an_answer_above_the_limit_is_refused(httpserver):
    with pytest.raises(MalformedAnswer, match="larger than 10,000 bytes"):
        await fetch(answering(httpserver, b"x" * (LIMIT + 1)))


async def test_an_endless_answer_is_refused_after_the_limit(raw_server):
    sent = 0

    async def flood(_, writer):
        nonlocal sent
        writer.write(HEAD + b"\r\n")
        while True:
            writer.write(b"x" * 65_536)
            sent += 65_536
            await writer.drain()

    async with raw_server(flood) as url:
        with pytest.raises(MalformedAnswer, match="larger"):
            await fetch(url)
    assert sent < 20_000_000


class TestCompression:
    async def test_gzip_is_taken(self, httpserver):
        assert await fetch(answering(httpserver, gzip.compress(BODY, mtime=0), Content_Encoding="gzip")) == BODY

    @pytest.mark.parametrize("size", [LIMIT - 1, LIMIT])
    async def test_the_limit_counts_what_it_unpacks_to(self, httpserver, size):
        packed = gzip.compress(b"x" * size, mtime=0)
        assert len(await fetch(answering(httpserver, packed, Content_Encoding="gzip"))) == size

    @pytest.mark.parametrize("size", [LIMIT + 1, 50_000_000])
    async def test_a_bomb_is_refused_before_it_grows(self, httpserver, size):
        packed = gzip.compress(b"\0" * size, mtime=0)
        url = answering(httpserver, packed, Content_Encoding="gzip")
        started = time.process_time()
        with pytest.raises(MalformedAnswer, match="larger than 10,000 bytes"):
            await fetch(url)
        assert time.process_time() - started < 0.3

    @pytest.mark.parametrize(
        ("packed", "why"),
        [
            (BODY, "is not gzip"),
            (gzip.compress(BODY, mtime=0)[:-9], "ends before its gzip"),
            (b"", "ends before its gzip"),
            (gzip.compress(BODY, mtime=0) + b"more", "continues after the end of its gzip"),
            (gzip.compress(BODY, mtime=0) + gzip.compress(BODY, mtime=0), "continues after the end of its gzip"),
            (gzip.compress(BODY, mtime=0)[:-8] + b"\0" * 8, "is not gzip"),
        ],
    )
    async def test_broken_gzip_is_malformed(self, httpserver, packed, why):
        with pytest.raises(MalformedAnswer, match=why):
            await fetch(answering(httpserver, packed, Content_Encoding="gzip"))

    @pytest.mark.parametrize("encoding", ["br", "zstd", "deflate", "gzip, gzip", "quetzalcoatl"])
    async def test_an_encoding_that_was_not_asked_for_is_malformed(self, httpserver, encoding):
        with pytest.raises(MalformedAnswer, match="content encoding"):
            await fetch(answering(httpserver, Content_Encoding=encoding))


class TestBrokenConnections:
    async def test_a_server_that_is_not_there_is_an_outage(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
        with pytest.raises(SourceOutage, match="nobody answers at"):
            await fetch(f"http://127.0.0.1:{port}")

    async def test_silence_is_an_outage_at_the_deadline(self, raw_server):
        async with raw_server(lambda *_: asyncio.sleep(3)) as url:
            started = time.monotonic()
            with pytest.raises(SourceOutage, match=r"no answer within 0\.5 s"):
                await fetch(url, timeout=SHORT)
            assert time.monotonic() - started < 2 * SHORT

    async def test_a_slow_drip_is_an_outage_at_the_deadline(self, raw_server):
        async def drip(_, writer):
            writer.write(HEAD + b"Content-Length: 1000\r\n\r\n")
            for _ in range(100):
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)

        async with raw_server(drip) as url:
            started = time.monotonic()
            with pytest.raises(SourceOutage, match="no answer within"):
                await fetch(url, timeout=SHORT)
            assert time.monotonic() - started < 2 * SHORT

    @pytest.mark.parametrize(
        "answer",
        [
            b"",
            HEAD,
            HEAD + b"Content-Length: 1000\r\n\r\n{}",
            HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{}",
            HEAD + b"Transfer-Encoding: chunked\r\n\r\nQuetzalcoatl",
            b"Quetzalcoatl\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nBad Header Quetzalcoatl\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000,
        ],
    )
    async def test_a_cut_or_garbled_answer_is_an_outage(self, raw_server, answer):
        async def speak(_, writer):
            writer.write(answer)
            await writer.drain()

        async with raw_server(speak) as url:
            with pytest.raises(SourceOutage, match="broke off") as caught:
                await fetch(url)
        assert "Quetzalcoatl" not in "".join(traceback.format_exception(caught.value))

    async def test_a_reset_is_an_outage(self, raw_server):
        async def reset(_, writer):
            writer.write(HEAD + b"Content-Length: 1000\r\n\r\n{")
            await writer.drain()
            linger_not = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger_not)
            writer.transport.abort()

        async with raw_server(reset) as url:
            with pytest.raises(SourceOutage, match="broke off"):
                await fetch(url)

    async def test_plain_http_on_a_tls_port_is_an_outage(self, httpserver):
        url = answering(httpserver).replace("http://", "https://")
        with pytest.raises(SourceOutage, match="by TLS"):
            await fetch(url)


async def test_a_call_can_be_cancelled_and_the_pool_goes_on(raw_server, httpserver):
    url = answering(httpserver)
    async with raw_server(lambda *_: asyncio.sleep(1)) as silent, HttpService(5.0, LIMIT) as wire:
        calls = [asyncio.create_task(wire.fetch("source", wire.request("GET", silent))) for _ in range(20)]
        await asyncio.sleep(0.1)
        for call in calls:
            call.cancel()
        assert {type(end) for end in await asyncio.gather(*calls, return_exceptions=True)} == {asyncio.CancelledError}
        assert await wire.fetch("source", wire.request("GET", url)) == BODY


async def test_connections_are_reused(raw_server):
    connections = 0

    async def keep_answering(reader, writer):
        nonlocal connections
        connections += 1
        while True:
            writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY)
            await reader.readuntil(b"\r\n\r\n")

    async with raw_server(keep_answering) as url, HttpService(TIMEOUT, LIMIT) as wire:
        for _ in range(5):
            assert await wire.fetch("source", wire.request("GET", url)) == BODY
    assert connections == 1


async def test_the_environment_names_no_proxy_and_no_password(httpserver, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert await fetch(answering(httpserver)) == BODY


def test_the_certificates_are_read_once():
    assert tls() is tls()


async def test_delivery_asks_for_no_body(httpserver):
    url = answering(httpserver, b"x" * (LIMIT + 1), Content_Type="text/plain")
    async with HttpService(TIMEOUT) as wire:
        await wire.deliver("source", wire.request("POST", url, content=b"{}"))


async def test_delivery_to_nobody_is_a_refusal(httpserver):
    url = answering(httpserver, status=404)
    async with HttpService(TIMEOUT) as wire:
        with pytest.raises(SourceRefusal, match="404"):
            await wire.deliver("source", wire.request("POST", url, content=b"{}"))


def test_a_request_says_that_its_body_is_json():
    request = HttpService(TIMEOUT).request("POST", "http://source", content=b"{}", headers={"X": "y"})
    assert (request.headers["content-type"], request.headers["x"]) == ("application/json", "y")
    assert isinstance(request, httpx.Request)
