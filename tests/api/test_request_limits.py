"""Requests that are too large, too deep or too slow are refused first of all, without a token and at no cost."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from underwriting.api import request_limits
from underwriting.api.request_limits import MAX_BODY, MAX_DEPTH, MAX_HEADERS

NOBODY = {"Content-Type": "application/json", "Authorization": ""}


async def send(api: httpx.AsyncClient, body: Any, **headers: str) -> httpx.Response:
    """An application by nobody, who has no token."""
    return await api.post("/v1/applications", content=body, headers=NOBODY | headers)


def refused(answer: httpx.Response, status: int, error_code: str) -> None:
    assert (answer.status_code, answer.json()["error_code"]) == (status, error_code)
    assert answer.headers["connection"] == "close"
    assert "X-Request-ID" in answer.headers


async def in_parts(total: int) -> AsyncIterator[bytes]:
    for _ in range(total // 1024):
        yield b" " * 1024
    yield b" " * (total % 1024)


@pytest.mark.parametrize("parts", [False, True])
async def test_a_body_of_256_kib_is_read_and_not_a_byte_more(api: httpx.AsyncClient, parts: bool) -> None:
    for size, status in ((MAX_BODY, 422), (MAX_BODY + 1, 413)):
        answer = await send(api, in_parts(size) if parts else b" " * size)
        assert answer.status_code == status, "422: spaces are no application"
    refused(answer, 413, "BODY_TOO_LARGE")
    assert "more than 256 KiB" in answer.json()["message"]


async def test_a_body_that_is_said_to_be_too_large_is_not_read(api: httpx.AsyncClient) -> None:
    read = []

    async def endless() -> AsyncIterator[bytes]:
        while True:
            read.append(1)
            yield b" "

    answer = await send(api, endless(), **{"Content-Length": str(MAX_BODY + 1)})
    refused(answer, 413, "BODY_TOO_LARGE")
    assert len(read) <= 1


@pytest.mark.parametrize(("depth", "status"), [(MAX_DEPTH, 401), (MAX_DEPTH + 1, 422), (100_000, 422)])
async def test_a_body_may_be_twenty_deep(api: httpx.AsyncClient, depth: int, status: int) -> None:
    answer = await send(api, "[" * depth + "]" * depth)
    assert answer.status_code == status


async def test_brackets_in_texts_are_not_counted(api: httpx.AsyncClient) -> None:
    answer = await send(api, json.dumps({"customer_id": '[{"\\' * 100}))
    assert answer.status_code == 401


async def test_a_body_that_does_not_arrive_is_not_waited_for(
    api: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(request_limits, "ARRIVAL_SECONDS", 0.05)

    async def slowly() -> AsyncIterator[bytes]:
        yield b"{"
        await asyncio.sleep(60)

    refused(await send(api, slowly()), 408, "REQUEST_TIMEOUT")


async def test_headers_have_32_kib_at_the_most(api: httpx.AsyncClient) -> None:
    answer = await send(api, b"{}", **{"X-Long": "x" * MAX_HEADERS})
    refused(answer, 431, "HEADERS_TOO_LARGE")


async def test_an_error_repeats_little_of_what_was_sent(api: httpx.AsyncClient, token: Any) -> None:
    body = {f"{'name' * 500}{number}": number for number in range(100)}
    answer = await send(api, json.dumps(body), Authorization=f"Bearer {token()}", **{"Idempotency-Key": "k"})
    assert answer.status_code == 422
    assert len(answer.json()["problems"]) <= 20
    assert len(answer.content) < 10_000
