"""Makes the transaction feed of a user's main account out of a bank feed of several accounts."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import chain

from pydantic import ValidationError

from underwriting.domain.histories import INCOME, Category, Transaction, TransactionFeed
from underwriting.sources.feeds.categoriser import categorised
from underwriting.sources.feeds.gaps import Reading, dated_by, in_words, unread_on
from underwriting.sources.feeds.holds import holds
from underwriting.sources.feeds.pairs import Judged, judged_together
from underwriting.sources.feeds.raw import (
    AccountKind,
    FeedError,
    RawAccount,
    RawFeed,
    RawTransaction,
    Skip,
    Skipped,
    utc_day,
    without_repeats,
)

# A bank's clock may go before ours.
CLOCK_SKEW = timedelta(minutes=5)
# Which account is the main one, where there are several kinds.
_MAIN = (AccountKind.CHECKING, AccountKind.DEPOSIT, AccountKind.SAVINGS)
# What speaks against the user, whichever account it is on.
_AGAINST_OUT = frozenset({Category.ADVANCE, Category.LOAN, Category.GAMBLING, Category.OVERDRAFT_FEE})
_AGAINST_IN = frozenset({Category.ADVANCE, Category.RETURNED})


def transaction_feed(raw: RawFeed, currency: str, days: int, as_of: date) -> Reading:
    """The main account's last `days` days up to and with `as_of`, categorised, its balances reconciled.

    The main account is the checking account in `currency` that gets the most income (a savings account where there
    is no checking account). Its balance is walked back from the current one, so that the opening balance and all
    amounts add up to it; debits not yet booked become `holds`. What cannot be used is left out and counted, as is what
    speaks against the user on another account: the facts that it may worsen are not known.
    FeedError, with the place, where the feed cannot be what it says.
    """
    if not raw.accounts and (raw.still_reading or raw.login_required):
        return _nothing_yet(raw, currency, as_of)
    accounts = [one for one in raw.accounts if one.currency == currency]
    last = _last_day(raw)
    dated, ahead = dated_by(without_repeats(raw.transactions), last)
    listed = {one.account_id for one in raw.accounts}
    unlisted = [Skipped(Skip.UNLISTED, row.account_id) for row in dated if row.account_id not in listed]
    rows = _judged(dated, accounts, currency)
    main = _main_account(accounts, rows)
    skipped = [*raw.skipped, *unlisted, *ahead, *_elsewhere(main, rows, as_of)]
    known = replace(raw, refreshed_at=_refreshed_at(raw, accounts), skipped=skipped)
    feed = _feed_of(main, rows[main.account_id], known, last, days, as_of)
    return Reading(feed, in_words(feed, known.skipped))


def _nothing_yet(raw: RawFeed, currency: str, as_of: date) -> Reading:
    """The feed of a bank that the provider has not read yet, or that does not let it in."""
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
    return Reading(feed, in_words(feed, raw.skipped))


def _judged(rows: Sequence[RawTransaction], accounts: Sequence[RawAccount], currency: str) -> dict[str, list[Judged]]:
    """Every transaction that counts, by account. A card's or a broker's side says nothing about a living."""
    lived_from = {one.account_id for one in accounts if one.kind in _MAIN}
    counted = [row for row in rows if row.account_id in lived_from]
    alone = [Judged(*each) for each in zip(counted, categorised(counted, currency), strict=True)]
    judged: dict[str, list[Judged]] = defaultdict(list)
    for one in judged_together(alone):
        judged[one.raw.account_id].append(one)
    return judged


def _last_day(raw: RawFeed) -> date:
    """The day up to which transactions may be dated; FeedError where a refresh lies in the future."""
    told = [one for one in (raw.refreshed_at, *(each.refreshed_at for each in raw.accounts)) if one]
    now = datetime.now(UTC)
    if max(told, default=now) > now + CLOCK_SKEW:
        raise FeedError("refreshed_at", "lies in the future")
    return utc_day("refreshed_at", max(told, default=now))


def _refreshed_at(raw: RawFeed, accounts: Sequence[RawAccount]) -> datetime | None:
    """When the account that was asked longest ago was asked, of those that the user may live from.

    Where nobody says, no earlier than the latest transaction that is not dated ahead.
    """
    asked = [raw.refreshed_at, *(one.refreshed_at for one in accounts if one.kind in _MAIN)]
    if told := [one for one in asked if one]:
        return min(told)
    today = datetime.now(UTC).date()
    latest = max((row.booked_on for row in raw.transactions if row.booked_on <= today), default=None)
    if latest is None and not raw.still_reading and not raw.login_required:
        raise FeedError("status.transactions.last_successful_update", "is missing, and there are no transactions")
    return datetime.combine(latest, time(), UTC) if latest else None


def _main_account(accounts: Sequence[RawAccount], rows: dict[str, list[Judged]]) -> RawAccount:
    """The account that the user lives from: checking before savings, then by income, then by use."""
    if not accounts:
        raise FeedError("accounts", "none is in the currency asked for")
    kind = next((kind for kind in _MAIN if any(one.kind is kind for one in accounts)), None)
    if kind is None:
        raise FeedError("accounts", "none is a checking or a savings account")

    def use(account: RawAccount) -> tuple[int, int]:
        found = rows[account.account_id]
        return sum(one.raw.amount for one in found if one.category in INCOME), len(found)

    return max((one for one in accounts if one.kind is kind), key=use)


def _elsewhere(main: RawAccount, rows: dict[str, list[Judged]], as_of: date) -> Iterator[Skipped]:
    """What other accounts have against the user: as good as bookings of the main one that could not be read."""
    for one in chain.from_iterable(found for account_id, found in rows.items() if account_id != main.account_id):
        against = _AGAINST_OUT if one.raw.amount < 0 else _AGAINST_IN
        if one.category in against and not one.raw.pending and one.raw.booked_on <= as_of:
            yield Skipped(Skip.ELSEWHERE, main.account_id, one.raw.booked_on)


def _feed_of(
    account: RawAccount,
    rows: list[Judged],
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
            unread_on=last if raw.changes_unknown else unread_on(skipped, last),
            transactions=_lines([one for one in since if one.raw.booked_on <= as_of]),
        )
    except ValidationError as error:
        first_error = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first_error["loc"]))
        raise FeedError(f"{account.place} as a feed, {place}", first_error["type"]) from None


def _lines(booked: list[Judged]) -> tuple[Transaction, ...]:
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
