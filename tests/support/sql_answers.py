"""What a predicate over facts says in a database: DuckDB, SQLite or PostgreSQL, each with its own three-valued logic.

A predicate is SQL with `$name` for a property; a property that is a list stands in brackets, `IN ($countries)`.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import duckdb
import pyarrow as pa

from rules.facts import CATALOGUE

if TYPE_CHECKING:
    # Tests of rules load a database driver only where they ask a server.
    import asyncpg

ARROW = {"boolean": pa.bool_(), "integer": pa.int64(), "number": pa.float64(), "text": pa.string()}
POSTGRES = {"boolean": "boolean", "integer": "bigint", "number": "double precision", "text": "text"}
Row = Mapping[str, Any]


def bound(predicate: str, properties: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The predicate with one parameter for each value, and the values."""
    values: dict[str, Any] = {}
    for name, value in properties.items():
        if isinstance(value, tuple):
            several = {f"{name}_{place}": each for place, each in enumerate(value)}
            predicate = re.sub(rf"\${name}\b", ", ".join(f"${each}" for each in several), predicate)
            values |= several
        elif re.search(rf"\${name}\b", predicate):
            values[name] = value
    return predicate, values


def facts_in(predicate: str) -> list[str]:
    return [name for name in CATALOGUE if re.search(rf"(?<!\$)\b{name}\b", predicate)]


def in_duckdb(database: duckdb.DuckDBPyConnection, predicate: str, properties: Row, rows: Sequence[Row]) -> list[Any]:
    columns = {"place": pa.array(range(len(rows)))}
    for name in facts_in(predicate):
        columns[name] = pa.array([row[name] for row in rows], ARROW[CATALOGUE[name].type])
    database.register("facts", pa.table(columns))
    sql, values = bound(predicate, properties)
    return [said for (said,) in database.execute(f"SELECT {sql} FROM facts ORDER BY place", values).fetchall()]


def in_sqlite(database: sqlite3.Connection, predicate: str, properties: Row, rows: Sequence[Row]) -> list[Any]:
    names = facts_in(predicate)
    database.execute("DROP TABLE IF EXISTS facts")
    database.execute(f"CREATE TABLE facts (place INTEGER, {', '.join(names)})")
    marks = ", ".join("?" * (len(names) + 1))
    given = [(place, *(row[name] for name in names)) for place, row in enumerate(rows)]
    database.executemany(f"INSERT INTO facts VALUES ({marks})", given)
    sql, values = bound(predicate, properties)
    answers = database.execute(f"SELECT {sql} FROM facts ORDER BY place", values).fetchall()
    return [None if said is None else bool(said) for (said,) in answers]


async def in_postgres(database: asyncpg.Connection, predicate: str, properties: Row, rows: Sequence[Row]) -> list[Any]:
    names = facts_in(predicate)
    columns = ", ".join(f"{name} {POSTGRES[CATALOGUE[name].type]}" for name in names)
    await database.execute("DROP TABLE IF EXISTS facts")
    await database.execute(f"CREATE TEMPORARY TABLE facts (place integer, {columns})")
    given = [(place, *(row[name] for name in names)) for place, row in enumerate(rows)]
    await database.copy_records_to_table("facts", records=given)
    sql, values = bound(predicate, properties)
    for number, name in enumerate(values, 1):
        sql = re.sub(rf"\${name}\b", f"${number}", sql)
    answers = await database.fetch(f"SELECT {sql} AS said FROM facts ORDER BY place", *values.values())
    return [answer["said"] for answer in answers]
