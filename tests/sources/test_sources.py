"""Every question to every service, asked of the sandbox over a real socket."""

import asyncio
import json
import time
from datetime import UTC, date, datetime, timedelta

import pytest

from underwriting.domain.application import BureauConsent, PermissiblePurpose
from underwriting.domain.documents import CompanyStatus
from underwriting.domain.service import Service
from underwriting.integrations.errors import MalformedAnswer, SourceError, SourceOutage, SourceRefusal
from underwriting.settings import Settings
from underwriting.sources.sources import BureauOrder, Sources, base_urls

DAY = date(2026, 3, 31)
# Every question about a customer, by service, for a customer who is a company.
QUESTIONS = {
    Service.USERS: lambda sources, who: sources.person(who, DAY),
    Service.REGISTRY: lambda sources, who: sources.company(f"CO-{who}", DAY),
    Service.STATEMENTS: lambda sources, who: sources.bank_statements(who, "USD", 6, DAY),
    Service.ACCOUNTS: lambda sources, who: sources.financial_statements(who, "USD", DAY),
    Service.BUREAU: lambda sources, who: sources.credit_report(who, order(f"key-{who}")),
    Service.EXPOSURE: lambda sources, who: sources.exposure(who, "USD", DAY),
    Service.FRAUD: lambda sources, who: sources.fraud_report(who, "app_1", DAY),
    Service.LOANS: lambda sources, who: sources.ongoing_loans(who, "USD", DAY),
    Service.PAYMENTS: lambda sources, who: sources.payment_history(who, DAY),
}


CONSENT = BureauConsent(
    purpose=PermissiblePurpose.CREDIT_TRANSACTION, consented_at=datetime(2026, 3, 30, 9, tzinfo=UTC)
)


def order(key: str) -> BureauOrder:
    return BureauOrder(key, "USD", DAY, CONSENT)


def hurried(config: Settings) -> Settings:
    return config.model_copy(update={"source_timeout": 0.3})


async def test_every_service_answers(sandbox):
    async with Sources(sandbox) as sources:
        person = await sources.person("good-company", DAY)
        company = await sources.company(person.company_number, DAY)
        statements = await sources.bank_statements("good-company", "USD", 6, DAY)
        accounts = await sources.financial_statements("good-company", "USD", DAY)
        report = await sources.credit_report("good-company", order("key"))
        exposure = await sources.exposure("good-company", "USD", DAY)
        fraud = await sources.fraud_report("good-company", "app_1", DAY)
        loans = await sources.ongoing_loans("good-company", "USD", DAY)
        payments = await sources.payment_history("good-company", DAY)
    assert company.status is CompanyStatus.ACTIVE
    assert (statements.period_start, statements.period_end) == (date(2025, 9, 1), DAY)
    assert [year.period_end.year for year in accounts.years] == [2023, 2024, 2025]
    assert report.currency == exposure.currency == loans.currency == "USD"
    assert fraud.identity_consistent is True
    assert len(payments.instalments) == 12


@pytest.mark.parametrize("service", QUESTIONS)
async def test_an_unknown_customer_is_a_refusal(sandbox, service):
    async with Sources(sandbox) as sources:
        with pytest.raises(SourceRefusal, match=f"^{service}: does not know") as caught:
            await QUESTIONS[service](sources, "nobody")
    assert "nobody" not in str(caught.value)


@pytest.mark.parametrize("service", QUESTIONS)
async def test_a_service_that_is_down_is_an_outage(sandbox, panel, service):
    panel.put("/_control", json={"services": {service: {"error_rate": 1.0, "retry_after": 9}}})
    async with Sources(sandbox) as sources:
        with pytest.raises(SourceOutage, match="answered 503") as caught:
            await QUESTIONS[service](sources, "good-company")
        others = [ask(sources, "good-company") for name, ask in QUESTIONS.items() if name is not service]
        assert len(await asyncio.gather(*others)) == len(QUESTIONS) - 1
    assert (caught.value.source, caught.value.retry_after) == (service, 9.0)


@pytest.mark.parametrize("service", [Service.USERS, Service.BUREAU])
async def test_a_slow_service_is_an_outage(sandbox, panel, service):
    panel.put("/_control", json={"services": {service: {"latency": 5.0}}})
    async with Sources(hurried(sandbox)) as sources:
        with pytest.raises(SourceOutage, match="no answer within"):
            await QUESTIONS[service](sources, "good-company")


@pytest.mark.parametrize("service", QUESTIONS)
async def test_a_lost_answer_is_an_outage(sandbox, panel, service):
    panel.put("/_control", json={"services": {service: {"lost_rate": 1.0}}})
    async with Sources(sandbox) as sources:
        with pytest.raises(SourceOutage, match="broke off without"):
            await QUESTIONS[service](sources, "good-company")


@pytest.mark.parametrize(
    ("customer", "service", "error", "why"),
    [
        ("dead-source", Service.FRAUD, SourceOutage, "answered 503"),
        ("malformed", Service.EXPOSURE, MalformedAnswer, "outstanding: int_type"),
        ("liar", Service.STATEMENTS, MalformedAnswer, "period_end: value_error"),
        ("liar", Service.ACCOUNTS, MalformedAnswer, "years.0.revenue: greater_than_equal"),
        ("liar", Service.BUREAU, MalformedAnswer, "NaN and Infinity are not JSON"),
        ("huge", Service.STATEMENTS, MalformedAnswer, "the answer is larger than 5,000,000 bytes"),
        ("huge-00003", Service.STATEMENTS, MalformedAnswer, "the answer is larger than 5,000,000 bytes"),
    ],
)
async def test_a_persona_s_bad_source_is_an_error_of_its_kind(sandbox, customer, service, error, why):
    async with Sources(sandbox) as sources:
        with pytest.raises(error) as caught:
            await QUESTIONS[service](sources, customer)
    assert caught.value.why == why


async def test_the_slow_source_outlasts_the_timeout(sandbox):
    async with Sources(hurried(sandbox)) as sources:
        with pytest.raises(SourceOutage, match="no answer within"):
            await sources.ongoing_loans("slow-source", "USD", DAY)


async def test_a_huge_answer_costs_no_more_than_its_limit(sandbox):
    async with Sources(sandbox) as sources:
        started = time.monotonic()
        with pytest.raises(SourceError):
            await sources.bank_statements("huge", "USD", 6, DAY)
        assert time.monotonic() - started < 2


async def test_a_date_in_the_future_is_no_question(sandbox):
    async with Sources(sandbox) as sources:
        with pytest.raises(SourceRefusal, match="answered 422"):
            await sources.person("good", datetime.now(UTC).date() + timedelta(days=2))


@pytest.mark.parametrize("currency", ["EUR", "JPY", "KWD"])
async def test_amounts_come_in_the_currency_asked_for(sandbox, currency):
    async with Sources(sandbox) as sources:
        assert (await sources.bank_statements("good", currency, 6, DAY)).currency == currency
        assert (await sources.ongoing_loans("good", currency, DAY)).currency == currency


async def test_an_answer_in_another_currency_is_malformed(sandbox, data_dir):
    (data_dir / "exposure").mkdir()
    (data_dir / "exposure" / "traveller.json").write_text(json.dumps({"currency": "EUR", "outstanding": 1}))
    async with Sources(sandbox) as sources:
        with pytest.raises(MalformedAnswer, match="currency is not the one asked for"):
            await sources.exposure("traveller", "USD", DAY)


class TestBureau:
    async def test_a_report_is_charged_once_for_one_key(self, sandbox, panel):
        async with Sources(sandbox) as sources:
            first = await sources.credit_report("good", order("a" * 64 + ":bureau_pull"))
            again = await sources.credit_report("good", order("a" * 64 + ":bureau_pull"))
            await sources.credit_report("good", order("b" * 64 + ":bureau_pull"))
        assert first == again
        assert panel.get("/_control/ledger").json()["charges"] == 2

    async def test_purpose_and_consent_are_sent_with_the_order(self, sandbox, panel):
        async with Sources(sandbox) as sources:
            await sources.credit_report("good", order("key"))
        sent = json.loads(panel.get("/_control/ledger").json()["ledger"]["pulls"]["key"]["order"])
        assert (sent["permissible_purpose"], sent["consented_at"]) == ("credit_transaction", "2026-03-30T09:00:00Z")

    async def test_a_key_with_another_order_is_refused(self, sandbox):
        async with Sources(sandbox) as sources:
            await sources.credit_report("good", order("key"))
            with pytest.raises(SourceRefusal, match="answered 422"):
                await sources.credit_report("thin-file", order("key"))

    async def test_a_bureau_without_keys_charges_every_time(self, sandbox, panel):
        panel.put("/_control", json={"bureau_idempotent": False})
        async with Sources(sandbox) as sources:
            for _ in range(3):
                await sources.credit_report("good", order("key"))
        assert panel.get("/_control/ledger").json()["charges"] == 3

    async def test_a_report_whose_answer_was_lost_is_found_by_its_key(self, sandbox, panel):
        panel.put("/_control", json={"bureau_idempotent": False, "services": {"bureau": {"lost_rate": 1.0}}})
        async with Sources(sandbox) as sources:
            with pytest.raises(SourceOutage):
                await sources.credit_report("good", order("key:bureau_pull"))
            panel.put("/_control", json={"bureau_idempotent": False})
            found = await sources.find_credit_report("key:bureau_pull", "USD")
            assert found is not None
            assert found == await sources.credit_report("good", order("another"))
        assert panel.get("/_control/ledger").json()["ledger"]["pulls"]["key:bureau_pull"]["charges"] == 1

    async def test_a_report_that_was_never_pulled_is_none(self, sandbox):
        async with Sources(sandbox) as sources:
            assert await sources.find_credit_report("never/../pulled?", "USD") is None

    async def test_a_found_report_in_another_currency_is_malformed(self, sandbox):
        async with Sources(sandbox) as sources:
            await sources.credit_report("good", order("key"))
            with pytest.raises(MalformedAnswer, match="currency"):
                await sources.find_credit_report("key", "EUR")


def test_a_service_with_an_address_of_its_own_is_asked_there():
    where = base_urls(Settings(bureau_url="https://bureau.example/v2/", sandbox_port=9999))
    assert where[Service.BUREAU] == "https://bureau.example/v2"
    assert where[Service.LOANS] == "http://127.0.0.1:9999/loans"
    assert set(where) == set(Service)


async def test_many_questions_at_once_are_answered(sandbox):
    async with Sources(sandbox) as sources:
        people = await asyncio.gather(*(sources.person(f"good-{number:05}", DAY) for number in range(60)))
    assert len({person.identity_document for person in people}) == 60
