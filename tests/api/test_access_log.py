"""Each request is a line in the log, and its answer says which one."""

import asyncio
import json
import logging
import re
from collections.abc import Callable, Iterator
from io import StringIO

import httpx
import pytest

from underwriting.api.access import AccessLog
from underwriting.local import free_port
from underwriting.process import logs
from underwriting.process.metrics import metrics
from underwriting.settings import SettingsRefused

APPLICATION = {"customer_id": "ada", "product": "loan", "amount": "2500.00", "currency": "USD"}


@pytest.fixture
def lines() -> Iterator[Callable[[], list[dict[str, str]]]]:
    """The lines of the access log, as JSON."""
    stream, logger = StringIO(), logging.getLogger("underwriting.api.access")
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs._Json.of_ours())
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)


async def test_an_answer_has_the_id_of_its_line(api, lines):
    answered = await api.get("/v1/applications?state=referred")
    (line,) = lines()
    # The query is left out.
    assert re.fullmatch(r"GET /v1/applications 200 in \d+ ms", line["message"])
    assert line["request_id"] == answered.headers["X-Request-ID"]
    assert line["tenant"] == "acme"


async def test_a_line_has_the_id_of_what_was_accepted_or_asked_for(api, lines):
    accepted = await api.post("/v1/applications", json=APPLICATION, headers={"Idempotency-Key": "k"})
    asked = accepted.json()["id"]
    await api.get(f"/v1/applications/{asked}")
    assert [(line["application_id"], line["message"].rsplit(" in ")[0]) for line in lines()] == [
        (asked, "POST /v1/applications 202"),
        (asked, "GET /v1/applications/{application_id} 200"),
    ]


@pytest.mark.parametrize(
    "path",
    [
        "/v1/ada-lovelace/underwriting/profile",
        "/v1/nowhere/ada-lovelace",
        "/v1/applications/ada-lovelace",
        "/ada-lovelace%0A",
    ],
)
async def test_no_line_has_anything_else_of_a_path(api, lines, path):
    await api.get(path)
    assert "ada-lovelace" not in json.dumps(lines())


@pytest.mark.parametrize(("given", "taken"), [("k-1", True), ("a" * 64, True), ("a" * 65, False), ("a b", False)])
async def test_a_request_id_of_the_callers_own_is_taken_over(api, lines, given, taken):
    answered = await api.get("/v1/nowhere", headers={"X-Request-ID": given})
    assert (answered.headers["X-Request-ID"] == given) is taken
    assert "GET no route 404 in " in lines()[0]["message"]


async def test_the_time_is_that_of_the_answer_without_what_follows_it(lines):
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
    assert int(line["message"].split()[-2]) < 200


async def test_an_error_of_ours_has_an_id_too(api, monkeypatch, lines):
    monkeypatch.setattr("underwriting.store.applications.get", None)
    transport = httpx.ASGITransport(api._transport.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://api", headers=api.headers) as client:
        answered = await client.get("/v1/applications/app_01KAYB2M4Z5W8Q0V6T3R9N7XJC")
    assert answered.status_code == 500
    assert " 500 in " in lines()[0]["message"]
    assert lines()[0]["request_id"] == answered.headers["X-Request-ID"]


async def test_a_healthy_api_is_not_logged(api, lines):
    for path in ("/health", "/health/live"):
        assert (await api.get(path)).is_success
    assert lines() == []


async def test_requests_are_counted_and_timed_by_route_and_a_taken_port_is_said(
    serving, config, token, monkeypatch, caplog
):
    config = config.model_copy(update={"health_port": free_port()})
    monkeypatch.setattr("underwriting.process.metrics.settings", lambda: config)
    metrics.cache_clear()
    mine = {"Authorization": f"Bearer {token()}"}
    try:
        async with serving(config, headers=mine) as api, httpx.AsyncClient() as prometheus:
            for path in ("/v1/ada/underwriting/float_profile", "/v1/bob/underwriting/float_profile", "/nowhere/ada"):
                await api.get(path)
            assert (await prometheus.get(f"http://127.0.0.1:{config.health_port}/ready")).status_code == 200
            lines = (await prometheus.get(f"http://127.0.0.1:{config.health_port}/metrics")).text.splitlines()
            with pytest.raises(SettingsRefused, match="Address already in use"):
                async with serving(config):
                    pass
    finally:
        metrics.cache_clear()
    route = 'method="GET",route="/v1/{user_id}/underwriting/float_profile"'
    assert f'underwriting_requests_total{{{route},status="404"}} 2.0' in lines
    assert f"underwriting_request_seconds_count{{{route}}} 2.0" in lines
    assert 'underwriting_requests_total{method="GET",route="no route",status="404"} 1.0' in lines
    assert not any("ada" in line for line in lines)
    assert "the API does not start: UNDERWRITING_HEALTH_PORT" in caplog.text
