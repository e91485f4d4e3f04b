"""Every question about a user of floats, asked of the sandbox over a real socket."""

import asyncio
import json
import re
from datetime import UTC, date, datetime

import pytest
from pydantic import SecretStr

from underwriting.domain.application import BureauConsent
from underwriting.domain.service import Service
from underwriting.integrations.errors import MalformedAnswer, SourceOutage, SourceRefusal
from underwriting.settings import Settings
from underwriting.sources.sources import BureauOrder, Sources, base_urls

DAY = date(2026, 3, 31)
QUESTIONS = {
    "user": (Service.USERS, lambda sources, who: sources.user(who, DAY)),
    "subscription": (Service.USERS, lambda sources, who: sources.subscription(who, DAY)),
    "feed": (Service.TRANSACTIONS, lambda sources, who: sources.transaction_feed(who, "USD", 365, DAY)),
    "floats": (Service.FLOATS, lambda sources, who: sources.float_history(who, "USD", DAY)),
    "scores": (Service.SCORES, lambda sources, who: sources.scores(who, DAY)),
}


async def test_every_service_answers(sandbox):
    async with Sources(sandbox) as sources:
        answers = await asyncio.gather(*(ask(sources, "steady-pay") for _, ask in QUESTIONS.values()))
        person = await sources.person("steady-pay", DAY)
    user, subscription, reading, floats, scores = answers
    feed = reading.feed
    assert (user.segment, user.good_standing, user.fraud_hit) == ("standard", True, False)
    assert len(subscription.renewals) == 12
    assert (feed.currency, feed.linked_accounts, feed.institution_id) == ("USD", 2, "ins_3")
    assert len(floats.floats) == 10
    assert scores.payback_prediction == 0.93
    assert person.birth_date is not None


@pytest.mark.parametrize("question", QUESTIONS)
async def test_an_unknown_user_is_a_refusal(sandbox, question):
    service, ask = QUESTIONS[question]
    async with Sources(sandbox) as sources:
        # Applicants are no users of floats.
        for who in ("nobody", "good"):
            with pytest.raises(SourceRefusal, match=f"^{service}: does not know the customer$") as caught:
                await ask(sources, who)
            assert who not in str(caught.value)


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize(
    ("fault", "why"),
    [
        ({"error_rate": 1.0, "retry_after": 9}, "answered 503"),
        ({"lost_rate": 1.0}, "broke off without a complete answer"),
    ],
)
async def test_a_service_in_trouble_is_an_outage(sandbox, panel, question, fault, why):
    service, ask = QUESTIONS[question]
    panel.put("/_control", json={"services": {service: fault}})
    async with Sources(sandbox) as sources:
        with pytest.raises(SourceOutage, match=why):
            await ask(sources, "steady-pay")
    assert panel.get("/_control/ledger").json()["calls"] == {service: 1}


@pytest.mark.parametrize(
    ("user", "question", "error", "why"),
    [
        ("dead-feed", "feed", SourceOutage, "answered 503"),
        ("broken-feed", "feed", MalformedAnswer, "refreshed_at: is in the future"),
        ("broken-floats-00003", "floats", MalformedAnswer, "floats: tuple_type"),
    ],
)
async def test_a_user_s_bad_source_is_an_error_of_its_kind(sandbox, user, question, error, why):
    async with Sources(sandbox) as sources:
        with pytest.raises(error) as caught:
            await QUESTIONS[question][1](sources, user)
    assert caught.value.why == why


async def test_the_slow_source_outlasts_the_timeout(sandbox):
    async with Sources(sandbox.model_copy(update={"source_timeout": 0.3})) as sources:
        with pytest.raises(SourceOutage, match="no answer within"):
            await sources.scores("slow-scores", DAY)


@pytest.mark.parametrize("days", [1, 30, 365])
async def test_a_feed_covers_the_days_asked_for(sandbox, days):
    async with Sources(sandbox) as sources:
        feed = (await sources.transaction_feed("steady-pay", "USD", days, DAY)).feed
        whole = (await sources.transaction_feed("steady-pay", "USD", 700, DAY)).feed
    assert (DAY - feed.covered_from).days == days - 1
    ends = [one.opening_balance + sum(row.amount for row in one.transactions) for one in (feed, whole)]
    assert ends[0] == ends[1]
    amounts = [row.amount for row in whole.transactions if row.booked_on >= feed.covered_from]
    assert [row.amount for row in feed.transactions] == amounts


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
async def test_amounts_come_in_the_currency_asked_for(sandbox, currency):
    async with Sources(sandbox) as sources:
        assert (await sources.transaction_feed("steady-pay", currency, 90, DAY)).feed.currency == currency
        assert (await sources.float_history("steady-pay", currency, DAY)).currency == currency


class TestPlaid:
    ANSWER = json.dumps(
        {
            "accounts": [
                {
                    "account_id": "a",
                    "type": "depository",
                    "subtype": "checking",
                    "balances": {"current": 200.5, "iso_currency_code": "USD"},
                }
            ],
            "transactions": [
                {"account_id": "a", "amount": -1200.0, "date": "2026-03-27", "name": "ACME DES:PAYROLL"},
                {"account_id": "a", "amount": 40.25, "date": "2026-03-20", "name": "POS PURCHASE KROGER"},
            ],
        }
    )

    @pytest.fixture
    def plaid(self, sandbox, data_dir):
        (data_dir / "transactions").mkdir(exist_ok=True)
        (data_dir / "transactions" / "plaid-user.json").write_text(self.ANSWER)
        return sandbox.model_copy(update={"transactions_format": "plaid"})

    async def test_a_service_that_speaks_plaid_is_understood(self, plaid):
        async with Sources(plaid) as sources:
            feed = (await sources.transaction_feed("plaid-user", "USD", 90, DAY)).feed
        assert [(row.amount, row.category) for row in feed.transactions] == [(-40_25, "groceries"), (1200_00, "wages")]
        assert feed.opening_balance == 200_50 + 40_25 - 1200_00

    async def test_the_other_format_is_malformed(self, plaid, sandbox):
        async with Sources(sandbox) as sources:
            with pytest.raises(MalformedAnswer, match=r"^transactions: refreshed_at: missing"):
                await sources.transaction_feed("plaid-user", "USD", 90, DAY)
        async with Sources(plaid) as sources:
            with pytest.raises(MalformedAnswer, match=r"^transactions: accounts\.0\.type: missing"):
                await sources.transaction_feed("steady-pay", "USD", 90, DAY)


async def test_files_go_before_users(sandbox, data_dir):
    for place, document in {
        "users/user/steady-pay-9.json": {"segment": "vip"},
        "users/subscription/steady-pay-9.json": {"renewals": []},
        "floats/steady-pay-9.json": {"currency": "USD", "floats": []},
        "scores/steady-pay-9.json": {"payback_prediction": 0.5, "key_factors": [], "cash_advance": []},
    }.items():
        (data_dir / place).parent.mkdir(parents=True, exist_ok=True)
        (data_dir / place).write_text(json.dumps(document))
    async with Sources(sandbox) as sources:
        assert (await sources.user("steady-pay-9", DAY)).segment == "vip"
        assert (await sources.subscription("steady-pay-9", DAY)).renewals == ()
        assert (await sources.float_history("steady-pay-9", "USD", DAY)).floats == ()
        assert (await sources.scores("steady-pay-9", DAY)).payback_prediction == 0.5


def test_each_service_has_an_address_of_its_own():
    config = Settings(
        float_service_url="https://floats.example/", transactions_url="https://bank.example/v1", sandbox_port=9999
    )
    where = base_urls(config)
    assert where[Service.FLOATS] == "https://floats.example"
    assert where[Service.TRANSACTIONS] == "https://bank.example/v1"
    assert where[Service.SCORES] == "http://127.0.0.1:9999/scores"


ADDRESSES = [
    *(name for name in Settings.model_fields if name.endswith("_url") and "database" not in name),
    "flags", "partners",
]  # fmt: skip


def with_address(setting, url):
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    return {setting: {"acme": {"results_url": url, "signing_secret": secret}} if setting == "partners" else url}


@pytest.mark.parametrize("setting", ADDRESSES)
@pytest.mark.parametrize(
    "url", ["http://bank.example/v1", "http://127.bank.example", "http://10.0.0.1/", "ftp://127.0.0.1/"]
)
def test_addresses_outside_of_this_machine_are_of_https(setting, url):
    with pytest.raises(ValueError, match=r"must start with https://|URL scheme should be 'http'"):
        Settings.model_validate(with_address(setting, url))


@pytest.mark.parametrize("setting", ADDRESSES)
@pytest.mark.parametrize(
    "url",
    [
        "https://bank.example/v1",
        "http://127.0.0.1:8401/x",
        "http://localhost:1/x",
        "http://[::1]/x",
        "http://10.0.0.7/x",
    ],
)
def test_https_and_addresses_of_this_machine_are_taken(setting, url):
    Settings.model_validate({"host": "10.0.0.7", **with_address(setting, url)})


async def test_each_service_gets_its_own_token_and_no_other(httpserver):
    httpserver.expect_request(re.compile(".*")).respond_with_data("no", 403)
    tokens = {service: SecretStr(f"of-{service}") for service in Service if service is not Service.SCORES}
    urls = {
        name: httpserver.url_for(f"/{name}")
        for name in Settings.model_fields
        if name.endswith("_url") and name not in {"database_url", "history_database_url", "aws_endpoint_url"}
    }
    order = BureauOrder("key", "USD", DAY, BureauConsent(purpose="credit_transaction", consented_at=datetime.now(UTC)))
    async with Sources(Settings(source_tokens=tokens, **urls)) as sources:
        for question in (
            sources.person("ada", DAY),
            sources.company("1", DAY),
            sources.bank_statements("ada", "USD", 6, DAY),
            sources.financial_statements("ada", "USD", DAY),
            sources.credit_report("ada", order),
            sources.find_credit_report("key", "USD"),
            sources.exposure("ada", "USD", DAY),
            sources.fraud_report("ada", "app_1", DAY),
            sources.ongoing_loans("ada", "USD", DAY),
            sources.payment_history("ada", DAY),
            sources.user("ada", DAY),
            sources.subscription("ada", DAY),
            sources.transaction_feed("ada", "USD", 90, DAY),
            sources.float_history("ada", "USD", DAY),
            sources.scores("ada", DAY),
        ):
            with pytest.raises(SourceRefusal):
                await question
    sent = [(request.path.split("/")[1], request.headers.get("Authorization")) for request, _ in httpserver.log]
    assert len(sent) == 15
    where = base_urls(Settings(**urls))
    expected = {url.rsplit("/", 1)[1]: f"Bearer of-{service}" for service, url in where.items()}
    assert set(sent) == {(place, None if place == "scores_url" else token) for place, token in expected.items()}
