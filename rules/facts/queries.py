"""Runs the queries of the facts in DuckDB."""

import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib.resources import files

import duckdb
import pandas as pd
import pyarrow as pa
from pandas.api.extensions import ExtensionArray, ExtensionDtype

from rules.facts.catalogue import DTYPES, facts_of
from rules.facts.tables import SUBJECTS, TABLES, input_schema

# From this many subjects on, a query runs on all cores; below, waking them takes longer than the query.
MANY_SUBJECTS = 1_000

_SQL_TYPES = {"boolean": "BOOLEAN", "integer": "BIGINT", "number": "DOUBLE", "text": "VARCHAR"}
# Databases by process, since a forked child has no threads of its parent's, and by whether they run on all cores.
_idle: defaultdict[tuple[int, bool], "list[_Database]"] = defaultdict(list)


class FactsError(ValueError):
    """The input tables are not what `input_schema` says."""


def compute_facts(check: str, tables: Mapping[str, pa.Table]) -> pd.DataFrame:
    """The facts of `check` for every subject of the table `subjects`, in its order.

    Columns are the facts of the catalogue in nullable dtypes, the index is `subject_id`. A table not given counts
    as empty, so that its source is not known to have answered. FactsError where a table is unknown, lacks a column,
    or has two rows for a subject where it should have one; KeyError where there is no such check.
    """
    if SUBJECTS not in tables:
        raise FactsError(f"the table {SUBJECTS} is missing: it says who is judged, and as of when")
    given = {name: _conformed(name, rows) for name, rows in tables.items()}
    subjects = given[SUBJECTS].column("subject_id")
    with _database(parallel=len(subjects) >= MANY_SUBJECTS) as database:
        facts = database.facts(check, given)
    found = facts.column("subject_id")
    if len(found.unique()) < len(found) or len(subjects.unique()) < len(subjects):
        raise FactsError(f"{check}: a subject stands twice in a table that has one row for each")
    columns = {fact.name: _to_pandas(facts.column(fact.name), fact.dtype) for fact in facts_of(check)}
    frame = pd.DataFrame(columns, index=_index(found))
    # A subject whose source gave nothing has no row.
    return frame if found.equals(subjects) else frame.reindex(_index(subjects))


def _index(subject_ids: pa.ChunkedArray) -> "pd.Index[str]":
    return pd.Index(_to_pandas(subject_ids, DTYPES["text"]), name="subject_id")


def _to_pandas(column: pa.ChunkedArray, dtype: ExtensionDtype) -> ExtensionArray:
    array: ExtensionArray = dtype.__from_arrow__(column)  # type: ignore[attr-defined]  # Missing in pandas' stubs.
    return array


def _conformed(name: str, rows: pa.Table) -> pa.Table:
    """The columns of the input table, in their types."""
    if name not in TABLES:
        raise FactsError(f"no input table is called {name}; there are {', '.join(TABLES)}")
    schema = input_schema(name)
    if missing := set(schema.names) - set(rows.schema.names):
        raise FactsError(f"the table {name} lacks the column {', '.join(sorted(missing))}")
    if rows.schema.equals(schema):
        return rows
    try:
        return rows.select(schema.names).cast(schema)
    except pa.ArrowInvalid as error:
        raise FactsError(f"the table {name}: {error}") from None


class _Input:
    """An input table of a database. Its rows change from call to call; DuckDB asks for them each time."""

    def __init__(self, name: str) -> None:
        self._schema = input_schema(name)
        self.empty = self._schema.empty_table()
        self.rows = self.empty

    def __arrow_c_schema__(self) -> object:
        return self._schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        return self.rows.__arrow_c_stream__(requested_schema)


class _Database:
    """A database for one call at a time. It plans each query once: that takes longer than one applicant's query."""

    def __init__(self, threads: int) -> None:
        self._connection = duckdb.connect(config={"threads": threads})
        # It would filter the rows of one table by the keys of another, in pyarrow, at a millisecond a join.
        self._connection.execute("SET disabled_optimizers = 'join_filter_pushdown'")
        self._inputs = {table: _Input(table) for table in TABLES}
        for table, rows in self._inputs.items():
            self._connection.register(table, rows)
        self._connection.execute(_sql("shared"))
        self._planned: set[str] = set()

    def facts(self, check: str, tables: Mapping[str, pa.Table]) -> pa.Table:
        """The check's facts of the subjects that its sources know."""
        if check not in self._planned:
            self._connection.execute(f"PREPARE {check} AS {_query(check)}")
            self._planned.add(check)
        try:
            for table, rows in tables.items():
                self._inputs[table].rows = rows
            return self._connection.execute(f"EXECUTE {check}").to_arrow_table()
        finally:
            # Rows are personal: none is kept.
            for table in tables:
                self._inputs[table].rows = self._inputs[table].empty


@contextmanager
def _database(*, parallel: bool) -> Iterator[_Database]:
    """A database that nobody else uses, an idle one if there is one."""
    idle = _idle[os.getpid(), parallel]
    try:
        database = idle.pop()
    except IndexError:
        database = _Database(os.cpu_count() or 1 if parallel else 1)
    try:
        yield database
    finally:
        idle.append(database)


@cache
def _query(check: str) -> str:
    """The check's facts in the types of the catalogue; what does not fit its type, or is not finite, is not known."""
    columns = [
        f"CASE WHEN isfinite({fact.name}) THEN {fact.name}::DOUBLE END AS {fact.name}"
        if fact.type == "number"
        else f"TRY_CAST({fact.name} AS {_SQL_TYPES[fact.type]}) AS {fact.name}"
        for fact in facts_of(check)
    ]
    # S608: the names are the catalogue's.
    return f"SELECT subject_id, {', '.join(columns)} FROM (\n{_sql(check)})"  # noqa: S608


def _sql(name: str) -> str:
    return files(__package__).joinpath(f"{name}.sql").read_text("utf-8")
