"""Clients of the outside services, one method for each document."""

import json
from dataclasses import dataclass
from datetime import date
from typing import Self, TypeVar
from urllib.parse import quote

import httpx

from underwriting.domain.application import BureauConsent
from underwriting.domain.documents import (
    BankStatements,
    Company,
    CreditReport,
    Document,
    Exposure,
    FinancialStatements,
    FraudReport,
    OngoingLoans,
    PaymentHistory,
    Person,
)
from underwriting.domain.histories import FloatHistory, Scores, Subscription, User
from underwriting.domain.service import Service
from underwriting.integrations.aws import Aws
from underwriting.integrations.documents import SCHEME, S3Documents
from underwriting.integrations.errors import CustomerNotFound
from underwriting.integrations.http import HttpService
from underwriting.integrations.steps import asking
from underwriting.settings import Settings
from underwriting.sources.answers import read_document
from underwriting.sources.feed_client import read_feed
from underwriting.sources.feeds.missing_data import FeedReading

D = TypeVar("D", bound=Document)


def base_urls(config: Settings) -> dict[Service, str]:
    """The base URL of every service: its own where one is set, else the sandbox's."""
    configured = {
        Service.USERS: config.user_service_url,
        Service.REGISTRY: config.registry_url,
        Service.STATEMENTS: config.statements_url,
        Service.ACCOUNTS: config.accounts_url,
        Service.BUREAU: config.bureau_url,
        Service.EXPOSURE: config.exposure_url,
        Service.FRAUD: config.fraud_url,
        Service.LOANS: config.loans_url,
        Service.PAYMENTS: config.payments_url,
        Service.FLOATS: config.float_service_url,
        Service.TRANSACTIONS: config.transactions_url,
        Service.SCORES: config.scores_url,
    }
    return {service: (url or f"{config.sandbox_url}/{service}").rstrip("/") for service, url in configured.items()}


@dataclass(frozen=True)
class BureauOrder:
    """An order for a bureau report: our reference, the permissible purpose and the consent."""

    reference: str
    currency: str
    as_of: date
    consent: BureauConsent

    @property
    def body(self) -> bytes:
        """The order as it is sent."""
        return json.dumps(
            {
                "reference": self.reference,
                "currency": self.currency,
                "as_of": self.as_of.isoformat(),
                "permissible_purpose": self.consent.purpose,
                "consented_at": self.consent.consented_at.isoformat(),
            }
        ).encode()


class Sources:
    """All outside services over one pool of connections: `async with Sources(settings()) as sources`.

    One for each event loop. Every method makes one attempt, of at most `source_timeout` seconds, and raises
    SourceOutage (worth a retry), SourceRefusal or MalformedAnswer. `as_of` is the business date of the answer;
    amounts are in minor units of `currency`, else the answer is refused.
    """

    def __init__(self, config: Settings) -> None:
        self._base_urls = base_urls(config)
        self._tokens = config.source_tokens
        self._feed_format = config.transactions_format
        self._http = HttpService(config.source_timeout, config.source_max_bytes)
        self._aws = Aws.of(config)
        self._s3 = S3Documents(self._aws, config.source_timeout, config.source_max_bytes)

    def trace(self) -> None:
        """Trace each call, and send the trace's context to the services."""
        self._http.trace()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self._aws.close()
        await self._http.__aexit__()

    async def person(self, customer_id: str, as_of: date) -> Person:
        """Who applies, or acts for the applying company."""
        return await self._of_customer(Service.USERS, Person, customer_id, as_of)

    async def company(self, number: str, as_of: date) -> Company:
        """The registry's record of the company with this number."""
        request = self._get(Service.REGISTRY, f"/companies/{quote(number, safe='')}", as_of=as_of)
        return await self._fetch_document(Service.REGISTRY, Company, request, None)

    async def bank_statements(self, customer_id: str, currency: str, months: int, as_of: date) -> BankStatements:
        """The main account from the first day of the month `months` months back, up to `as_of`."""
        return await self._of_customer(
            Service.STATEMENTS, BankStatements, customer_id, as_of, currency, months=str(months)
        )

    async def financial_statements(self, customer_id: str, currency: str, as_of: date) -> FinancialStatements:
        """The accounts of a company that applies."""
        return await self._of_customer(Service.ACCOUNTS, FinancialStatements, customer_id, as_of, currency)

    async def credit_report(self, customer_id: str, order: BureauOrder) -> CreditReport:
        """Pull a bureau report. Paid: the same reference again costs nothing only at an idempotent bureau."""
        request = self._http.request(
            "POST",
            f"{self._base_urls[Service.BUREAU]}/customers/{quote(customer_id, safe='')}/reports",
            headers={"Idempotency-Key": order.reference, **self._credential(Service.BUREAU)},
            content=order.body,
        )
        return await self._fetch_document(Service.BUREAU, CreditReport, request, order.currency)

    async def find_credit_report(self, provider_key: str, currency: str) -> CreditReport | None:
        """The report already pulled under this key, or None where the bureau has none. Costs nothing."""
        request = self._get(Service.BUREAU, f"/reports/{quote(provider_key, safe='')}")
        with asking(Service.BUREAU, "earlier CreditReport"):
            body = await self._http.fetch(Service.BUREAU, request)
            return None if body is None else await read_document(Service.BUREAU, CreditReport, body, currency)

    async def exposure(self, customer_id: str, currency: str, as_of: date) -> Exposure:
        """What the customer already owes us."""
        return await self._of_customer(Service.EXPOSURE, Exposure, customer_id, as_of, currency)

    async def fraud_report(self, customer_id: str, application_id: str, as_of: date) -> FraudReport:
        """The fraud service's report on this customer and this application."""
        return await self._of_customer(Service.FRAUD, FraudReport, customer_id, as_of, application_id=application_id)

    async def ongoing_loans(self, customer_id: str, currency: str, as_of: date) -> OngoingLoans:
        """The customer's loans with us."""
        return await self._of_customer(Service.LOANS, OngoingLoans, customer_id, as_of, currency)

    async def payment_history(self, customer_id: str, as_of: date) -> PaymentHistory:
        """How the customer paid our loans back."""
        return await self._of_customer(Service.PAYMENTS, PaymentHistory, customer_id, as_of)

    async def user(self, user_id: str, as_of: date) -> User:
        """The user service's record of a user of floats: segment and standing."""
        return await self._of_user(Service.USERS, User, user_id, as_of)

    async def subscription(self, user_id: str, as_of: date) -> Subscription:
        """The renewals of the user's subscription that fell due."""
        return await self._of_user(Service.USERS, Subscription, user_id, as_of, part="/subscription")

    async def transaction_feed(self, user_id: str, currency: str, days: int, as_of: date) -> FeedReading:
        """The main account of the user's bank feed, its last `days` days up to and with `as_of`, and what it lacks.

        The service answers all linked accounts, in the format of `transactions_format`.
        """
        request = self._get(
            Service.TRANSACTIONS, f"/users/{quote(user_id, safe='')}", as_of, currency=currency, days=str(days)
        )
        with asking(Service.TRANSACTIONS, "TransactionFeed"):
            body = await self._http.fetch(Service.TRANSACTIONS, request)
            if body is None:
                raise CustomerNotFound(Service.TRANSACTIONS)
            return await read_feed(Service.TRANSACTIONS, self._feed_format, body, currency, days, as_of)

    async def float_history(self, user_id: str, currency: str, as_of: date) -> FloatHistory:
        """Every float that the user took from us."""
        return await self._of_user(Service.FLOATS, FloatHistory, user_id, as_of, currency)

    async def scores(self, user_id: str, as_of: date) -> Scores:
        """What the score service predicts; a score it does not have is left out."""
        return await self._of_user(Service.SCORES, Scores, user_id, as_of)

    async def _of_user(
        self, service: Service, model: type[D], user_id: str, as_of: date, currency: str | None = None, part: str = ""
    ) -> D:
        money = {"currency": currency} if currency else {}
        request = self._get(service, f"/users/{quote(user_id, safe='')}{part}", as_of, **money)
        return await self._fetch_document(service, model, request, currency)

    async def _of_customer(
        self, service: Service, model: type[D], customer_id: str, as_of: date, currency: str | None = None, **more: str
    ) -> D:
        if (address := self._base_urls[service]).startswith(SCHEME):
            # A document in S3 is complete; it cannot depend on `as_of` or `months`.
            with asking(service, model.__name__):
                body = await self._s3.fetch(service, address, customer_id)
                return await _document(service, model, body, currency)
        money = {"currency": currency} if currency else {}
        request = self._get(service, f"/customers/{quote(customer_id, safe='')}", as_of, **money, **more)
        return await self._fetch_document(service, model, request, currency)

    async def _fetch_document(
        self, service: Service, model: type[D], request: httpx.Request, currency: str | None
    ) -> D:
        with asking(service, model.__name__):
            return await _document(service, model, await self._http.fetch(service, request), currency)

    def _get(self, service: Service, path: str, as_of: date | None = None, **params: str) -> httpx.Request:
        moment = {"as_of": as_of.isoformat()} if as_of else {}
        url, headers = self._base_urls[service] + path, self._credential(service)
        return self._http.request("GET", url, params={**moment, **params}, headers=headers)

    def _credential(self, service: Service) -> dict[str, str]:
        """The service's own token, if it has one: no service can call another one in our name."""
        token = self._tokens.get(service)
        return {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}


async def _document(service: Service, model: type[D], body: bytes | None, currency: str | None) -> D:
    if body is None:
        raise CustomerNotFound(service)
    return await read_document(service, model, body, currency)
