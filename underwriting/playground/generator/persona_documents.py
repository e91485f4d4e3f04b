"""A persona's documents: what the sources answer so that its facts are those of the table, to the cent."""

import calendar as gregorian
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from rules.limits.tiers import CURRENCY, TIERS
from underwriting.domain.documents import Document, ListScreening
from underwriting.domain.histories import (
    Bracket,
    BracketScore,
    Category,
    CurrentLimit,
    Float,
    FloatHistory,
    Renewal,
    Scores,
    Subscription,
    Transaction,
    TransactionFeed,
    User,
)
from underwriting.playground.generator.personas import Cadence, Persona

# Days between floats, their term, and the fee of an amount that is not a tier.
_APART, _FOR_DAYS, _FEE = 20, 10, 500
_LAST_REPAID, _LAST_RENEWED, _MONTH = 5, 10, 30
_ADVANCES = 10
_REFRESHED_AT = time(4, tzinfo=UTC)
_WEEK, _WEDNESDAY, _WEEKDAYS = 7, 2, 5
_FEES = {tier.amount: tier.fee for tier in TIERS}
Booking = tuple[date, int, Category, str]


@dataclass(frozen=True)
class Names:
    """The counterparties of personas; each has to be in world.yaml."""

    institution: str = "ins_first_national"
    bank: str = "Bank"
    employer: str = "Acme Logistics"
    pension: str = "Social Security"
    grocer: str = "Freshmart"
    shop: str = "Megamart Online"
    app: str = "Paydash"
    utility: str = "City Power"
    savings: str = "Savings Account"
    ours: str = "Our Floats"


NAMES = Names()


def documents(persona: Persona, end: date) -> list[Document]:
    """All answers of the sources about the persona on the day `end`, and the limit in force."""
    floats = _floats(persona, end)
    given: list[Document] = [
        User(
            currency=CURRENCY,
            segment="core",
            good_standing=True,
            fraud_hit=persona.fraud,
            covered_borrower=False,
            covered_borrower_on=end,
        ),
        Subscription(currency=CURRENCY, renewals=tuple(_renewals(persona, end))),
        _feed(persona, end, floats),
        FloatHistory(currency=CURRENCY, floats=tuple(floats)),
        Scores(
            currency=CURRENCY,
            key_factors=(),
            payback_prediction=0.9,
            cash_advance=tuple(BracketScore(bracket=bracket, score=700) for bracket in Bracket),
        ),
        ListScreening(
            currency=CURRENCY,
            match_score=persona.match_score,
            list_entry="sandbox:8279",
            confirmed_score=persona.confirmed_score,
            list_age_days=0,
        ),
        CurrentLimit(
            currency=CURRENCY,
            amount=persona.limit,
            raised_on=None if persona.raised_ago is None else _ago(end, persona.raised_ago),
            runs_below=persona.runs_below,
            lowered_on=None,
            below_since=_ago(end, persona.runs_below) if persona.runs_below else None,
        ),
    ]
    return [document for document in given if document.table not in persona.without]


def _ago(end: date, days: int) -> date:
    return end - timedelta(days=days)


def _renewals(persona: Persona, end: date) -> Iterator[Renewal]:
    for number in reversed(range(persona.renewals)):
        due_on = _ago(end, _LAST_RENEWED + number * _MONTH)
        yield Renewal(due_on=due_on, paid_on=due_on)


def _floats(persona: Persona, end: date) -> list[Float]:
    """The floats repaid on time, of which the first is the largest, and the open one."""
    found: list[Float] = []
    for number in reversed(range(persona.floats)):
        repaid_on = _ago(end, _LAST_REPAID + number * _APART)
        amount = persona.largest if number == persona.floats - 1 else min(persona.largest, 2_000)
        found.append(_float(len(found), amount, repaid_on, repaid_on))
    if persona.open_due_in is not None:
        found.append(_float(len(found), min(persona.largest, 2_000), end + timedelta(days=persona.open_due_in), None))
    return found


def _float(number: int, amount: int, due_on: date, repaid_on: date | None) -> Float:
    return Float(
        float_id=f"-{number}",
        amount=amount,
        fee=_FEES.get(amount, _FEE),
        taken_on=due_on - timedelta(days=_FOR_DAYS),
        due_on=due_on,
        repaid_on=repaid_on,
        collection_attempts=0 if repaid_on is None else 1,
        collection_failures=0,
    )


def _feed(persona: Persona, end: date, floats: Sequence[Float]) -> TransactionFeed:
    refreshed_on = _ago(end, persona.refreshed_ago)
    covered_from = _ago(end, persona.history - 1)
    every = [*_pay_and_spending(persona, covered_from, end), *_problems(persona, end), *_of_floats(floats)]
    # The first day has a booking, so that the history is as long as the account's.
    every.append((covered_from, -100, Category.SPENDING, NAMES.shop))
    booked = sorted((line for line in every if covered_from <= line[0] <= refreshed_on), key=lambda line: line[0])
    lines = [
        Transaction(line_no=number, booked_on=day, amount=amount, category=category, counterparty=payee)
        for number, (day, amount, category, payee) in enumerate(booked)
    ]
    return TransactionFeed(
        currency=CURRENCY,
        institution_id=NAMES.institution,
        linked_accounts=1,
        covered_from=covered_from,
        opening_balance=persona.balance - sum(line.amount for line in lines),
        holds=persona.holds,
        refreshed_at=datetime.combine(refreshed_on, _REFRESHED_AT),
        transactions=tuple(lines),
    )


def _pay_and_spending(persona: Persona, covered_from: date, end: date) -> Iterator[Booking]:
    """Pays, and spending of the same amount after each, so that the balance stays level."""
    pays = [day for day in _pay_days(persona, end) if day >= covered_from]
    name = NAMES.pension if persona.pay_kind is Category.BENEFITS else NAMES.employer
    for number, day in enumerate(pays[: persona.most_pays]):
        if number != persona.missed_pay:
            yield day, persona.pay, persona.pay_kind, name
            yield day + timedelta(days=1), -persona.essentials, Category.GROCERIES, NAMES.grocer
            yield day + timedelta(days=2), persona.essentials - persona.pay, Category.SPENDING, NAMES.shop


def _pay_days(persona: Persona, end: date) -> list[date]:
    """The days of pay, the latest first."""
    match persona.cadence:
        case Cadence.WEEKLY | Cadence.FORTNIGHTLY:
            apart = _WEEK if persona.cadence is Cadence.WEEKLY else 2 * _WEEK
            return [_ago(end, ago) for ago in range(persona.paid_ago, persona.history, apart)]
        case Cadence.TWICE_A_MONTH:
            days = [day for month in _months(persona, end) for day in (_last(month), month.replace(day=15))]
            return sorted((each for each in map(_business_day, days) if each <= end), reverse=True)
        case Cadence.MONTHLY:
            return [day for day in map(_third_wednesday, _months(persona, end)) if day <= end]


def _months(persona: Persona, end: date) -> list[date]:
    """The first days of the months of the history, the latest first."""
    months = [end.replace(day=1)]
    while months[-1] > _ago(end, persona.history):
        months.append((months[-1] - timedelta(days=1)).replace(day=1))
    return months


def _last(month: date) -> date:
    return month.replace(day=gregorian.monthrange(month.year, month.month)[1])


def _business_day(day: date) -> date:
    return day - timedelta(days=max(0, day.weekday() - _WEEKDAYS + 1))


def _third_wednesday(month: date) -> date:
    return month + timedelta(days=(_WEDNESDAY - month.weekday()) % _WEEK + 2 * _WEEK)


def _problems(persona: Persona, end: date) -> Iterator[Booking]:
    """The problems of the last 30 days; they leave the balance unchanged."""
    for number in range(persona.returned):
        day = _ago(end, 29 - 3 * number)
        yield day, -8_500, Category.UTILITIES, NAMES.utility
        yield day, 8_500, Category.RETURNED, NAMES.bank
    if persona.negative_days:
        away = persona.balance + persona.pay + 10_000
        yield _ago(end, 29), -away, Category.TRANSFER, NAMES.savings
        yield _ago(end, 29 - persona.negative_days), away, Category.TRANSFER, NAMES.savings
    if persona.advances_due:
        for number in range(_ADVANCES):
            yield _ago(end, 30 - number), persona.advances_due // _ADVANCES, Category.ADVANCE, NAMES.app


def _of_floats(floats: Sequence[Float]) -> Iterator[Booking]:
    for each in floats:
        yield each.taken_on, each.amount, Category.OWN_FLOAT, NAMES.ours
        if each.repaid_on:
            yield each.repaid_on, -each.amount - each.fee, Category.OWN_FLOAT, NAMES.ours
