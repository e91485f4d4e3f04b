"""Whatever a source answers, an application or a check ends decided, and never approved on nonsense.

Each case changes one member of a good answer, which a real server sends. Then the facts, the books and the transaction
that stores the result run as in the flows, on PostgreSQL, which takes neither NUL nor numbers of more than 64 bits.
"""

import json
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Annotated, Any

import httpx
import pytest
from pydantic import AwareDatetime, TypeAdapter, ValidationError
from pytest_httpserver import HTTPServer
from support.evaluated import check as accept_check
from support.evaluated import claim_check
from support.published import publish_shipped
from support.reviews import CONSENT, accept, claim
from werkzeug import Request, Response

from rules.limits.tiers import CURRENCY, TIERS
from rules.prescreening.decide import decide
from tasks import checks, gather
from tasks.check import judge
from tasks.counteroffer import with_alternatives
from tasks.record_decision import record_decision
from tasks.record_evaluation import record_evaluation
from tasks.review import Review
from tasks.run_books import decide_evaluation, run_books
from tasks.user_check import UserCheck
from underwriting.domain.application import BureauConsent
from underwriting.domain.decision import CheckResult, Verdict
from underwriting.domain.documents import DOCUMENTS, Row, row_model
from underwriting.domain.histories import HISTORIES, CurrentLimit
from underwriting.integrations.errors import MalformedAnswer, SourceError
from underwriting.playground.sandbox.lists import sandbox_lists
from underwriting.runtime import Runtime
from underwriting.screening.screener import store_list
from underwriting.settings import Settings
from underwriting.sources.sources import BureauOrder, Sources
from underwriting.store import applications, profiles
from underwriting.store.models import RulebookKind

KEYS = count(1)
CONSENT_GIVEN = BureauConsent.model_validate(CONSENT)
APPLICANT, USER = "good-company", "steady-pay"
TODAY = datetime.now(UTC).date()
TOMORROW = (TODAY + timedelta(days=1)).isoformat()
NUL, SURROGATE = "\x00", "\ud800"
NUMBERS = (10**30, 2**63, -(2**63) - 1, "NaN", float("nan"), "1", 1.5, True, [], {})
TEXTS = (f"a{NUL}b", f"a{SURROGATE}", "\x1b[2J", 7.5, ["a"], "x" * 3000)
DAYS = ("0001-01-01", "9999-12-31", "0000-00-00", "2026-02-30", TOMORROW, 0, "NaN", "-0001-01-01", f"2026-01-01{NUL}")
MOMENTS = ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-03-02T09:30:00", 0, 10**30, "NaN", NUL)
# By question: the path of the service, and its members by kind.
MEMBERS: dict[str, tuple[str, dict[str, tuple[Any, ...]]]] = {
    "customer_information": (
        "/users/customers/",
        {
            "given_name": TEXTS, "family_name": TEXTS, "birth_date": (*DAYS, "1850-01-01"), "identity_document": TEXTS,
            "street": TEXTS, "residence_country": (*TEXTS, "us"), "company_number": TEXTS, "email_verified": ("yes", 1),
        },
    ),
    "customer_information ": (
        "/registry/companies/",
        {"name": TEXTS, "status": (NUL, "dead"), "incorporated_on": DAYS, "country": TEXTS},
    ),
    "bank_statements": (
        "/statements/customers/",
        {
            "currency": (NUL, "EUR", "usd"), "period_start": DAYS, "period_end": DAYS, "opening_balance": NUMBERS,
            "lines.0.line_no": (*NUMBERS, -1), "lines.0.booked_on": DAYS, "lines.0.amount": NUMBERS,
            "lines.0.balance": NUMBERS, "lines.0.category": (NUL, "bribe"), "lines": ([[]], [{}] * 60_000, {}),
        },
    ),
    "financial_statements": (
        "/accounts/customers/",
        {
            "years.2.period_end": DAYS, "years.2.revenue": (*NUMBERS, -1), "years.2.profit": NUMBERS,
            "years.2.operating_cash_flow": NUMBERS, "years.2.debt_service": (*NUMBERS, -1), "years": ([{}] * 60,),
        },
    ),
    "credit_report": (
        "/bureau/customers/",
        {
            "bureau": TEXTS, "reported_on": DAYS, "file_status": (NUL, "lost"), "score": NUMBERS,
            "score_model": TEXTS, "score_min": (*NUMBERS, -1), "score_max": NUMBERS, "exclusion_code": TEXTS,
            "key_factors.0.rank": (*NUMBERS, 0), "key_factors.0.code": TEXTS, "key_factors.0.text": TEXTS,
            "revolving_balance": (*NUMBERS, -1), "revolving_limit": (*NUMBERS, -1),
            "liabilities.0.balance": (*NUMBERS, -1), "liabilities.0.monthly_payment": (*NUMBERS, -1),
            "events.0.occurred_on": DAYS, "events": ([{}] * 6_000,),
        },
    ),
    "internal_exposure": ("/exposure/customers/", {"outstanding": (*NUMBERS, -1)}),
    "fraud": (
        "/fraud/customers/",
        {
            "applications_30d": (*NUMBERS, -1), "device_risk": (2, -1, float("inf"), "0.1", 10**400),
            "identity_consistent": (NUL, 1),
        },
    ),
    "ongoing_loans": (
        "/loans/customers/",
        {
            "loans.0.loan_id": (*TEXTS, 10**30, -1), "loans.0.opened_on": DAYS, "loans.0.status": (NUL, "gone"),
            "loans.0.outstanding": (*NUMBERS, -1), "loans.0.monthly_instalment": (*NUMBERS, -1),
            "loans": ([{}] * 2_000,),
        },
    ),
    "payment_history": (
        "/payments/customers/",
        {
            "write_offs": (*NUMBERS, -1), "instalments.0.loan_id": (*TEXTS, 10**30, -1),
            "instalments.0.due_on": DAYS, "instalments.0.paid_on": DAYS, "instalments": ([{}] * 20_000,),
        },
    ),
    "user_record": (
        f"/users/users/{USER}",
        {
            "segment": TEXTS, "good_standing": (NUL, 1), "fraud_hit": ("no", 0), "covered_borrower": ("no",),
            "covered_borrower_on": DAYS,
        },
    ),
    "subscription": (
        f"/users/users/{USER}/subscription",
        {"renewals.0.due_on": DAYS, "renewals.0.paid_on": DAYS, "renewals": ([{}] * 2_000,)},
    ),
    "transaction_feed": (
        "/transactions/users/",
        {
            "refreshed_at": (*MOMENTS, f"{TOMORROW}T09:00:00Z"), "accounts.0.refreshed_at": MOMENTS,
            "accounts.0.account_id": (*TEXTS, 10**30, -1), "accounts.0.kind": (NUL, "cave"),
            "accounts.0.currency": (NUL, "usd"), "accounts.0.balance": NUMBERS, "accounts.0.available": NUMBERS,
            "accounts.0.institution_id": (*TEXTS, 10**30, -1), "accounts.0.covered_from": DAYS,
            "transactions.0.booked_on": ("0001-01-01", "0000-00-00", 0),
            "transactions.0.amount": NUMBERS, "transactions.0.description": TEXTS,
            "transactions.0.counterparty": TEXTS, "transactions.0.transaction_id": (*TEXTS, 10**30, -1),
            "transactions": ([{}] * 10,), "accounts": ([{}] * 200, {}),
        },
    ),
    "float_history": (
        "/floats/users/",
        {
            "floats.0.float_id": (*TEXTS, 10**30, -1), "floats.0.amount": (*NUMBERS, -1),
            "floats.0.fee": (*NUMBERS, -1),
            "floats.0.taken_on": DAYS, "floats.0.due_on": [each for each in DAYS if each != TOMORROW],
            "floats.0.repaid_on": (*DAYS, "2000-01-01"),
            "floats.0.collection_attempts": (*NUMBERS, -1), "floats.0.collection_failures": (*NUMBERS, -1),
            "floats": ([{}] * 20_000,),
        },
    ),
    "scores": (
        "/scores/users/",
        {
            "model": TEXTS, "model_version": TEXTS, "key_factors.0.rank": NUMBERS, "key_factors.0.code": TEXTS,
            "key_factors.0.text": TEXTS, "payback_prediction": (2, "1", float("nan"), 10**400),
            "cash_advance.0.bracket": (NUL, "to_1"), "cash_advance.0.score": (*NUMBERS, -1, 1001),
        },
    ),
}  # fmt: skip
OF_USERS = ("user_record", "subscription", "transaction_feed", "float_history", "scores")
CASES = [
    (path, name.strip(), member, value)
    for name, (path, members) in MEMBERS.items()
    for member, values in members.items()
    for value in values
]
DAY = date(2026, 3, 2)
QUESTIONS: dict[str, Callable[[Sources], Awaitable[object]]] = {
    "/users/customers/": lambda sources: sources.person(APPLICANT, DAY),
    "/registry/companies/": lambda sources: sources.company(f"CO-{APPLICANT}", DAY),
    "/statements/customers/": lambda sources: sources.bank_statements(APPLICANT, "USD", 6, DAY),
    "/accounts/customers/": lambda sources: sources.financial_statements(APPLICANT, "USD", DAY),
    "/bureau/customers/": lambda sources: sources.credit_report(APPLICANT, BureauOrder("a", "USD", DAY, CONSENT_GIVEN)),
    "/exposure/customers/": lambda sources: sources.exposure(APPLICANT, "USD", DAY),
    "/fraud/customers/": lambda sources: sources.fraud_report(APPLICANT, "a", DAY),
    "/loans/customers/": lambda sources: sources.ongoing_loans(APPLICANT, "USD", DAY),
    "/payments/customers/": lambda sources: sources.payment_history(APPLICANT, DAY),
    f"/users/users/{USER}": lambda sources: sources.user(USER, TODAY),
    f"/users/users/{USER}/subscription": lambda sources: sources.subscription(USER, TODAY),
    "/transactions/users/": lambda sources: sources.transaction_feed(USER, "USD", 60, TODAY),
    "/floats/users/": lambda sources: sources.float_history(USER, "USD", TODAY),
    "/scores/users/": lambda sources: sources.scores(USER, TODAY),
}


class Services:
    """The sandbox's good answers over HTTP, one member of one of them changed; `path` is that answer's."""

    def __init__(self, server: HTTPServer, sandbox: str) -> None:
        self.path, self.member, self.value = "", "", None
        self._good: dict[str, bytes] = {}
        self._sandbox = sandbox
        server.expect_request(re.compile(".*")).respond_with_handler(self._answer)

    def answer(self, path: str, member: str, value: object) -> None:
        """Change this member; without one the answer is no JSON at all."""
        self.path, self.member, self.value = path, member, value

    def _answer(self, request: Request) -> Response:
        question = re.sub(r"application_id=[^&]*", "application_id=a", request.full_path)
        if question not in self._good:
            key = {"Idempotency-Key": request.headers.get("Idempotency-Key", ""), "Content-Type": "application/json"}
            found = httpx.request(request.method, self._sandbox + question, content=request.data, headers=key)
            self._good[question] = found.raise_for_status().content
        body = self._good[question]
        is_it = request.path == self.path if USER in self.path else self.path and request.path.startswith(self.path)
        if is_it:
            body = changed(body, self.member, self.value) if self.member else b"<html>"
        return Response(body, content_type="application/json")


def changed(body: bytes, member: str, value: object) -> bytes:
    """The answer with another value at a place such as `lines.0.amount`, which it has to have."""
    answer = part = json.loads(body)
    *around, last = (int(step) if step.isdigit() else step for step in member.split("."))
    for step in around:
        part = part[step]
    assert isinstance(last, int) or last in part, member
    part[last] = value
    return json.dumps(answer).encode()


async def reviewed(runtime: Runtime) -> tuple[Verdict, dict[str, str]]:
    """The verdict on an application, and what was wrong with each source, as `review_application` comes to it."""
    owned = await claim(runtime.store, (await accept(runtime.store, customer_id=APPLICANT, bureau_consent=CONSENT)).id)
    review = Review(runtime, owned, await runtime.rulebook_cache.book_for(owned.subject))
    results: list[CheckResult] = []
    for stage in review.book.stages:
        for name in stage:
            try:
                results.append(await (_pulled(review) if name == "credit_report" else checks.BY_NAME[name].fn(review)))
            except SourceError as error:
                results.append(await judge(review, name, trouble=str(error)))
    results = list(await with_alternatives(review, results))
    decision = decide(review.book, results, review.application, datetime.now(UTC))
    await record_decision(review, results, decision)
    async with runtime.store.read() as work:
        record = (await applications.get(work, None, review.application.id)).record
    return record.verdict, {each.check: each.trouble for each in record.checks if each.trouble}


async def _pulled(review: Review) -> CheckResult:
    """The check of the report without Prefect's limit on pulls and without the ledger."""
    application = review.application
    order = BureauOrder(application.id, "USD", application.as_of, application.bureau_consent)
    review.add(await review.runtime.sources.credit_report(APPLICANT, order))
    return await judge(review, "credit_report")


async def evaluated(runtime: Runtime) -> tuple[Verdict, dict[str, str]]:
    """The verdict on a check, and what was wrong with each source, as `evaluate_eligibility` comes to it."""
    accepted = await accept_check(runtime.store, USER, tenant=f"t{next(KEYS)}", now=datetime.now(UTC))
    owned = await claim_check(runtime.store, accepted.stored.subject.id)
    async with runtime.store.begin() as work:
        now = datetime.now(UTC)
        profile = await profiles.on_first_contact(work, owned.subject.tenant, USER, now, CURRENCY, TIERS)
    check = UserCheck(runtime, owned, profile)
    for source in gather.SOURCES:
        try:
            await source.fn(check)
        except SourceError as error:
            check.troubles[source.name] = str(error)
    result = await run_books(check)
    eligibility = decide_evaluation(check, result)
    assert await record_evaluation(check, eligibility, result)
    return eligibility.verdict, eligibility.troubles


@pytest.fixture
def database_kind() -> str:
    """It refuses what SQLite keeps."""
    return "postgresql"


@pytest.fixture
async def runtime(served_sandbox, database_url, tmp_path, httpserver) -> AsyncIterator[Runtime]:
    """The store of a worker, with books and lists, and its sources at `httpserver`."""
    config = Settings(database_url=database_url, sandbox_port=httpserver.port, host=httpserver.host, state_dir=tmp_path)
    async with AsyncExitStack() as stack:
        runtime = await Runtime.set_up(config, stack)
        await publish_shipped(runtime.store, RulebookKind.REVIEW, RulebookKind.ELIGIBILITY)
        for screening_list in sandbox_lists():
            await store_list(runtime.store, screening_list, "test")
        yield runtime


async def test_nonsense_is_unknown_and_decided_as_no_answer(runtime, served_sandbox, httpserver):
    services = Services(httpserver, served_sandbox.sandbox_url)
    assert await reviewed(runtime) == (Verdict.APPROVED, {})
    assert await evaluated(runtime) == (Verdict.APPROVED, {})
    answered = {}
    for path, name, member, value in CASES:
        services.answer(path, member, value)
        # Every case is an answer that is refused, by its place; the decision is then the same for all of a source.
        with pytest.raises(MalformedAnswer):
            pytest.fail(f"{path} may answer {member}: {await QUESTIONS[path](runtime.sources)!r}"[:300])
        answered.setdefault(path, (name, member, value))
    for path, (name, member, value) in answered.items():
        decided = evaluated if name in OF_USERS else reviewed
        services.answer(path, member, value)
        verdict, troubles = await decided(runtime)
        services.answer(path, "", None)
        without, other = await decided(runtime)
        assert verdict is without
        assert troubles.keys() == other.keys() == {name}
        # A user who never subscribed may take a float, too.
        assert verdict is (Verdict.APPROVED if name == "subscription" else Verdict.REFERRED), path


def test_the_table_is_long():
    assert len(CASES) > 500


def test_every_text_number_and_day_of_a_document_has_bounds():
    """Also those of fields to come: of each kind the value that no field may have."""
    todo: list[type[Row]] = [*DOCUMENTS, *HISTORIES]
    nonsense = {str: "a\x00b", int: 2**62, date: date(1, 1, 1), AwareDatetime: datetime(1, 1, 2, tzinfo=UTC)}
    bounded = 0
    while todo:
        model = todo.pop()
        for field in model.model_fields.values():
            if (inner := row_model(field.annotation)) is not None:
                todo.append(inner)
                continue
            text = repr(field.annotation)
            for kind, value in nonsense.items():
                if model is not CurrentLimit and re.search(rf"\b{kind.__name__}\b", text):
                    with pytest.raises(ValidationError):
                        TypeAdapter(Annotated[field.annotation, field]).validate_python(value)
                    bounded += 1
    assert bounded > 80
