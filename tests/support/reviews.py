"""Builders: an application, a claim on it, and what its review came to."""

from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from sqlalchemy import text

from underwriting.domain.application import Application, ApplicationRequest
from underwriting.domain.decision import CheckResult, Decision, Offer, Outcome, Reason, Result, RulebookRef, Verdict
from underwriting.domain.money import Money
from underwriting.store import applications, claims, decisions
from underwriting.store.claims import Claim
from underwriting.store.kinds import APPLICATIONS
from underwriting.store.record import Record
from underwriting.store.session import Store, Work

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
LEASE = timedelta(seconds=30)
BOOK = RulebookRef(name="prescreening", version=1, digest="d" * 64)
TOO_YOUNG = Reason(code="TOO_YOUNG", sentence="You are too young for this loan.")
NO_SCORE = Reason(code="CREDIT_SCORE_UNKNOWN", sentence="We could not see your credit score.")
CONSENT = {"purpose": "credit_transaction", "consented_at": "2026-03-01T08:00:00Z"}
UNTIL = NOW + timedelta(days=20)
OFFER = Offer(amount=Money(minor=2, currency="USD"), term_months=36, instalment=Money(minor=1, currency="USD"))
_keys = count(1)


def request(**changes: object) -> ApplicationRequest:
    return ApplicationRequest.model_validate({"customer_id": "ada", "amount": "2500.00", "currency": "USD", **changes})


async def accept(store: Store, tenant: str = "acme", key: str | None = None, **changes: object) -> Application:
    async with store.begin() as work:
        accepted = await applications.accept(work, tenant, request(**changes), key or f"key-{next(_keys)}", NOW)
    return accepted.stored.subject


async def claim(
    store: Store, application_id: str, lease: timedelta = LEASE, max_attempts: int = 5
) -> Claim[Application] | None:
    async with store.begin() as work:
        return await claims.claim(work, APPLICATIONS, application_id, "run", lease, max_attempts)


async def cancel(work: Work, owned: Claim[Any]) -> None:
    """End what is claimed without a decision, as an operator does who cancels its flow run."""
    await claims.give_back(work, owned, -timedelta(seconds=1))
    assert await claims.cancel(work, owned.kind, owned.subject.id, "run")


async def claimed(store: Store, tenant: str = "acme", **changes: Any) -> Claim[Application]:
    """A new application, owned."""
    owned = await claim(store, (await accept(store, tenant, **changes)).id)
    assert owned is not None
    return owned


def results() -> list[CheckResult]:
    """Two checks: one that saw facts, one whose source gave nothing."""
    age = Outcome(rule="AdultApplicant", result=Result.PASS, observed={"age_years": 36})
    score = Outcome(rule="CreditScore", result=Result.UNKNOWN, reason=NO_SCORE, observed={"credit_score": None})
    return [
        CheckResult(check="customer_information", outcomes=(age,), facts={"age_years": 36, "documents": 1.5}),
        CheckResult(check="credit_report", outcomes=(score,), trouble="bureau: timed out"),
    ]


def decision(application: Application, verdict: Verdict = Verdict.REFERRED) -> Decision:
    return Decision(
        verdict=verdict,
        approved=application.requested if verdict is Verdict.APPROVED else None,
        reasons=() if verdict is Verdict.APPROVED else (NO_SCORE,),
        rulebook=BOOK,
        decided_at=NOW,
        notice_due=None if verdict is Verdict.APPROVED else (NOW + timedelta(days=30)).date(),
    )


async def finish(
    store: Store, owned: Claim[Application], verdict: Verdict = Verdict.REFERRED, partners: tuple[str, ...] = ()
) -> Record:
    async with store.begin() as work:
        return await decisions.finish(work, owned, results(), decision(owned.subject, verdict), partners)


async def waits(store: Store, verdict: Verdict) -> str:
    """An application that waits for its customer: something is missing, or an offer is open."""
    owned = await claimed(store)
    offer = OFFER if verdict is Verdict.COUNTEROFFER else None
    made = Decision(
        verdict=verdict,
        reasons=(NO_SCORE,),
        offer=offer,
        respond_by=UNTIL,
        rulebook=BOOK,
        decided_at=NOW,
        notice_due=(NOW + timedelta(days=30)).date(),
    )
    async with store.begin() as work:
        await decisions.finish(work, owned, results(), made, (), UNTIL)
    return owned.subject.id


async def let_time_pass(store: Store, table: str, column: str, by: timedelta) -> None:
    """Move what the database's clock wrote into the past: the clock itself is not ours to turn."""
    async with store.begin() as work:
        if work.get_bind().dialect.name == "sqlite":
            earlier = f"strftime('%Y-%m-%d %H:%M:%f000', {column}, '-{by.total_seconds()} seconds')"
        else:
            earlier = f"{column} - interval '{by.total_seconds()} seconds'"
        await work.execute(text(f"UPDATE {table} SET {column} = {earlier} WHERE {column} IS NOT NULL"))


async def rows(store: Store, table: str) -> int:
    async with store.read() as work:
        return int(await work.scalar(text(f"SELECT count(*) FROM {table}")))
