"""The bank's loans as applications: applicant, request, date, what the bank knew then, and how the loan ended."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from underwriting.domain.documents import BankStatements, Person
from underwriting.domain.histories import TransactionFeed
from underwriting.domain.money import Money
from underwriting.playground.berka.feeds import transaction_feed
from underwriting.playground.berka.files import (
    CURRENCY,
    Account,
    BerkaError,
    Client,
    Disposition,
    Loan,
    R,
    Row,
    Transaction,
    by_key,
    read_rows,
)
from underwriting.playground.berka.statements import bank_statements

CUSTOMER_PREFIX = "berka-"
OWNER = "OWNER"
# Every client has a district, and all districts are Czech.
COUNTRY = "CZ"


@dataclass(frozen=True)
class Applicant:
    """The owner of an account on the day of the loan. `loan` shows the future, and is no input to a decision."""

    customer_id: str
    as_of: date
    requested: Money
    months: int
    person: Person
    statements: BankStatements
    # The same account as a bank feed, for rules that read feeds.
    feed: TransactionFeed
    loan: Loan


def read_bank(folder: Path) -> list[Applicant]:
    """Every loan of the files in `folder`, oldest first; BerkaError with file, line and column if anything is wrong."""
    accounts = by_key(read_rows(folder, Account), "account_id")
    clients = by_key(read_rows(folder, Client), "client_id")
    owners = by_key((row for row in read_rows(folder, Disposition) if row.role == OWNER), "account_id")
    loans = by_key(read_rows(folder, Loan), "account_id")
    if not loans:
        raise BerkaError(f"{folder / Loan.file}: has no loans")
    bookings: defaultdict[str, list[Transaction]] = defaultdict(list)
    for row in read_rows(folder, Transaction):
        bookings[_named("account", accounts, row, "account_id").account_id].append(row)

    def applicant(loan: Loan) -> Applicant:
        account = _named("account", accounts, loan, "account_id")
        owner = _named("client", clients, _named("owner of account", owners, loan, "account_id"), "client_id")
        return Applicant(
            customer_id=f"{CUSTOMER_PREFIX}{loan.account_id}",
            as_of=loan.granted_on,
            requested=Money(minor=loan.amount, currency=CURRENCY),
            months=loan.months,
            person=person_of(owner),
            statements=bank_statements(account, bookings[loan.account_id], loan.granted_on),
            feed=transaction_feed(account, bookings[loan.account_id], loan.granted_on),
            loan=loan,
        )

    return sorted(map(applicant, loans.values()), key=lambda one: (one.as_of, one.customer_id))


def person_of(owner: Client) -> Person:
    """The owner, of whom only the birth date is published, no name or address."""
    return Person(
        given_name=None,
        family_name=None,
        birth_date=owner.birth_date,
        identity_document=None,
        street=None,
        residence_country=COUNTRY,
        company_number=None,
    )


def _named(what: str, rows: Mapping[str, R], row: Row, column: str) -> R:
    """The row that `column` of another row refers to."""
    name = getattr(row, column)
    if name not in rows:
        raise BerkaError(f"{row.place}: {column}: there is no {what} {name}")
    return rows[name]
