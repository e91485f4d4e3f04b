"""Each request is a line in the log, and its answer says which one."""

import asyncio
import logging

import httpx
import pytest

from underwriting.api.access import AccessLog


@pytest.fixture
def lines(caplog):
    caplog.set_level(logging.INFO, "underwriting.api.access")
    return lambda: [record.getMessage() for record in caplog.records if record.name == "underwriting.api.access"]


async def test_an_answer_has_the_id_of_its_line(api, lines):
    answered = await api.get("/v1/applications?state=referred")
    (line,) = lines()
    # The query is left out.
    assert line.startswith("GET /v1/applications 200 in ")
    assert line.endswith(f"request {answered.headers['X-Request-ID']}")


@pytest.mark.parametrize(("given", "taken"), [("k-1", True), ("a" * 64, True), ("a" * 65, False), ("a b", False)])
async def test_a_request_id_of_the_callers_own_is_taken_over(api, lines, given, taken):
    answered = await api.get("/v1/nowhere", headers={"X-Request-ID": given})
    assert (answered.headers["X-Request-ID"] == given) is taken
    assert "GET /v1/nowhere 404 in " in lines()[0]


async def test_the_time_is_that_of_the_answer_without_what_follows_it(lines, caplog):
    async def answers_and_goes_on(scope, receive, send):
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        assert lines(), "it is in the log as soon as it is answered"
        await asyncio.sleep(0.2)

    async def nobody(*_):
        return {"type": "http.request"}

    await AccessLog(answers_and_goes_on)(
        {"type": "http", "method": "GET", "path": "/v1", "headers": []}, nobody, nobody
    )
    (line,) = lines()
    assert int(line.split()[4]) < 200


async def test_a_line_break_in_a_path_makes_no_line(api, lines):
    await api.get("/v1/nowhere%0A2026-01-01 | forged")
    assert lines()[0].startswith("GET /v1/nowhere%0A2026-01-01%20%7C%20forged 404 in ")


async def test_an_error_of_ours_has_an_id_too(api, monkeypatch, lines):
    monkeypatch.setattr("underwriting.store.applications.get", None)
    transport = httpx.ASGITransport(api._transport.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=api.headers) as client:
        answered = await client.get("/v1/applications/app_01KAYB2M4Z5W8Q0V6T3R9N7XJC")
    assert answered.status_code == 500
    assert " 500 in " in lines()[0]
    assert lines()[0].endswith(f"request {answered.headers['X-Request-ID']}")


async def test_a_healthy_api_is_not_logged(api, lines):
    for path in ("/health", "/health/live"):
        assert (await api.get(path)).is_success
    assert lines() == []
