"""What the store keeps for a time, page by page: one record is kept or deleted as a whole."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, func, select, text, tuple_
from sqlalchemy.orm import InstrumentedAttribute

from underwriting.domain.retention import Demands, Kind, Term
from underwriting.store.session import Work

# Any number that no other program on the same database takes for its own advisory lock.
ADVISORY_LOCK = 7_306_143
# Records of one transaction.
BATCH = 200
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Record:
    """One record: its key, whose it is, and until when it is kept."""

    kind: Kind
    tenant: str
    person: str
    key: Key
    term: Term


@dataclass(frozen=True)
class Wanted:
    """Which records are looked through: those of one person, or all that may be past their term, of all tenants or one.

    With `lock` they stay as they are until the transaction ends; those that others change now are left out. `gone` are
    evaluations that are deleted before these, so that nothing has to be kept for them.
    """

    demands: Demands
    tenant: str | None = None
    person: str | None = None
    lock: bool = False
    gone: set[str] = field(default_factory=set)

    def before(self, months: int) -> datetime:
        """A moment before which everything happened that is past so many months, in whatever time zone."""
        return datetime.combine(self.demands.first_kept(months) + timedelta(days=1), time(), UTC)


# The records of a page, and the key after which the next one begins; None behind the last.
Page = tuple[list[Record], Key | None]


@dataclass(frozen=True)
class RecordType:
    """How records of some kinds are found and deleted."""

    kinds: frozenset[Kind]
    page: Callable[[Work, Wanted, Key | None], Awaitable[Page]]
    delete: Callable[[Work, Sequence[Record]], Awaitable[None]]


def narrowed(query: Select[Any], wanted: Wanted, tenant: Any, person: Any, past: ColumnElement[bool]) -> Select[Any]:
    """The rows that are wanted: of one tenant or all; of one person, or else those that may be `past` their term."""
    if wanted.tenant is not None:
        query = query.where(tenant == wanted.tenant)
    return query.where(past if wanted.person is None else person == wanted.person)


def paged(
    query: Select[Any], key: Sequence[InstrumentedAttribute[Any]], after: Key | None, size: int | None = None
) -> Select[Any]:
    """The next page of a query in the order of the key."""
    query = query.order_by(*key).limit(size or BATCH)
    return query if after is None else query.where(tuple_(*key) > tuple_(*after))


def next_key(rows: Sequence[Any], key: Callable[[Any], Key], size: int | None = None) -> Key | None:
    """The key of the last row of a full page; None if there are no more."""
    return key(rows[-1]) if len(rows) == (size or BATCH) else None


def grouped(rows: Iterable[Row[Any]]) -> dict[Any, Row[Any]]:
    """Rows by their first column, which is different in each."""
    return {row[0]: row for row in rows}


async def work_alone(work: Work) -> None:
    """Wait until no other purge or erasure works, and keep others waiting until this transaction ends.

    So none counts what another one deletes. On SQLite only one transaction writes anyway.
    """
    if work.get_bind().dialect.name == "postgresql":
        await work.execute(select(func.pg_advisory_xact_lock(ADVISORY_LOCK)))


async def be_patient(work: Work) -> None:
    """A page of a large table may take minutes; but nobody is kept waiting who works on the same rows."""
    if work.get_bind().dialect.name == "postgresql":
        await work.execute(text("SET LOCAL statement_timeout = '600s'"))
        await work.execute(text("SET LOCAL lock_timeout = '5s'"))
