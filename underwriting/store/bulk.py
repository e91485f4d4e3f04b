"""Many rows as columns, into a table and out of the store, within the caller's transaction."""

from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import pyarrow as pa
from pyarrow import csv
from sqlalchemy import CompoundSelect, Select

from underwriting.store.models import Base
from underwriting.store.session import Work

# Rows that are text at the same time: some ten megabytes of records.
PAGE = 10_000


async def copy_rows(work: Work, table: type[Base], rows: pa.Table) -> None:
    """Add the rows; columns are called as in the table, and what is left out is NULL or the table's default.

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

    By COPY on PostgreSQL, where a row costs a tenth of what it costs the driver to hand it over by itself.
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
        # SQLAlchemy begins it with the first statement that it sees, and what the driver does it does not see.
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
        # Nothing is no CSV to Arrow.
        return schema.empty_table()
    text.seek(0)
    # Nothing at all is NULL, and quotes with nothing between them are an empty text.
    options = csv.ConvertOptions(
        column_types=schema, strings_can_be_null=True, quoted_strings_can_be_null=False, null_values=[""]
    )
    reading, lines = csv.ReadOptions(column_names=schema.names), csv.ParseOptions(newlines_in_values=True)
    return csv.read_csv(text, reading, lines, options)


async def _copy(work: Work, name: str, rows: pa.Table) -> None:
    driver = await _driver(work)
    await driver.copy_to_table(name, source=_pages(rows), columns=rows.column_names, format="csv")


async def _pages(rows: pa.Table) -> AsyncIterator[bytes]:
    """CSV as PostgreSQL reads it: text in quotes, and nothing at all for NULL; bytes in hexadecimal."""
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
        values = [_as_sqlite_keeps_it(column).to_pylist() for column in page.columns]
        await connection.exec_driver_sql(statement, list(zip(*values, strict=True)))


def _as_sqlite_keeps_it(column: pa.Array) -> pa.Array:
    """Days and moments as ISO text, as SQLAlchemy does; a moment in UTC, without saying so."""
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us")).cast(pa.string())
    return column.cast(pa.string()) if pa.types.is_date(column.type) else column
