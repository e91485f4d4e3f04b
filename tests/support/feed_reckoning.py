"""An independent and slow reckoning of what a feed says of balances and recurring income: plain Python, day by day."""

from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor
from statistics import fmean, median, stdev
from typing import NamedTuple

from underwriting.domain.histories import ESSENTIAL, INCOME, Transaction, TransactionFeed

CADENCES = {"weekly": (5, 9), "half-monthly": (11, 19), "monthly": (25, 36)}


class Stream(NamedTuple):
    """A recurring income stream: its latest deposits (day, amount), the latest first."""

    payer: str
    deposits: list[tuple[date, int]]
    period: int

    @property
    def per_pay(self) -> int:
        return sorted(amount for _, amount in self.deposits)[ceil(len(self.deposits) / 4) - 1]


def believed(feed: TransactionFeed, as_of: date) -> list[Transaction]:
    last = min(as_of, feed.refreshed_at.date())
    return [each for each in feed.transactions if feed.covered_from <= each.booked_on <= last]


def balances(feed: TransactionFeed, as_of: date) -> dict[date, int]:
    """The balance at the end of every day that the feed knows."""
    last = min(as_of, feed.refreshed_at.date())
    if as_of - last <= timedelta(days=3):
        last = as_of
    lines = believed(feed, as_of)
    days = [feed.covered_from + timedelta(days=n) for n in range((last - feed.covered_from).days + 1)]
    return {day: feed.opening_balance + sum(line.amount for line in lines if line.booked_on <= day) for day in days}


def balance_facts(feed: TransactionFeed, as_of: date) -> dict[str, int | None]:
    known = balances(feed, as_of)
    last_60 = [as_of - timedelta(days=n) for n in range(60)]
    last_30 = last_60[:30]
    of_60 = [known[day] for day in last_60 if day in known]
    all_60 = len(of_60) == 60
    all_30 = all(day in known for day in last_30)
    return {
        "balance_days_60d": len(of_60),
        "average_balance": floor(Fraction(sum(of_60), len(of_60))) if of_60 else None,
        "negative_days_30d": sum(known[day] < 0 for day in last_30) if all_30 else None,
        "overdraft_days_60d": sum(balance < 0 for balance in of_60) if all_60 else None,
        "healthy_days_60d": sum(balance >= 50_00 for balance in of_60) if all_60 else None,
        "current_balance": known.get(as_of),
    }


def stream_of(payer: str, lines: list[Transaction], as_of: date) -> Stream | None:
    """What one payer's deposits come to."""
    a_day: dict[date, int] = defaultdict(int)
    for line in lines:
        a_day[line.booked_on] += line.amount
    latest = sorted(((day, paid) for day, paid in a_day.items() if paid >= 150_00), reverse=True)[:6]
    gaps = [(later[0] - earlier[0]).days for later, earlier in pairwise(latest)]
    counted = [gap for gap in gaps if gap >= 5]
    for low, high in CADENCES.values():
        if sum(low <= gap <= high for gap in counted) * 2 > len(counted):
            break
    else:
        return None
    lasts = next((place for place, gap in enumerate(gaps) if gap > 2 * high), len(gaps))
    if not (cycles := [gap for gap in gaps[:lasts] if gap >= 5]):
        return None
    stream = Stream(payer, latest[: lasts + 1], floor(median(cycles)))
    return stream if (as_of - latest[0][0]).days <= 2 * stream.period else None


def streams(feed: TransactionFeed, as_of: date) -> list[Stream]:
    """The running streams, the main one first."""
    by_payer = defaultdict(list)
    for line in believed(feed, as_of):
        if line.counterparty and line.amount > 0 and line.category in INCOME and (as_of - line.booked_on).days < 300:
            by_payer[line.counterparty].append(line)
    found = [stream_of(payer, lines, as_of) for payer, lines in by_payer.items()]
    running = [stream for stream in found if stream]
    return sorted(
        running,
        key=lambda each: (-Fraction(each.per_pay, each.period), (as_of - each.deposits[0][0]).days, each.payer),
    )


def stream_facts(feed: TransactionFeed, as_of: date) -> dict[str, float | None]:
    """The facts of a feed that is fresh, covers 90 days, and has no deposit that nobody could tell."""
    found = streams(feed, as_of)
    if not found:
        nothing = dict.fromkeys(
            ["recurring_deposit_amount", "recurring_income_cv", "pay_period_days", "days_since_pay"]
        )
        return {**nothing, "recurring_deposits": 0, "income_streams": 0, "essential_spend_per_pay": None}
    main = found[0]
    amounts = [amount for _, amount in main.deposits]
    return {
        "recurring_deposits": len(amounts),
        "recurring_deposit_amount": main.per_pay,
        "recurring_income_cv": stdev(amounts) / fmean(amounts),
        "pay_period_days": main.period,
        "days_since_pay": (as_of - main.deposits[0][0]).days,
        "income_streams": len(found),
        "essential_spend_per_pay": essential_spend(feed, main.period, as_of),
    }


def essential_spend(feed: TransactionFeed, period: int, as_of: date) -> int:
    last = min(as_of, feed.refreshed_at.date())
    first = max(feed.covered_from, as_of - timedelta(days=89))
    days = (last - first).days + 1
    spent = -sum(
        line.amount
        for line in believed(feed, as_of)
        if first <= line.booked_on <= last and line.amount < 0 and (line.category is None or line.category in ESSENTIAL)
    )
    return ceil(Fraction(spent * period, days))
