"""Bank feeds in Plaid's JSON: transactions/get, transactions/sync, asset reports, and files of custom sandbox users.

Plaid's sign is the opposite of ours: its positive is money out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

from underwriting.domain.money import minor_digits
from underwriting.sources.feeds.plaid_answers import Item, PlaidAccount, PlaidAnswer, PlaidTransaction, Report
from underwriting.sources.feeds.plaid_user import OverrideAccount, booked_account
from underwriting.sources.feeds.raw import (
    AccountKind,
    FeedError,
    RawAccount,
    RawFeed,
    RawTransaction,
    Skip,
    Skipped,
    minor_units,
    utc_day,
)

# Plaid's subtypes of the type "depository" from which people live; the other ones are put aside or locked.
_LIVED_FROM = frozenset({"checking", "prepaid", "paypal", "cash management", "ebt", "payroll"})
_PUT_ASIDE = frozenset({"savings", "money market"})
# Plaid's types of a counterparty that only passes money on.
_WALLETS = frozenset({"payment_app", "payment_terminal", "marketplace"})
# Plaid's `transactions_update_status` once all of the history is read.
_COMPLETE = "HISTORICAL_UPDATE_COMPLETE"
# Plaid's errors of an item that end once the user has logged in or consented again.
_LOGIN_ERRORS = frozenset(
    {
        "ITEM_LOGIN_REQUIRED",
        "ITEM_LOCKED",
        "INVALID_CREDENTIALS",
        "INVALID_MFA",
        "INSUFFICIENT_CREDENTIALS",
        "USER_SETUP_REQUIRED",
        "USER_INPUT_TIMEOUT",
        "ACCESS_NOT_GRANTED",
        "USER_PERMISSION_REVOKED",
    }
)


def raw_feed(answer: PlaidAnswer) -> RawFeed:
    """The feed of an answer; FeedError where it is none of Plaid's with transactions, or not the whole of one."""
    if answer.report is not None:
        return _of_report(answer.report)
    if answer.override_accounts is not None:
        return _of_user(answer.override_accounts)
    item, codes = answer.item or Item(), _error_codes(answer)
    still_reading = (answer.transactions_update_status or _COMPLETE) != _COMPLETE or "PRODUCT_NOT_READY" in codes
    login_required = not codes.isdisjoint(_LOGIN_ERRORS)
    rows = [] if _has_no_rows(answer) and (still_reading or login_required) else _rows(answer)
    accounts = [_account(f"accounts.{at}", one, item.institution_id) for at, one in enumerate(answer.accounts)]
    transactions, skipped = _transactions(rows, accounts)
    return RawFeed(
        refreshed_at=_refreshed_at(answer),
        accounts=accounts,
        transactions=transactions,
        skipped=skipped,
        still_reading=still_reading,
        login_required=login_required,
        changes_unknown=answer.modified is None or answer.removed is None,
    )


def _error_codes(answer: PlaidAnswer) -> set[str]:
    """Why Plaid cannot read from the bank: in place of an answer, or beside an old one."""
    beside = answer.item.error.error_code if answer.item and answer.item.error else None
    return {code for code in (answer.error_code, beside) if code}


def _has_no_rows(answer: PlaidAnswer) -> bool:
    return answer.transactions is None and answer.added is None


Placed = tuple[str, PlaidTransaction]


def _placed(member: str, rows: Iterable[PlaidTransaction]) -> Iterator[Placed]:
    return ((f"{member}.{at}", row) for at, row in enumerate(rows))


def _rows(answer: PlaidAnswer) -> list[Placed]:
    """The transactions of transactions/get or transactions/sync, the oldest first."""
    if answer.transactions is not None:
        if answer.total_transactions is not None and answer.total_transactions > _distinct(answer.transactions):
            raise FeedError("transactions", "are not all: pages are missing")
        return _oldest_first("transactions", answer.transactions)
    if answer.added is None:
        raise FeedError("the answer", "has neither transactions, added, report nor override_accounts")
    if answer.has_more:
        raise FeedError("has_more", "pages are missing")
    gone = {one.transaction_id for one in answer.removed or ()}
    told = [*_placed("added", answer.added), *_placed("modified", answer.modified or ())]
    return [(place, row) for place, row in told if row.transaction_id not in gone]


def _distinct(rows: Sequence[PlaidTransaction]) -> int:
    """How many transactions there are. Where pages shift while they are read, one stands twice and another is lost."""
    ids = [row.transaction_id for row in rows]
    return ids.count(None) + len({one for one in ids if one is not None})


def _oldest_first(member: str, rows: Sequence[PlaidTransaction]) -> list[Placed]:
    """Plaid tells the newest first, but in sync."""
    return list(_placed(member, rows))[::-1]


def _account(place: str, one: PlaidAccount, institution: str | None) -> RawAccount:
    kind, told = kind_of(one.type, one.subtype), one.balances
    currency, balance, available = _currency(told.iso_currency_code), None, None
    # What a broker's account is worth has more digits than money.
    if kind is not AccountKind.OTHER and currency is not None:
        balance = _balance(place, told.current, currency)
        # What the bank lends is not the user's.
        available = _balance(place, told.available and told.available - max(told.limit or 0, 0), currency)
    return RawAccount(
        place,
        one.account_id,
        kind,
        currency,
        balance,
        institution,
        available=available,
        refreshed_at=told.last_updated_datetime,
    )


def _balance(place: str, amount: Decimal | None, currency: str) -> int | None:
    """A balance in minor units; None where it is not told, or is no amount of the currency."""
    try:
        return None if amount is None else minor_units(place, amount, currency)
    except FeedError:
        return None


def kind_of(account_type: str, subtype: str | None) -> AccountKind:
    """What an account of Plaid's type and subtype is for."""
    if account_type != "depository":
        return AccountKind.OTHER
    if subtype is None:
        return AccountKind.DEPOSIT
    if subtype in _LIVED_FROM:
        return AccountKind.CHECKING
    return AccountKind.SAVINGS if subtype in _PUT_ASIDE else AccountKind.OTHER


def _currency(code: str | None) -> str | None:
    """An ISO 4217 code; None for what has none, as a crypto currency."""
    try:
        minor_digits(code or "")
    except ValueError:
        return None
    return code


def _transactions(rows: Sequence[Placed], accounts: Sequence[RawAccount]) -> tuple[list[RawTransaction], list[Skipped]]:
    """Our side of the rows, and those that cannot be used; of accounts that no feed is made of there are neither."""
    known: Mapping[str, RawAccount] = {account.account_id: account for account in accounts}
    found: list[RawTransaction] = []
    skipped: list[Skipped] = []
    for place, row in rows:
        account = known.get(row.account_id)
        if account is None:
            skipped.append(_skipped(Skip.UNLISTED, row))
        elif account.currency is None or account.kind is AccountKind.OTHER:
            continue
        elif not _is_in(account.currency, row):
            skipped.append(_skipped(Skip.OTHER_CURRENCY, row))
        else:
            try:
                found.append(_transaction(place, row, account.currency))
            except FeedError:
                skipped.append(_skipped(Skip.UNREADABLE_AMOUNT, row))
    return found, skipped


def _skipped(why: Skip, row: PlaidTransaction) -> Skipped:
    return Skipped(why, row.account_id, row.date, row.pending)


def _is_in(currency: str, row: PlaidTransaction) -> bool:
    """Whether the amount is in the account's currency. A row that names none is; an unofficial currency is another."""
    if row.iso_currency_code is None:
        return row.unofficial_currency_code is None
    return row.iso_currency_code == currency


def _transaction(place: str, row: PlaidTransaction, currency: str) -> RawTransaction:
    code = row.personal_finance_category
    return RawTransaction(
        place=place,
        account_id=row.account_id,
        booked_on=row.date,
        amount=-minor_units(f"{place}.amount", row.amount, currency),
        description=row.original_description or row.name or "",
        transaction_id=row.transaction_id,
        counterparty=row.merchant_name or _named(row),
        codes=tuple(filter(None, (code.detailed, code.primary))) if code else (),
        pending=row.pending,
        settles=row.pending_transaction_id,
    )


def _named(row: PlaidTransaction) -> str | None:
    """Who is on the other side: whoever stands behind a wallet, where Plaid says it."""
    told = sorted(row.counterparties or (), key=lambda one: one.type in _WALLETS)
    return told[0].name if told else None


def _refreshed_at(answer: PlaidAnswer) -> datetime | None:
    """When the bank was last asked, as `status` says; accounts may say so, too."""
    return answer.status.transactions.last_successful_update if answer.status and answer.status.transactions else None


def _of_report(report: Report) -> RawFeed:
    accounts, rows = [], list[Placed]()
    for number, item in enumerate(report.items):
        asked = item.date_last_updated or report.date_generated
        for at, one in enumerate(item.accounts):
            place = f"report.items.{number}.accounts.{at}"
            account = replace(_account(place, one, item.institution_id), refreshed_at=asked)
            if one.days_available is not None:
                generated = utc_day("report.date_generated", report.date_generated)
                account = replace(account, covered_from=date.fromordinal(generated.toordinal() - one.days_available))
            accounts.append(account)
            rows += _oldest_first(f"{place}.transactions", one.transactions)
    return RawFeed(report.date_generated, accounts, *_transactions(rows, accounts))


def _of_user(overrides: Sequence[OverrideAccount]) -> RawFeed:
    told = [
        booked_account(f"override_accounts.{at}", one, kind_of(one.type, one.subtype))
        for at, one in enumerate(overrides)
    ]
    return RawFeed(
        refreshed_at=None,
        accounts=[account for account, _, _ in told],
        transactions=[row for _, rows, _ in told for row in rows],
        skipped=[one for _, _, skipped in told for one in skipped],
    )
