"""Column types that mean the same on PostgreSQL and SQLite, and the database's own clock."""

from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any

from sqlalchemy import JSON, BigInteger, Date, DateTime, Dialect, Float, Integer, LargeBinary, Text, literal
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import mapped_column
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC: timestamptz on PostgreSQL, ISO text that sorts by time on SQLite."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse a moment without a time zone."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Add the time zone that SQLite does not store."""
        return value if value is None else value.replace(tzinfo=value.tzinfo or UTC).astimezone(UTC)


class SealedBinary(TypeDecorator[bytes]):
    """Personal data as `underwriting.store.crypto` seals it. Key rotation finds every column of this type."""

    impl = LargeBinary
    cache_ok = True


# How a model declares such a column: `note: Mapped[Sealed]`.
Sealed = Annotated[bytes, mapped_column(SealedBinary)]

# JSONB can be indexed and queried; SQLite has its JSON functions over text.
Json = JSON().with_variant(JSONB(), "postgresql")
# Ordered by bytes, as ids in files are, whatever the collation of the database; SQLite always does so.
Bytewise = Text().with_variant(Text(collation="C"), "postgresql")
# SQLite numbers rows automatically only in a column of exactly this type.
RowNumber = BigInteger().with_variant(Integer(), "sqlite")


class from_now(FunctionElement[datetime]):  # noqa: N801 - it is called like SQL's own functions
    """A moment by the database's clock, so that no worker's clock decides who owns what.

    It is the start of the statement on both databases. So it is stable on PostgreSQL, and indexes serve comparisons
    with it. A statement that waited for a lock sees a slightly early time, so it never takes a valid lease for an
    expired one.
    """

    type = UtcDateTime()
    inherit_cache = True

    def __init__(self, delta: timedelta = timedelta()) -> None:
        super().__init__(literal(delta.total_seconds(), Float))


@compiles(from_now)
def _on_postgresql(element: from_now, compiler: SQLCompiler, **kw: Any) -> str:
    return f"(statement_timestamp() + {compiler.process(element.clauses, **kw)} * interval '1 second')"


@compiles(from_now, "sqlite")
def _on_sqlite(element: from_now, compiler: SQLCompiler, **kw: Any) -> str:
    # The format in which SQLAlchemy stores a DateTime; SQLite's clock gives milliseconds.
    seconds = compiler.process(element.clauses, **kw)
    return f"strftime('%Y-%m-%d %H:%M:%f000', 'now', printf('%+.3f seconds', {seconds}))"


class day_after(FunctionElement[date]):  # noqa: N801 - it is called like SQL's own functions
    """The day `delta` after another day."""

    type = Date()
    inherit_cache = True

    def __init__(self, day: Any, delta: timedelta) -> None:
        super().__init__(day, literal(delta.days, Integer))


@compiles(day_after)
def _day_on_postgresql(element: day_after, compiler: SQLCompiler, **kw: Any) -> str:
    day, days = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"({day} + CAST({days} AS integer))"


@compiles(day_after, "sqlite")
def _day_on_sqlite(element: day_after, compiler: SQLCompiler, **kw: Any) -> str:
    day, days = (compiler.process(clause, **kw) for clause in element.clauses)
    return f"date({day}, printf('%+d days', {days}))"
