"""Runs the queries of the facts in DuckDB."""

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from importlib.resources import files

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from pandas.api.extensions import ExtensionArray, ExtensionDtype

from rules.facts.catalogue import DTYPES, HISTORIES_QUERIES, SCREENING, USER_FACTS, facts_of
from rules.facts.tables import SUBJECTS, TABLES, input_schema
from rules.facts.terms import fact_terms

# From this many subjects on, a query runs on all cores; below, starting threads takes longer than the query.
MANY_SUBJECTS = 1_000
# Each core takes one batch of an input table after another.
BATCH_ROWS = 122_880

_SQL_TYPES = {"boolean": "BOOLEAN", "integer": "BIGINT", "number": "DOUBLE", "text": "VARCHAR"}
# Databases by process, since a forked child has no threads of its parent's, and by whether they run on all cores.
_idle: defaultdict[tuple[int, bool], "list[_Database]"] = defaultdict(list)


class FactsError(ValueError):
    """The input tables are not what `input_schema` says."""


def compute_facts(query: str, tables: Mapping[str, pa.Table]) -> pd.DataFrame:
    """The facts of `query`, a check's name or another of the catalogue, for every row of the table `subjects`.

    Columns are the facts of the catalogue in nullable dtypes, the index is `subject_id`. A table not given counts
    as empty, so that its source is not known to have answered. FactsError where a table is unknown, lacks a column,
    or has two rows for a subject where it should have one; KeyError where there is no such query.
    """
    return _computed([query], tables, [fact.name for fact in facts_of(query)])


def user_facts(tables: Mapping[str, pa.Table]) -> pd.DataFrame:
    """Every fact that rules and policies about users may use (`USER_FACTS`), as `compute_facts` gives it."""
    return _computed([*HISTORIES_QUERIES, SCREENING], tables, USER_FACTS)


def shared_sql() -> str:
    """The macros that the queries of `HISTORIES_QUERIES` call, for a caller's own database.

    To be run there before any of `facts_sql`, and after its input tables have their names.
    """
    return fact_terms().sql + _sql("shared") + _sql("shared_histories")


@cache
def facts_sql(query: str) -> str:
    """A SELECT of the query's facts over the input tables (`input_schema`) by their names, in the catalogue's types.

    It calls the macros of `shared_sql`. Subjects whose source gave nothing may have no row. What does not fit its type,
    or is not finite, is not known. KeyError where there is no such query.
    """
    columns = [
        f"CASE WHEN isfinite({fact.name}) THEN {fact.name}::DOUBLE END AS {fact.name}"
        if fact.type == "number"
        else f"TRY_CAST({fact.name} AS {_SQL_TYPES[fact.type]}) AS {fact.name}"
        for fact in facts_of(query)
    ]
    # S608: the names are the catalogue's.
    return f"SELECT subject_id, {', '.join(columns)} FROM (\n{_sql(query)})"  # noqa: S608


def _computed(queries: Sequence[str], tables: Mapping[str, pa.Table], facts: Iterable[str]) -> pd.DataFrame:
    if SUBJECTS not in tables:
        raise FactsError(f"the table {SUBJECTS} is missing: it has the subjects and the date")
    given = {name: _conformed(name, rows) for name, rows in tables.items()}
    subjects = given[SUBJECTS].column("subject_id")
    with _database(parallel=len(subjects) >= MANY_SUBJECTS) as database:
        answers = database.facts(queries, given)
    if len(subjects.unique()) < len(subjects):
        raise FactsError(f"{queries[0]}: a subject appears twice in a table that has one row for each")
    columns = dict(column for query, answer in answers.items() for column in _columns(query, answer, subjects))
    index = pd.Index(_to_pandas(subjects, DTYPES["text"]), name="subject_id")
    return pd.DataFrame({fact: columns[fact] for fact in facts}, index=index, copy=False)


def _columns(query: str, answer: pa.Table, subjects: pa.ChunkedArray) -> Iterator[tuple[str, ExtensionArray]]:
    """The answer as columns of the catalogue's dtypes, in the order of the subjects."""
    found = answer.column("subject_id")
    if len(found.unique()) < len(found):
        raise FactsError(f"{query}: a subject appears twice in a table that has one row for each")
    if not found.equals(subjects):
        # A subject whose source gave nothing has no row.
        answer = answer.take(pc.index_in(subjects, value_set=found))
    for fact in facts_of(query):
        yield fact.name, _to_pandas(answer.column(fact.name), fact.dtype)


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


class _Input(ds.Dataset):  # type: ignore[misc]  # pyarrow has no types.
    """An input table of a database. Its rows change from call to call; DuckDB asks for a scanner each time.

    The rows are that scanner. One of pyarrow's would start threads for each scan: at two dozen scans for one user, a
    fifth of all processor time.
    """

    def __init__(self, name: str) -> None:
        self._schema = input_schema(name)
        self.empty = self._schema.empty_table()
        self.rows = self.empty

    @property
    def schema(self) -> pa.Schema:
        """The columns, which DuckDB asks for when it plans."""
        return self._schema

    def scanner(self, columns: list[str], filter: ds.Expression | None = None) -> pa.Table:  # noqa: A002  # DuckDB's name.
        """The rows that pass the filter, with these columns alone."""
        rows = self.rows if filter is None else self.rows.filter(filter)
        return rows.select(columns)


class _Database:
    """A database for one call at a time. It plans each query once: that takes longer than one applicant's query."""

    def __init__(self, threads: int) -> None:
        self._connection = duckdb.connect(config={"threads": threads})
        # It would filter the rows of one table by the keys of another, in pyarrow, at a millisecond a join.
        self._connection.execute("SET disabled_optimizers = 'join_filter_pushdown'")
        self._inputs = {table: _Input(table) for table in TABLES}
        for table, rows in self._inputs.items():
            self._connection.register(table, rows)
        self._connection.execute(shared_sql() + _sql("shared_statements"))
        self._planned: set[str] = set()

    def facts(self, queries: Sequence[str], tables: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
        """The facts of each query, of the subjects that its sources know."""
        for query in queries:
            if query not in self._planned:
                self._connection.execute(f"PREPARE {query} AS {facts_sql(query)}")
                self._planned.add(query)
        try:
            for table, rows in tables.items():
                batches = rows.to_batches(max_chunksize=BATCH_ROWS)
                self._inputs[table].rows = pa.Table.from_batches(batches, rows.schema)
            return {query: self._connection.execute(f"EXECUTE {query}").to_arrow_table() for query in queries}
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


def _sql(name: str) -> str:
    """The text of a file, with the parts that it includes in their places."""
    text = files(__package__).joinpath(f"{name}.sql").read_text("utf-8")
    return re.sub(r"^-- include: (\w+)\n", lambda part: _sql(part[1]), text, flags=re.MULTILINE)
