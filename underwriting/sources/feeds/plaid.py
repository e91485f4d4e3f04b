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

# Plaid's subtypes of the type "depository" that are used for daily spending, and those for savings.
_CHECKING = frozenset({"checking", "prepaid", "paypal", "cash management", "ebt", "payroll"})
_SAVINGS = frozenset({"savings", "money market"})
# Plaid's types of a counterparty that only passes money on.
_INTERMEDIARIES = frozenset({"payment_app", "payment_terminal", "marketplace"})
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
    """The feed of an answer; FeedError where the answer has no transactions or lacks pages."""
    if answer.report is not None:
        return _from_report(answer.report)
    if answer.override_accounts is not None:
        return _from_overrides(answer.override_accounts)
    item, codes = answer.item or Item(), _error_codes(answer)
    still_reading = (answer.transactions_update_status or _COMPLETE) != _COMPLETE or "PRODUCT_NOT_READY" in codes
    login_required = not codes.isdisjoint(_LOGIN_ERRORS)
    rows = [] if _has_no_rows(answer) and (still_reading or login_required) else _rows(answer)
    accounts = [_account(f"accounts.{index}", one, item.institution_id) for index, one in enumerate(answer.accounts)]
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
    """Why Plaid cannot read from the bank: instead of an answer, or along with an old one."""
    of_item = answer.item.error.error_code if answer.item and answer.item.error else None
    return {code for code in (answer.error_code, of_item) if code}


def _has_no_rows(answer: PlaidAnswer) -> bool:
    return answer.transactions is None and answer.added is None


LocatedTransaction = tuple[str, PlaidTransaction]


def _located(member: str, rows: Iterable[PlaidTransaction]) -> Iterator[LocatedTransaction]:
    return ((f"{member}.{index}", row) for index, row in enumerate(rows))


def _rows(answer: PlaidAnswer) -> list[LocatedTransaction]:
    """The transactions of transactions/get or transactions/sync, the oldest first."""
    if answer.transactions is not None:
        if answer.total_transactions is not None and answer.total_transactions > _distinct(answer.transactions):
            raise FeedError("transactions", "are not all: pages are missing")
        return _oldest_first("transactions", answer.transactions)
    if answer.added is None:
        raise FeedError("the answer", "has neither transactions, added, report nor override_accounts")
    if answer.has_more:
        raise FeedError("has_more", "pages are missing")
    removed = {one.transaction_id for one in answer.removed or ()}
    current = [*_located("added", answer.added), *_located("modified", answer.modified or ())]
    return [(place, row) for place, row in current if row.transaction_id not in removed]


def _distinct(rows: Sequence[PlaidTransaction]) -> int:
    """How many different transactions there are. Pages that shift while they are read repeat one and lose another."""
    ids = [row.transaction_id for row in rows]
    return ids.count(None) + len({one for one in ids if one is not None})


def _oldest_first(member: str, rows: Sequence[PlaidTransaction]) -> list[LocatedTransaction]:
    """Plaid lists the newest first, except in transactions/sync."""
    return list(_located(member, rows))[::-1]


def _account(place: str, one: PlaidAccount, institution: str | None) -> RawAccount:
    kind, balances = kind_of(one.type, one.subtype), one.balances
    currency, balance, available = _currency(balances.iso_currency_code), None, None
    # The value of a broker's account may have more decimals than its currency.
    if kind is not AccountKind.OTHER and currency is not None:
        balance = _balance(place, balances.current, currency)
        # Without the overdraft that the bank grants.
        available = _balance(place, balances.available and balances.available - max(balances.limit or 0, 0), currency)
    return RawAccount(
        place,
        one.account_id,
        kind,
        currency,
        balance,
        institution,
        available=available,
        refreshed_at=balances.last_updated_datetime,
    )


def _balance(place: str, amount: Decimal | None, currency: str) -> int | None:
    """A balance in minor units; None where it is missing, or is not an amount of the currency."""
    try:
        return None if amount is None else minor_units(place, amount, currency)
    except FeedError:
        return None


def kind_of(account_type: str, subtype: str | None) -> AccountKind:
    """Our kind of an account of Plaid's type and subtype."""
    if account_type != "depository":
        return AccountKind.OTHER
    if subtype is None:
        return AccountKind.DEPOSIT
    if subtype in _CHECKING:
        return AccountKind.CHECKING
    return AccountKind.SAVINGS if subtype in _SAVINGS else AccountKind.OTHER


def _currency(code: str | None) -> str | None:
    """The code if it is one of ISO 4217, else None: crypto currencies have none."""
    try:
        minor_digits(code or "")
    except ValueError:
        return None
    return code


def _transactions(
    rows: Sequence[LocatedTransaction], accounts: Sequence[RawAccount]
) -> tuple[list[RawTransaction], list[Skipped]]:
    """The rows as our transactions, and those that cannot be used. Rows of cards and brokers are ignored."""
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
    """Whether the amount is in the account's currency, which a row without any currency is taken to be."""
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
        counterparty=row.merchant_name or _counterparty(row),
        codes=tuple(filter(None, (code.detailed, code.primary))) if code else (),
        pending=row.pending,
        settles=row.pending_transaction_id,
    )


def _counterparty(row: PlaidTransaction) -> str | None:
    """The counterparty; the one behind a payment app, where Plaid names both."""
    return min(row.counterparties, key=lambda one: one.type in _INTERMEDIARIES).name if row.counterparties else None


def _refreshed_at(answer: PlaidAnswer) -> datetime | None:
    """The last refresh of `status`; accounts may have their own."""
    return answer.status.transactions.last_successful_update if answer.status and answer.status.transactions else None


def _from_report(report: Report) -> RawFeed:
    accounts, rows = [], list[LocatedTransaction]()
    for number, item in enumerate(report.items):
        refreshed_at = item.date_last_updated or report.date_generated
        for index, one in enumerate(item.accounts):
            place = f"report.items.{number}.accounts.{index}"
            account = replace(_account(place, one, item.institution_id), refreshed_at=refreshed_at)
            if one.days_available is not None:
                generated = utc_day("report.date_generated", report.date_generated)
                account = replace(account, covered_from=date.fromordinal(generated.toordinal() - one.days_available))
            accounts.append(account)
            rows += _oldest_first(f"{place}.transactions", one.transactions)
    return RawFeed(report.date_generated, accounts, *_transactions(rows, accounts))


def _from_overrides(overrides: Sequence[OverrideAccount]) -> RawFeed:
    booked = [
        booked_account(f"override_accounts.{index}", one, kind_of(one.type, one.subtype))
        for index, one in enumerate(overrides)
    ]
    return RawFeed(
        refreshed_at=None,
        accounts=[account for account, _, _ in booked],
        transactions=[row for _, rows, _ in booked for row in rows],
        skipped=[one for _, _, skipped in booked for one in skipped],
    )
