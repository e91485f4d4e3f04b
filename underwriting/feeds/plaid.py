"""Bank feeds in Plaid's JSON: transactions/get, transactions/sync, asset reports, and files of custom sandbox users.

Plaid's sign is the opposite of ours: its positive is money out.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, time

from underwriting.domain.money import minor_digits
from underwriting.feeds.plaid_answers import PlaidAccount, PlaidAnswer, PlaidTransaction, Report
from underwriting.feeds.plaid_user import OverrideAccount, booked_account
from underwriting.feeds.raw import AccountKind, FeedError, RawAccount, RawFeed, RawTransaction, minor_units, utc_day

# Plaid's subtypes of the type "depository" from which people live; the other ones are put aside or locked.
_LIVED_FROM = frozenset({"checking", "prepaid", "paypal", "cash management", "ebt", "payroll"})
_PUT_ASIDE = frozenset({"savings", "money market"})


def raw_feed(answer: PlaidAnswer) -> RawFeed:
    """The feed of an answer; FeedError where it is none of Plaid's with transactions, or not the whole of one."""
    if answer.report is not None:
        return _of_report(answer.report)
    if answer.override_accounts is not None:
        return _of_user(answer.override_accounts)
    rows = _rows(answer)
    institution = answer.item.institution_id if answer.item else None
    accounts = [_account(f"accounts.{at}", one, institution) for at, one in enumerate(answer.accounts)]
    return RawFeed(_refreshed_at(answer, rows), accounts, _transactions(rows, accounts))


Placed = tuple[str, PlaidTransaction]


def _placed(member: str, rows: Iterable[PlaidTransaction]) -> Iterator[Placed]:
    return ((f"{member}.{at}", row) for at, row in enumerate(rows))


def _rows(answer: PlaidAnswer) -> list[Placed]:
    """The transactions of transactions/get or transactions/sync, the oldest first."""
    if answer.transactions is not None:
        if answer.total_transactions is not None and answer.total_transactions > len(answer.transactions):
            raise FeedError("transactions", "are not all: pages are missing")
        return _oldest_first("transactions", answer.transactions)
    if answer.added is None:
        raise FeedError("the answer", "has neither transactions, added, report nor override_accounts")
    if answer.has_more:
        raise FeedError("has_more", "pages are missing")
    gone = {one.transaction_id for one in answer.removed}
    told = [*_placed("added", answer.added), *_placed("modified", answer.modified)]
    return [(place, row) for place, row in told if row.transaction_id not in gone]


def _oldest_first(member: str, rows: Sequence[PlaidTransaction]) -> list[Placed]:
    """Plaid tells the newest first, but in sync."""
    return list(_placed(member, rows))[::-1]


def _account(place: str, one: PlaidAccount, institution: str | None) -> RawAccount:
    kind, currency = kind_of(one.type, one.subtype), _currency(one.balances.iso_currency_code)
    current, balance = one.balances.current, None
    # What a broker's account is worth has more digits than money.
    if kind is not AccountKind.OTHER and currency is not None and current is not None:
        balance = minor_units(f"{place}.balances.current", current, currency)
    return RawAccount(place, one.account_id, kind, currency, balance, institution)


def kind_of(account_type: str, subtype: str | None) -> AccountKind:
    """What an account of Plaid's type and subtype is for."""
    if account_type != "depository":
        return AccountKind.OTHER
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


def _transactions(rows: Sequence[Placed], accounts: Sequence[RawAccount]) -> list[RawTransaction]:
    """Our side of the rows; those of accounts that no feed is made of are left out before they are measured."""
    known: Mapping[str, RawAccount] = {account.account_id: account for account in accounts}
    settled = {row.pending_transaction_id for _, row in rows if row.pending_transaction_id}
    found = []
    for place, row in rows:
        account = known.get(row.account_id)
        if account is None:
            raise FeedError(f"{place}.account_id", "is none of the accounts")
        if account.currency is None or account.kind is AccountKind.OTHER:
            continue
        if row.iso_currency_code not in {None, account.currency}:
            raise FeedError(f"{place}.iso_currency_code", "is not the account's")
        # What was pending and is booked by now stands twice where pages overlap.
        if not (row.pending and row.transaction_id in settled):
            found.append(_transaction(place, row, account.currency))
    return found


def _transaction(place: str, row: PlaidTransaction, currency: str) -> RawTransaction:
    code = row.personal_finance_category
    named = row.counterparties[0].name if row.counterparties else None
    return RawTransaction(
        place=place,
        account_id=row.account_id,
        booked_on=row.date,
        amount=-minor_units(f"{place}.amount", row.amount, currency),
        description=row.original_description or row.name or "",
        transaction_id=row.transaction_id,
        counterparty=row.merchant_name or named,
        codes=tuple(filter(None, (code.detailed, code.primary))) if code else (),
        pending=row.pending,
    )


def _refreshed_at(answer: PlaidAnswer, rows: Sequence[Placed]) -> datetime:
    """When the bank was last asked: as `status` or a balance says, else no earlier than the latest transaction."""
    if answer.status and answer.status.transactions and answer.status.transactions.last_successful_update:
        return answer.status.transactions.last_successful_update
    if updates := [one.balances.last_updated_datetime for one in answer.accounts if one.balances.last_updated_datetime]:
        return max(updates)
    return _no_earlier_than(row.date for _, row in rows)


def _no_earlier_than(days: Iterable[date]) -> datetime:
    latest = max(days, default=None)
    if latest is None:
        raise FeedError("status.transactions.last_successful_update", "is missing, and there are no transactions")
    return datetime.combine(latest, time(), UTC)


def _of_report(report: Report) -> RawFeed:
    accounts, rows = [], list[Placed]()
    for number, item in enumerate(report.items):
        for at, one in enumerate(item.accounts):
            place = f"report.items.{number}.accounts.{at}"
            account = _account(place, one, item.institution_id)
            if one.days_available is not None:
                generated = utc_day("report.date_generated", report.date_generated)
                account = replace(account, covered_from=date.fromordinal(generated.toordinal() - one.days_available))
            accounts.append(account)
            rows += _oldest_first(f"{place}.transactions", one.transactions)
    updates = [item.date_last_updated or report.date_generated for item in report.items]
    # Of several banks the one that was asked longest ago: the feed is no fresher than that.
    return RawFeed(min(updates, default=report.date_generated), accounts, _transactions(rows, accounts))


def _of_user(overrides: Sequence[OverrideAccount]) -> RawFeed:
    told = [
        booked_account(f"override_accounts.{at}", one, kind_of(one.type, one.subtype))
        for at, one in enumerate(overrides)
    ]
    rows = [row for _, found in told for row in found]
    return RawFeed(_no_earlier_than(row.booked_on for row in rows), [account for account, _ in told], rows)
