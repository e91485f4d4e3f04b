"""Builders: an applicant's documents in a line or two, and the facts that come of them."""

from collections.abc import Iterable
from datetime import UTC, date, datetime
from typing import Any

import pandas as pd

from rules.core.columns import Columns
from rules.facts import compute_facts, facts_of, subjects, tables_of
from rules.prescreening.book import Rulebook, parse_rulebook, shipped_rulebooks
from underwriting.domain.application import Application, Product
from underwriting.domain.decision import FactValue
from underwriting.domain.documents import BankStatements, Document, LineCategory, Person, StatementLine
from underwriting.domain.money import Money

AS_OF = date(2025, 6, 15)
REQUESTED = 250_000
INSTALMENT = 12_500

PERSON = Person(
    given_name="Ada",
    family_name="Byron",
    birth_date=date(1990, 1, 31),
    identity_document="X-1",
    street="1 Main St",
    residence_country="US",
    email_verified=True,
    phone_verified=False,
    company_number=None,
)


def person(**on_file: Any) -> Person:
    """A person of whom nothing else is on file."""
    optional = {name: None for name, field in Person.model_fields.items() if field.is_required()}
    return Person(**optional | on_file)


DIRECTOR = PERSON.model_copy(update={"company_number": "C-1"})


def facts(check: str, *documents: Document, as_of: date = AS_OF, currency: str = "USD") -> dict[str, FactValue]:
    """The check's facts of one applicant, as plain values."""
    frame = compute_facts(check, one_applicant(*documents, as_of=as_of, currency=currency))
    columns = Columns(frame)
    return {fact.name: columns.value(fact.name, 0) for fact in facts_of(check)}


def asking(requested: Money, received_at: datetime = datetime(2025, 6, 15, 12, tzinfo=UTC), **more: Any) -> Application:
    """An application for so much."""
    fixed = {"id": "app_01JZZZZZZZZZZZZZZZZZZZZZZZ", "tenant": "acme", "request_key": "k", "customer_id": "a"}
    asked = {"product": Product.LOAN, "requested": requested, "term_months": None, "as_of": received_at.date()}
    received = {"received_at": received_at, "received_on": received_at.date()}
    return Application.model_validate({**fixed, **asked, **received, **more})


def one_applicant(*documents: Document, as_of: date = AS_OF, currency: str = "USD") -> dict[str, Any]:
    requested, instalment = (Money(minor=minor, currency=currency) for minor in (REQUESTED, INSTALMENT))
    return {**subjects("a", as_of, requested, instalment), **tables_of("a", documents)}


def statements(
    *bookings: tuple[date, int, str | None],
    opening: int = 0,
    start: date = date(2024, 12, 1),
    end: date = AS_OF,
    currency: str = "USD",
) -> BankStatements:
    """Statements of the bookings (day, amount, category) by day, those of a day in their order, with all balances."""
    balance, lines = opening, []
    for number, (day, amount, category) in enumerate(sorted(bookings, key=lambda booking: booking[0])):
        balance += amount
        kind = LineCategory(category) if category else None
        lines.append(StatementLine(line_no=number, booked_on=day, amount=amount, balance=balance, category=kind))
    return BankStatements(
        currency=currency, period_start=start, period_end=end, opening_balance=opening, lines=tuple(lines)
    )


def monthly(amounts: Iterable[int], category: str, day: int = 10) -> list[tuple[date, int, str]]:
    """One booking a month from December 2024 on: the six whole months before AS_OF's, and then AS_OF's."""
    months = [date(2024, 12, day), *(date(2025, month, day) for month in range(1, 7))]
    return [(month, amount, category) for month, amount in zip(months, amounts, strict=False)]


def book_of(*rules: str, on_unknown: str = "refer", more: Iterable[str] = ()) -> Rulebook:
    """A book of a few rules, each as YAML (`CreditScore: {min_score: 620}`), in the order of their checks."""
    shipped = shipped_rulebooks()["prescreening"]
    checks = {rule.name: rule.check for rule in shipped.rules}
    lines = ["name: test", "version: 1", "product: loan", "currency: USD", "valid_from: 2025-01-01"]
    lines += [f"on_unknown: {on_unknown}", "terms: {annual_rate: 0.24, months: 24}", *more, "stages:"]
    for check in shipped.checks:
        if mine := [rule for rule in rules if checks[rule.partition(":")[0]] == check]:
            lines += [f"  - {check}:", *(f"    - {rule}" for rule in mine)]
    return parse_rulebook("\n".join(lines))


def frame(**columns: list[object]) -> pd.DataFrame:
    """A facts frame of plain values, None where a fact is not known."""
    return pd.DataFrame({name: pd.array(values, dtype=object) for name, values in columns.items()})
