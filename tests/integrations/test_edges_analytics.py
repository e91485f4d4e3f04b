"""Analytics to Segment: an HTTP sink in its place, and every error seen by whoever sends."""

from datetime import UTC, datetime

import pytest
from pytest_httpserver import HTTPServer

from underwriting.integrations.analytics import MAX_BYTES, Analytics
from underwriting.integrations.errors import SourceOutage, SourceRefusal

AT = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


async def track(analytics: Analytics, **properties: object) -> None:
    await analytics.track("msg_1", "ada", "Evaluation Completed", AT, properties)


async def test_an_event_arrives_under_its_own_id(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/v1/batch", method="POST").respond_with_json({"success": True})
    await track(Analytics("key", httpserver.url_for(""), 1.0), verdict="approved", amounts=[1000, 2000])
    (request, _), *_ = httpserver.log
    assert request.authorization is not None
    assert request.authorization.username == "key"
    (sent,) = (request.json or {})["batch"]
    assert (sent["messageId"], sent["userId"], sent["event"], sent["type"]) == (
        "msg_1", "ada", "Evaluation Completed", "track",
    )  # fmt: skip
    assert sent["timestamp"] == "2026-03-02T09:30:00.000+00:00"
    assert sent["properties"] == {"verdict": "approved", "amounts": [1000, 2000]}


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, SourceRefusal), (401, SourceRefusal), (429, SourceOutage), (500, SourceOutage), (503, SourceOutage)],
)
async def test_a_refused_event_is_an_error(
    httpserver: HTTPServer, status: int, kind: type[Exception], caplog: pytest.LogCaptureFixture
) -> None:
    httpserver.expect_request("/v1/batch").respond_with_data("canary", status)
    with pytest.raises(kind, match=f"analytics: Segment answered {status}") as refused:
        await track(Analytics("key", httpserver.url_for(""), 1.0))
    assert "canary" not in str(refused.value) + caplog.text


async def test_no_answer_is_an_outage() -> None:
    with pytest.raises(SourceOutage, match="no answer from Segment"):
        await track(Analytics("key", "http://127.0.0.1:9", 1.0))


async def test_an_event_that_segment_would_not_take_is_refused_before_it_is_sent(httpserver: HTTPServer) -> None:
    with pytest.raises(SourceRefusal, match="takes events of up to 30,720 bytes"):
        await track(Analytics("key", httpserver.url_for(""), 1.0), text="x" * MAX_BYTES)
    assert httpserver.log == []
