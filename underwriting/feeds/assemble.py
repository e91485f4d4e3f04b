"""Makes the transaction feed of a user's main account out of a bank feed of several accounts."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta

from pydantic import ValidationError

from underwriting.domain.histories import INCOME, Transaction, TransactionFeed
from underwriting.feeds.categoriser import categorised
from underwriting.feeds.pairs import Judged, judged_together
from underwriting.feeds.raw import AccountKind, FeedError, RawAccount, RawFeed, utc_day, without_repeats

# A bank's clock may go before ours, and its day may have begun where ours has not.
CLOCK_SKEW = timedelta(minutes=5)
A_DAY = timedelta(days=1)


def transaction_feed(raw: RawFeed, currency: str, days: int, as_of: date) -> TransactionFeed:
    """The main account's last `days` days up to and with `as_of`, categorised, its balances reconciled.

    The main account is the checking account in `currency` that gets the most income (a savings account where there
    is no checking account). Its balance is walked back from the current one, so that the opening balance and all
    amounts add up to it; debits not yet booked become `holds`. FeedError, with the place, where the feed cannot be
    what it says.
    """
    _plausible(raw)
    rows = _judged(raw, currency)
    main = _main_account([one for one in raw.accounts if one.currency == currency], rows)
    return _feed_of(main, rows[main.account_id], raw, days, as_of)


def _judged(raw: RawFeed, currency: str) -> dict[str, list[Judged]]:
    """Every transaction that counts, by account. A card's or a broker's side says nothing about a living."""
    known = {account.account_id: account for account in raw.accounts}
    counted = []
    for row in without_repeats(raw.transactions):
        if (account := known.get(row.account_id)) is None:
            raise FeedError(row.place, "is of an account that the feed does not list")
        if account.currency == currency and account.kind is not AccountKind.OTHER:
            counted.append(row)
    alone = [Judged(*each) for each in zip(counted, categorised(counted, currency), strict=True)]
    rows: dict[str, list[Judged]] = defaultdict(list)
    for one in judged_together(alone):
        rows[one.raw.account_id].append(one)
    return rows


def _plausible(raw: RawFeed) -> None:
    """FeedError where the feed is from the future."""
    if raw.refreshed_at > datetime.now(UTC) + CLOCK_SKEW:
        raise FeedError("refreshed_at", "lies in the future")
    last = utc_day("refreshed_at", raw.refreshed_at) + A_DAY
    for row in raw.transactions:
        if row.booked_on > last:
            raise FeedError(row.place, "is booked after the feed was refreshed")


def _main_account(accounts: Sequence[RawAccount], rows: dict[str, list[Judged]]) -> RawAccount:
    """The account that the user lives from: checking before savings, then by income, then by use."""
    if not accounts:
        raise FeedError("accounts", "none is in the currency asked for")
    kinds = {one.kind for one in accounts}
    kind = AccountKind.CHECKING if AccountKind.CHECKING in kinds else AccountKind.SAVINGS
    if kind not in kinds:
        raise FeedError("accounts", "none is a checking or a savings account")

    def use(account: RawAccount) -> tuple[int, int]:
        found = rows[account.account_id]
        return sum(one.raw.amount for one in found if one.category in INCOME), len(found)

    return max((one for one in accounts if one.kind is kind), key=use)


def _feed_of(account: RawAccount, rows: list[Judged], raw: RawFeed, days: int, as_of: date) -> TransactionFeed:
    """The account's document; the balance at its start is the current one less everything booked since."""
    if account.balance is None:
        raise FeedError(account.place, "says no current balance")
    booked = sorted((one for one in rows if not one.raw.pending), key=lambda one: one.raw.booked_on)
    oldest = booked[0].raw.booked_on if booked else utc_day("refreshed_at", raw.refreshed_at)
    covered_from = max(account.covered_from or oldest, as_of - timedelta(days=days - 1))
    if covered_from > as_of:
        raise FeedError(account.place, "begins after the day asked for")
    since = [one for one in booked if one.raw.booked_on >= covered_from]
    try:
        return TransactionFeed(
            currency=account.currency or "",
            institution_id=account.institution_id,
            linked_accounts=len(raw.accounts),
            covered_from=covered_from,
            opening_balance=account.balance - sum(one.raw.amount for one in since),
            holds=_holds(rows, as_of),
            refreshed_at=raw.refreshed_at,
            transactions=_lines([one for one in since if one.raw.booked_on <= as_of]),
        )
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise FeedError(f"{account.place} as a feed, {place}", first["type"]) from None


def _holds(rows: list[Judged], as_of: date) -> int:
    """What is authorised and not booked yet. A deposit that is on its way holds nothing."""
    pending = (one.raw for one in rows if one.raw.pending)
    return -sum(row.amount for row in pending if row.amount < 0 and row.booked_on <= as_of)


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
