"""Many rows as columns, into a table and out of the store, within the caller's transaction."""

from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import pyarrow as pa
from pyarrow import csv
from sqlalchemy import CompoundSelect, Select

from underwriting.store.models import Base
from underwriting.store.session import Work

# Rows that are converted to text at a time: some ten megabytes of records.
PAGE = 10_000


async def copy_rows(work: Work, table: type[Base], rows: pa.Table) -> None:
    """Add the rows; columns are named as in the table; missing ones are NULL or the default.

    By COPY on PostgreSQL, by one prepared INSERT on SQLite. Values are written as text, so JSON is text here, too.
    """
    if not len(rows):
        return
    if work.get_bind().dialect.name == "postgresql":
        await _copy(work, table.__tablename__, rows)
    else:
        await _insert(work, table.__tablename__, rows)


async def read_rows(work: Work, query: Select[Any] | CompoundSelect[Any], schema: pa.Schema) -> pa.Table:
    """What the query selects, as the columns of `schema`, in their order.

    By COPY on PostgreSQL, which takes a tenth of the time of fetching rows through the driver.
    """
    if work.get_bind().dialect.name == "postgresql":
        return await _copied(work, query, schema)
    rows = (await work.execute(query)).all()
    columns = zip(*rows, strict=True) if rows else [[] for _ in schema]
    arrays = [pa.array(values, field.type) for values, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)


async def _driver(work: Work) -> Any:
    """asyncpg's own connection, inside the unit's transaction."""
    connection = await work.connection()
    driver: Any = (await connection.get_raw_connection()).driver_connection
    if not driver.is_in_transaction():
        # SQLAlchemy begins the transaction with its first statement, and does not see what the driver does.
        await connection.exec_driver_sql("SELECT 1")
    return driver


async def _copied(work: Work, query: Select[Any] | CompoundSelect[Any], schema: pa.Schema) -> pa.Table:
    driver = await _driver(work)
    statement = query.compile(dialect=work.get_bind().dialect, compile_kwargs={"literal_binds": True})
    text = BytesIO()

    async def take(page: bytes) -> None:
        text.write(page)

    await driver.copy_from_query(str(statement), output=take, format="csv")
    if not text.tell():
        # Arrow does not read an empty file as CSV.
        return schema.empty_table()
    text.seek(0)
    # An empty field is NULL, and an empty pair of quotes is an empty text.
    options = csv.ConvertOptions(
        column_types=schema,
        strings_can_be_null=True,
        quoted_strings_can_be_null=False,
        null_values=[""],
        # As PostgreSQL writes them.
        true_values=["t"],
        false_values=["f"],
    )
    reading, lines = csv.ReadOptions(column_names=schema.names), csv.ParseOptions(newlines_in_values=True)
    return csv.read_csv(text, reading, lines, options)


async def _copy(work: Work, name: str, rows: pa.Table) -> None:
    driver = await _driver(work)
    await driver.copy_to_table(name, source=_pages(rows), columns=rows.column_names, format="csv")


async def _pages(rows: pa.Table) -> AsyncIterator[bytes]:
    """CSV as PostgreSQL reads it: text in quotes, an empty field for NULL, bytes in hexadecimal."""
    options = csv.WriteOptions(include_header=False)
    for page in rows.to_batches(PAGE):
        text = BytesIO()
        columns = [_hexadecimal(one) if pa.types.is_binary(one.type) else one for one in page.columns]
        csv.write_csv(pa.RecordBatch.from_arrays(columns, page.schema.names), text, options)
        yield text.getvalue()


def _hexadecimal(column: pa.Array) -> pa.Array:
    return pa.array([None if value is None else "\\x" + value.hex() for value in column.to_pylist()], pa.string())


async def _insert(work: Work, name: str, rows: pa.Table) -> None:
    columns = ", ".join(rows.column_names)
    marks = ", ".join("?" * rows.num_columns)
    # S608: names are the program's own.
    statement = f"INSERT INTO {name} ({columns}) VALUES ({marks})"  # noqa: S608
    connection = await work.connection()
    for page in rows.to_batches(PAGE):
        values = [_for_sqlite(column).to_pylist() for column in page.columns]
        await connection.exec_driver_sql(statement, list(zip(*values, strict=True)))


def _for_sqlite(column: pa.Array) -> pa.Array:
    """Days and moments as ISO text, like SQLAlchemy; moments are in UTC without an offset."""
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us")).cast(pa.string())
    return column.cast(pa.string()) if pa.types.is_date(column.type) else column
