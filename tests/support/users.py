"""Builders: what the float side's services say of a user in a line or two, and the facts that come of it."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from rules.core.columns import Columns
from rules.facts import compute_facts, facts_of, tables_of, users_as_of
from underwriting.domain.decision import FactValue
from underwriting.domain.documents import Document
from underwriting.domain.histories import (
    Category,
    CurrentLimit,
    Float,
    FloatHistory,
    Renewal,
    Subscription,
    Transaction,
    TransactionFeed,
)

AS_OF = date(2025, 6, 15)
JUDGED_AT = datetime(2025, 6, 15, 12, tzinfo=UTC)
LONG_AGO = date(2024, 5, 11)


def ago(days: int, as_of: date = AS_OF) -> date:
    """The day that many days before as_of."""
    return as_of - timedelta(days=days)


def user_tables(
    *documents: Document, as_of: date = AS_OF, judged_at: datetime | None = JUDGED_AT, currency: str = "USD"
) -> dict[str, Any]:
    """The input tables of one user."""
    return {**users_as_of(["u"], as_of, judged_at, currency), **tables_of("u", documents)}


def user_facts_of(query: str, *documents: Document, **judged: Any) -> dict[str, FactValue]:
    """The query's facts of one user, as plain values."""
    columns = Columns(compute_facts(query, user_tables(*documents, **judged)))
    return {fact.name: columns.value(fact.name, 0) for fact in facts_of(query)}


def feed(
    *bookings: tuple[date, int, str | None] | tuple[date, int, str | None, str | None],
    opening: int | None = 0,
    start: date = LONG_AGO,
    refreshed: datetime | date = JUDGED_AT,
    **rest: Any,
) -> TransactionFeed:
    """A feed of the bookings (day, amount, category, counterparty) in their order."""
    if not isinstance(refreshed, datetime):
        refreshed = datetime.combine(refreshed, time(12), UTC)
    lines = [
        Transaction(
            line_no=number,
            booked_on=day,
            amount=amount,
            category=Category(category) if category else None,
            counterparty=payer[0] if payer else None,
        )
        for number, (day, amount, category, *payer) in enumerate(bookings)
    ]
    return TransactionFeed(
        **{"currency": "USD", "holds": 0, **rest},
        covered_from=start,
        opening_balance=opening,
        refreshed_at=refreshed,
        transactions=tuple(lines),
    )


def pay(days_ago: Iterable[int], amount: int = 50_000, payer: str = "Acme", category: str = "wages") -> list[Any]:
    """One deposit on each of the days before as_of."""
    return [(ago(days), amount, category, payer) for days in days_ago]


def a_float(taken: date, due: date, repaid: date | None = None, amount: int = 5_000, **rest: Any) -> Float:
    """A float of ours."""
    given = {"fee": 0, "collection_attempts": 0, "collection_failures": 0, **rest}
    return Float(float_id=f"{taken}", amount=amount, taken_on=taken, due_on=due, repaid_on=repaid, **given)


def floats(*taken: Float, currency: str = "USD") -> FloatHistory:
    """The history of these floats."""
    return FloatHistory(currency=currency, floats=taken)


def subscription(*renewals: tuple[date, date | None]) -> Subscription:
    """A subscription of the renewals (due, paid)."""
    return Subscription(renewals=tuple(Renewal(due_on=due, paid_on=paid) for due, paid in renewals))


def limit(
    amount: int = 5_000, raised_on: date | None = None, runs_below: int = 0, currency: str = "USD", **days: date | None
) -> CurrentLimit:
    """What the store knows of the limit."""
    given = {"currency": currency, "amount": amount, "raised_on": raised_on, "runs_below": runs_below}
    return CurrentLimit(**{"lowered_on": None, "below_since": None, **given, **days})
