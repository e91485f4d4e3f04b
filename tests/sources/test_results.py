"""Results as a partner's endpoint receives them."""

import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from pydantic import SecretStr
from standardwebhooks import Webhook, WebhookVerificationError

from underwriting.domain.service import Service
from underwriting.integrations.errors import SourceOutage, SourceRefusal
from underwriting.integrations.results import Results, signature
from underwriting.settings import Partner, Settings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_c29tZWJvZHkgZWxzZSdzIHNlY3JldA=="
BODY = '{"verdict": "approved", "sentence": "naïve – 値"}'.encode()


def now() -> datetime:
    return datetime.now(UTC)


def partner(url: str, secret: str = SECRET) -> Partner:
    return Partner(results_url=url, signing_secret=SecretStr(secret))


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=9)), timezone(-timedelta(hours=11, minutes=30))])
def test_a_signature_verifies_whatever_the_zone_of_the_moment(zone):
    headers = signature(partner("https://partner.example"), "msg_1", BODY, now().astimezone(zone))
    assert Webhook(SECRET).verify(BODY, headers) == json.loads(BODY)


@pytest.mark.parametrize("header", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_signature_covers_id_and_moment(header):
    headers = signature(partner("https://partner.example"), "msg_1", BODY, now())
    other = signature(partner("https://partner.example"), "msg_2", BODY, now() - timedelta(seconds=60))
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY, headers | {header: other[header]})


def test_two_signatures_during_a_change_of_the_secret():
    """Standard Webhooks: parted by a space, so that whoever has either secret can verify."""
    changing = partner("https://partner.example").model_copy(update={"former_signing_secret": SecretStr(OTHER_SECRET)})
    headers = signature(changing, "msg_1", BODY, now())
    assert [part.partition(",")[0] for part in headers["webhook-signature"].split(" ")] == ["v1", "v1"]
    for secret in (SECRET, OTHER_SECRET):
        assert Webhook(secret).verify(BODY, headers) == json.loads(BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook("whsec_c29tZWJvZHk=").verify(BODY, headers)


def test_a_signature_is_reproducible():
    """The example of the Standard Webhooks reference libraries."""
    headers = signature(
        partner("https://partner.example"),
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        b'{"test": 2432232314}',
        datetime.fromtimestamp(1614265330, UTC),
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_naive_moment_is_refused():
    with pytest.raises(ValueError, match="aware"):
        signature(partner("https://partner.example"), "msg_1", BODY, datetime(2026, 1, 1))  # noqa: DTZ001 - the point


async def test_a_result_arrives_signed_and_whole(sandbox, panel):
    async with Results(sandbox) as results:
        await results.post(sandbox.partners["acme"], "msg_1", BODY, now())
    assert panel.get("/_control/ledger").json()["ledger"]["results"]["msg_1"] == {
        "tenant": "acme", "body": BODY.decode(), "deliveries": 1, "changed": False,
    }  # fmt: skip


async def test_a_repetition_is_one_message(sandbox, panel):
    async with Results(sandbox) as results:
        for _ in range(3):
            await results.post(sandbox.partners["acme"], "msg_1", BODY, now())
        await results.post(sandbox.partners["acme"], "msg_2", BODY, now())
    received = panel.get("/_control/ledger").json()["ledger"]["results"]
    assert {name: entry["deliveries"] for name, entry in received.items()} == {"msg_1": 3, "msg_2": 1}


async def test_another_body_under_one_id_is_noticed(sandbox, panel):
    async with Results(sandbox) as results:
        await results.post(sandbox.partners["acme"], "msg_1", b"{}", now())
        await results.post(sandbox.partners["acme"], "msg_1", b"[]", now())
    assert panel.get("/_control/ledger").json()["ledger"]["results"]["msg_1"]["changed"] is True


@pytest.mark.parametrize(
    ("secret", "age"),
    [(OTHER_SECRET, timedelta()), (SECRET, timedelta(minutes=6)), (SECRET, -timedelta(minutes=6))],
)
async def test_a_wrong_secret_and_a_stale_moment_are_refused(sandbox, panel, secret, age):
    target = partner(str(sandbox.partners["acme"].results_url), secret)
    async with Results(sandbox) as results:
        with pytest.raises(SourceRefusal, match="401"):
            await results.post(target, "msg_1", BODY, now() - age)
    ledger = panel.get("/_control/ledger").json()["ledger"]
    assert (ledger["results"], ledger["refused"]["bad_signature"]) == ({}, 1)


async def test_an_unknown_tenant_is_a_refusal(sandbox):
    target = partner(f"{sandbox.sandbox_url}/results/nobody")
    async with Results(sandbox) as results:
        with pytest.raises(SourceRefusal, match="404"):
            await results.post(target, "msg_1", BODY, now())


async def test_a_lost_answer_is_an_outage_though_the_result_arrived(sandbox, panel):
    panel.put("/_control", json={"services": {"results": {"lost_rate": 1.0}}})
    async with Results(sandbox) as results:
        with pytest.raises(SourceOutage):
            await results.post(sandbox.partners["acme"], "msg_1", BODY, now())
    assert panel.get("/_control/ledger").json()["ledger"]["results"]["msg_1"]["deliveries"] == 1


@pytest.mark.parametrize("status", [400, 404, 409, 410, 422, 301, 307])
async def test_what_another_try_would_not_change_is_a_refusal(httpserver, status):
    httpserver.expect_request("/").respond_with_data("", status, {"Location": "/elsewhere"})
    async with Results(Settings()) as results:
        with pytest.raises(SourceRefusal, match=str(status)):
            await results.post(partner(httpserver.url_for("/")), "msg_1", BODY, now())


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503])
async def test_a_busy_partner_is_an_outage(httpserver, status):
    httpserver.expect_request("/").respond_with_data("", status, {"Retry-After": "3600"})
    async with Results(Settings()) as results:
        with pytest.raises(SourceOutage, match=str(status)) as caught:
            await results.post(partner(httpserver.url_for("/")), "msg_1", BODY, now())
    assert caught.value.retry_after == 60.0


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_any_success_is_delivered(httpserver, status):
    httpserver.expect_request("/").respond_with_data("", status)
    async with Results(Settings()) as results:
        await results.post(partner(httpserver.url_for("/")), "msg_1", BODY, now())


async def test_no_services_token_goes_to_partners(httpserver):
    httpserver.expect_request("/").respond_with_data("")
    async with Results(Settings(source_tokens={service: SecretStr(service) for service in Service})) as results:
        await results.post(partner(httpserver.url_for("/")), "msg_1", BODY, now())
    (request, _), *_ = httpserver.log
    assert "Authorization" not in request.headers
    assert request.headers["Content-Type"] == "application/json"
