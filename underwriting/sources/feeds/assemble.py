"""Makes the transaction feed of a user's main account out of a bank feed of several accounts."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain

from pydantic import ValidationError

from underwriting.domain.histories import INCOME, Category, Transaction, TransactionFeed
from underwriting.sources.feeds.categoriser import CategorisedTransaction, categorise
from underwriting.sources.feeds.holds import holds
from underwriting.sources.feeds.missing_data import FeedReading, describe_missing, latest_unread_day, limit_dates
from underwriting.sources.feeds.raw import (
    AccountKind,
    FeedError,
    RawAccount,
    RawFeed,
    RawTransaction,
    Skip,
    Skipped,
    deduplicated,
    utc_day,
)
from underwriting.sources.feeds.related_transactions import correct_categories

# A bank's clock may be ahead of ours.
CLOCK_SKEW = timedelta(minutes=5)
# The kinds of account that may be the main one, in order of preference.
_MAIN = (AccountKind.CHECKING, AccountKind.DEPOSIT, AccountKind.SAVINGS)
# Categories that count against the user on any account: money out, money in.
_AGAINST_OUT = frozenset({Category.ADVANCE, Category.LOAN, Category.GAMBLING, Category.OVERDRAFT_FEE})
_AGAINST_IN = frozenset({Category.ADVANCE, Category.RETURNED})


def transaction_feed(raw: RawFeed, currency: str, days: int, as_of: date) -> FeedReading:
    """The main account's last `days` days up to and with `as_of`, categorised, its balances reconciled.

    The main account is the checking account in `currency` that gets the most income (a savings account where there is
    no checking account). The opening balance is the current balance less all amounts; debits that are not booked yet
    become `holds`. Transactions that cannot be used are left out and counted, and so are those that count against the
    user on another account: the facts that they may worsen are unknown. FeedError names the place of an impossible
    value.
    """
    if not raw.accounts and (raw.still_reading or raw.login_required):
        return _empty_feed(raw, currency, as_of)
    accounts = [one for one in raw.accounts if one.currency == currency]
    last = _last_day(raw)
    dated, ahead = limit_dates(deduplicated(raw.transactions), last)
    listed = {one.account_id for one in raw.accounts}
    unlisted = [Skipped(Skip.UNLISTED, row.account_id) for row in dated if row.account_id not in listed]
    rows = _categorised(dated, accounts, currency)
    main = _main_account(accounts, rows)
    skipped = [*raw.skipped, *unlisted, *ahead, *_elsewhere(main, rows, as_of)]
    known = replace(raw, refreshed_at=_refreshed_at(raw, accounts), skipped=skipped)
    feed = _feed_of(main, rows[main.account_id], known, last, days, as_of)
    return FeedReading(feed, describe_missing(feed, known.skipped))


def _empty_feed(raw: RawFeed, currency: str, as_of: date) -> FeedReading:
    """The feed of a bank that the provider has not read yet, or that needs a login."""
    feed = TransactionFeed(
        currency=currency,
        covered_from=as_of,
        opening_balance=None,
        holds=None,
        refreshed_at=raw.refreshed_at,
        still_reading=raw.still_reading,
        login_required=raw.login_required,
        transactions=(),
    )
    return FeedReading(feed, describe_missing(feed, raw.skipped))


def _categorised(
    rows: Sequence[RawTransaction], accounts: Sequence[RawAccount], currency: str
) -> dict[str, list[CategorisedTransaction]]:
    """The transactions of checking and savings accounts, by account; those of cards and brokers are ignored."""
    included = {one.account_id for one in accounts if one.kind in _MAIN}
    by_account: dict[str, list[CategorisedTransaction]] = defaultdict(list)
    for one in correct_categories(categorise((row for row in rows if row.account_id in included), currency)):
        by_account[one.raw.account_id].append(one)
    return by_account


def _last_day(raw: RawFeed) -> date:
    """The day up to which transactions may be dated; FeedError where a refresh is in the future."""
    now = datetime.now(UTC)
    known = [one for one in (raw.refreshed_at, *(account.refreshed_at for account in raw.accounts)) if one]
    latest = max(known, default=now)
    if latest > now + CLOCK_SKEW:
        raise FeedError("refreshed_at", "is in the future")
    return utc_day("refreshed_at", latest)


def _refreshed_at(raw: RawFeed, accounts: Sequence[RawAccount]) -> datetime | None:
    """The oldest refresh of the accounts that may be the main one.

    Where none is known, the day of the latest transaction that is not dated ahead.
    """
    refreshes = [raw.refreshed_at, *(one.refreshed_at for one in accounts if one.kind in _MAIN)]
    if known := [one for one in refreshes if one]:
        return min(known)
    today = datetime.now(UTC).date()
    latest = max((row.booked_on for row in raw.transactions if row.booked_on <= today), default=None)
    if latest is None and not raw.still_reading and not raw.login_required:
        raise FeedError("status.transactions.last_successful_update", "is missing, and there are no transactions")
    return datetime.combine(latest, time(), UTC) if latest else None


def _main_account(accounts: Sequence[RawAccount], rows: dict[str, list[CategorisedTransaction]]) -> RawAccount:
    """The main account: checking before savings, then the most income, then the most transactions."""
    if not accounts:
        raise FeedError("accounts", "none is in the currency asked for")
    kind = next((kind for kind in _MAIN if any(one.kind is kind for one in accounts)), None)
    if kind is None:
        raise FeedError("accounts", "none is a checking or a savings account")

    def use(account: RawAccount) -> tuple[int, int]:
        found = rows[account.account_id]
        return sum(one.raw.amount for one in found if one.category in INCOME), len(found)

    return max((one for one in accounts if one.kind is kind), key=use)


def _elsewhere(main: RawAccount, rows: dict[str, list[CategorisedTransaction]], as_of: date) -> Iterator[Skipped]:
    """Transactions on other accounts that count against the user; they count like unreadable bookings of the main
    one."""
    for one in chain.from_iterable(found for account_id, found in rows.items() if account_id != main.account_id):
        against = _AGAINST_OUT if one.raw.amount < 0 else _AGAINST_IN
        if one.category in against and not one.raw.pending and one.raw.booked_on <= as_of:
            yield Skipped(Skip.ELSEWHERE, main.account_id, one.raw.booked_on)


def _feed_of(
    account: RawAccount,
    rows: list[CategorisedTransaction],
    raw: RawFeed,
    last: date,
    days: int,
    as_of: date,
) -> TransactionFeed:
    """The account's document; the balance at its start is the current one less everything booked since."""
    booked = sorted((one for one in rows if not one.raw.pending), key=lambda one: one.raw.booked_on)
    first = booked[0].raw.booked_on if booked else raw.refreshed_at and utc_day("refreshed_at", raw.refreshed_at)
    covered_from = max(account.covered_from or first or as_of, as_of - timedelta(days=days - 1))
    if covered_from > as_of:
        raise FeedError(account.place, "begins after the day asked for")
    since = [one for one in booked if one.raw.booked_on >= covered_from]
    skipped = [one for one in raw.skipped if one.account_id == account.account_id]
    try:
        return TransactionFeed(
            currency=account.currency or "",
            institution_id=account.institution_id,
            linked_accounts=sum(one.kind is not AccountKind.OTHER for one in raw.accounts),
            covered_from=covered_from,
            opening_balance=None if account.balance is None else account.balance - sum(one.raw.amount for one in since),
            holds=None if any(one.holds_unknown for one in skipped) else holds(rows, as_of),
            available_balance=account.available,
            refreshed_at=raw.refreshed_at,
            still_reading=raw.still_reading,
            login_required=raw.login_required,
            changes_unknown=raw.changes_unknown,
            unread_on=last if raw.changes_unknown else latest_unread_day(skipped, last),
            transactions=_lines([one for one in since if one.raw.booked_on <= as_of]),
        )
    except ValidationError as error:
        first_error = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first_error["loc"]))
        raise FeedError(f"{account.place} as a feed, {place}", first_error["type"]) from None


def _lines(booked: list[CategorisedTransaction]) -> tuple[Transaction, ...]:
    return tuple(
        Transaction(
            line_no=number,
            booked_on=one.raw.booked_on,
            amount=one.raw.amount,
            category=one.category,
            counterparty=one.counterparty,
        )
        for number, one in enumerate(booked)
    )
