"""The routes of the outside services, each under its own prefix."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Annotated

from fastapi import APIRouter, Header, HTTPException, Path, Query, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from underwriting.domain.application import CustomerId, PermissiblePurpose
from underwriting.domain.documents import (
    BankStatements,
    Company,
    CreditReport,
    Exposure,
    FinancialStatements,
    FraudReport,
    OngoingLoans,
    PaymentHistory,
    Person,
)
from underwriting.domain.histories import FloatHistory, Scores, Subscription, User
from underwriting.domain.money import CurrencyCode
from underwriting.domain.plausible import PastDate
from underwriting.domain.service import Service
from underwriting.playground.sandbox.answers import Answers
from underwriting.playground.sandbox.faults import Faults
from underwriting.playground.sandbox.ledger import Ledger
from underwriting.playground.sandbox.source_request import SourceRequest
from underwriting.sources.feeds.native import NativeFeed

# Today (UTC) where it is left out.
AsOf = PastDate | None
Months = Annotated[int, Query(ge=1, le=120)]
Days = Annotated[int, Query(ge=1, le=3_660)]
CompanyNumber = Annotated[str, Path(pattern="^[A-Za-z0-9-]{1,64}$")]
Reference = Annotated[str, Field(min_length=1, max_length=200)]


class Order(BaseModel):
    """An order for a bureau report; the caller's own `reference` finds the report again."""

    model_config = ConfigDict(extra="forbid")

    reference: Reference
    currency: CurrencyCode
    as_of: PastDate
    permissible_purpose: PermissiblePurpose
    consented_at: AwareDatetime


def _request(subject: str, as_of: date | None, currency: str = "USD", months: int = 1) -> SourceRequest:
    return SourceRequest(subject, as_of or datetime.now(UTC).date(), currency, months)


def routes(answers: Answers) -> APIRouter:
    """The services about applicants."""
    router = APIRouter()

    @router.get("/users/customers/{customer_id}", response_model=Person)
    async def person(customer_id: CustomerId, as_of: AsOf = None) -> Response:
        return await answers.response(Service.USERS, _request(customer_id, as_of))

    @router.get("/registry/companies/{number}", response_model=Company)
    async def company(number: CompanyNumber, as_of: AsOf = None) -> Response:
        return await answers.response(Service.REGISTRY, _request(number, as_of))

    @router.get("/statements/customers/{customer_id}", response_model=BankStatements)
    async def statements(
        customer_id: CustomerId, currency: CurrencyCode, months: Months = 6, as_of: AsOf = None
    ) -> Response:
        return await answers.response(Service.STATEMENTS, _request(customer_id, as_of, currency, months))

    @router.get("/accounts/customers/{customer_id}", response_model=FinancialStatements)
    async def accounts(customer_id: CustomerId, currency: CurrencyCode, as_of: AsOf = None) -> Response:
        return await answers.response(Service.ACCOUNTS, _request(customer_id, as_of, currency))

    @router.get("/exposure/customers/{customer_id}", response_model=Exposure)
    async def exposure(customer_id: CustomerId, currency: CurrencyCode, as_of: AsOf = None) -> Response:
        return await answers.response(Service.EXPOSURE, _request(customer_id, as_of, currency))

    @router.get("/fraud/customers/{customer_id}", response_model=FraudReport)
    async def fraud(customer_id: CustomerId, application_id: str, as_of: AsOf = None) -> Response:
        return await answers.response(Service.FRAUD, _request(customer_id, as_of))

    @router.get("/loans/customers/{customer_id}", response_model=OngoingLoans)
    async def loans(customer_id: CustomerId, currency: CurrencyCode, as_of: AsOf = None) -> Response:
        return await answers.response(Service.LOANS, _request(customer_id, as_of, currency))

    @router.get("/payments/customers/{customer_id}", response_model=PaymentHistory)
    async def payments(customer_id: CustomerId, as_of: AsOf = None) -> Response:
        return await answers.response(Service.PAYMENTS, _request(customer_id, as_of))

    return router


def float_services(answers: Answers) -> APIRouter:
    """The services about users of floats."""
    router = APIRouter()

    @router.get("/users/users/{user_id}", response_model=User)
    async def user(user_id: CustomerId, as_of: AsOf = None) -> Response:
        return await answers.response(Service.USERS, _request(user_id, as_of), "user")

    @router.get("/users/users/{user_id}/subscription", response_model=Subscription)
    async def subscription(user_id: CustomerId, as_of: AsOf = None) -> Response:
        return await answers.response(Service.USERS, _request(user_id, as_of), "subscription")

    @router.get("/floats/users/{user_id}", response_model=FloatHistory)
    async def float_history(user_id: CustomerId, currency: CurrencyCode, as_of: AsOf = None) -> Response:
        return await answers.response(Service.FLOATS, _request(user_id, as_of, currency))

    @router.get("/transactions/users/{user_id}", response_model=NativeFeed)
    async def transactions(
        user_id: CustomerId, currency: CurrencyCode, days: Days = 365, as_of: AsOf = None
    ) -> Response:
        return await answers.response(Service.TRANSACTIONS, replace(_request(user_id, as_of, currency), days=days))

    @router.get("/scores/users/{user_id}", response_model=Scores)
    async def scores(user_id: CustomerId, as_of: AsOf = None) -> Response:
        return await answers.response(Service.SCORES, _request(user_id, as_of))

    return router


def bureau(answers: Answers, ledger: Ledger, faults: Faults) -> APIRouter:
    """The bureau, which charges for reports."""
    router = APIRouter(prefix="/bureau")

    @router.post("/customers/{customer_id}/reports", response_model=CreditReport)
    async def order_report(
        customer_id: CustomerId, order: Order, idempotency_key: Annotated[str | None, Header(max_length=200)] = None
    ) -> Response:
        report = await answers.body(Service.BUREAU, SourceRequest(customer_id, order.as_of, order.currency))
        idempotent = faults.control.bureau_idempotent and idempotency_key == order.reference
        charged = ledger.pull(order.reference, customer_id, order.model_dump_json(), report, idempotent=idempotent)
        if charged is None:
            raise HTTPException(422, "this key was used with another order")
        return Response(charged, media_type="application/json")

    @router.get("/reports/{reference}", response_model=CreditReport)
    async def find_report(reference: Annotated[str, Path(max_length=200)]) -> Response:
        if (pull := ledger.pulls.get(reference)) is None:
            raise HTTPException(404, "no report was ordered under this reference")
        return Response(pull.report, media_type="application/json")

    return router
