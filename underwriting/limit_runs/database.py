"""A history in a database: tables that are called like the input tables and have their columns.

The setting `history_database_url` names the database, so that no password is stored with a run. SQLite keeps any value
in any column, so its values are read as text, and malformed ones are found as in a file.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Text,
    case,
    cast,
    collate,
    column,
    func,
    inspect,
    or_,
    select,
    table,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from rules.facts import input_schema
from underwriting.domain.limits import IdRange
from underwriting.limit_runs.history import MODELS, USERS, DataFile, HistoryError
from underwriting.limit_runs.quality import KEYS, optional_columns
from underwriting.limit_runs.source import Source
from underwriting.settings import settings
from underwriting.store.engines import create_engine
from underwriting.store.session import NO_CONNECTION

PAGE = 20_000


async def user_ids() -> pa.Array:
    """The ids of all users, in order; HistoryError where there is no such database or table."""
    async with _connected() as (connection, tables):
        if USERS not in tables:
            raise HistoryError(
                f"the history's database has no table {USERS}, which lists the users; see docs/histories.md"
            )
        query = select(_id(connection)).select_from(table(USERS)).where(column("subject_id").is_not(None)).distinct()
        return pa.array(sorted(await connection.scalars(query)), pa.string())


async def sources(ids: IdRange, scratch: Path) -> dict[str, Source]:
    """The rows of the range, as Parquet files in the folder `scratch`."""
    found = {name: Source(name, (), ids) for name in MODELS}
    async with _connected() as (connection, tables):
        for name in sorted(tables.keys() & set(MODELS)):
            files = await _copied(connection, name, tables[name], ids, scratch)
            found[name] = Source(name, files, ids, fetched=True)
    return found


@asynccontextmanager
async def _connected() -> AsyncIterator[tuple[AsyncConnection, dict[str, set[str]]]]:
    """A connection, and the input tables of its database with their columns."""
    secret = settings().history_database_url
    if secret is None:
        raise HistoryError(
            "no database is set for the history; set UNDERWRITING_HISTORY_DATABASE_URL, or name a folder"
        )
    engine = create_engine(secret.get_secret_value())
    try:
        async with engine.connect() as connection:
            yield connection, await connection.run_sync(_tables)
    except NO_CONNECTION as error:
        # Without the cause: its text may show rows.
        message = str(getattr(error, "orig", None) or error).partition("\n")[0]
        raise HistoryError(f"the history's database did not answer: {message}") from None
    finally:
        await engine.dispose()


def _tables(connection: Connection) -> dict[str, set[str]]:
    schema = inspect(connection)
    found = set(schema.get_table_names()) & set(MODELS)
    return {name: {column["name"] for column in schema.get_columns(name)} for name in found}


async def _copied(
    connection: AsyncConnection, name: str, columns: set[str], ids: IdRange, scratch: Path
) -> list[DataFile]:
    """The rows of one table in the order of their keys; a row's number is its position in that order."""
    wanted = input_schema(name)
    missing = tuple(column for column in wanted.names if column not in columns)
    if required := sorted({*missing} - optional_columns(MODELS[name])):
        raise HistoryError(f"the table {name} of the history's database lacks the column {required[0]}; add it")
    typed = _is_typed(connection)
    there = [field for field in wanted if field.name in columns]
    fields = [field if typed else pa.field(field.name, pa.string()) for field in there]
    schema = pa.schema([*fields, ("file", pa.string()), ("row", pa.int64())])
    here, count = scratch / f"{name}.parquet", 0
    with pq.ParquetWriter(here, schema) as writer:
        stream = await connection.stream(_rows(connection, name, [field.name for field in there], ids))
        async for page in stream.partitions(PAGE):
            origin = [[f"table {name}"] * len(page), range(count, count + len(page))]
            values: list[Sequence[Any]] = [*zip(*page, strict=True), *origin]
            arrays = [pa.array(given, field.type) for given, field in zip(values, schema, strict=True)]
            writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            count += len(page)
    return [DataFile(str(here), "", count, None, None, without_id=True, typed=typed, missing=missing)]


def _rows(connection: AsyncConnection, name: str, names: Sequence[str], ids: IdRange) -> Select[Any]:
    who = _id(connection)
    columns: list[ColumnElement[Any]] = [column(each) for each in names]
    inside = [*([who >= ids.first] if ids.first is not None else []), *([who < ids.end] if ids.end is not None else [])]
    if ids.first is None and inside:
        inside = [or_(*inside, column("subject_id").is_(None))]
    chosen = columns if _is_typed(connection) else [_text(one) for one in columns]
    return (
        select(*chosen)
        .select_from(table(name))
        .where(*inside)
        .order_by(who, *([column(KEYS[name])] if name in KEYS else []))
    )


def _text(value: ColumnElement[Any]) -> ColumnElement[Any]:
    """A value of SQLite as text; a floating one with all its digits, of which a cast keeps fifteen."""
    return case((func.typeof(value) == "real", func.printf("%!.17g", value)), else_=cast(value, Text))


def _is_typed(connection: AsyncConnection) -> bool:
    return connection.dialect.name == "postgresql"


def _id(connection: AsyncConnection) -> Any:
    """The user's id, compared byte by byte as everywhere else."""
    return collate(column("subject_id"), "C") if _is_typed(connection) else column("subject_id")
