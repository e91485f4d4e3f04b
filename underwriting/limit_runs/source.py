"""SQL that reads the rows of one range of ids from Parquet files; values that do not fit their type are unreadable."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa

from rules.facts import input_schema
from underwriting.domain.limits import IdRange
from underwriting.limit_runs.history import MODELS, DataFile
from underwriting.limit_runs.quality import optional_columns, sql_type

# The file of a row and its number in it, from 0. Fetched rows have them as columns.
ORIGIN = ("file", "row")
NUMBERS = frozenset({"BIGINT", "DOUBLE"})
# The end of a moment with a valid offset from UTC, which is 14 hours at most, and with any offset.
OFFSET = r":\d\d(\.\d+)? ?(Z|UTC|[+-](0\d|1[0-4])(:?[0-5]\d)?)$"
ANY_OFFSET = r":\d\d.*([+-]|[A-Za-z])"


@dataclass(frozen=True)
class Source:
    """The files of one table, as they are read for one range."""

    table: str
    files: Sequence[DataFile]
    ids: IdRange
    # Whether the rows were fetched, and so have columns with their origin.
    fetched: bool = False

    @property
    def sql(self) -> str:
        """A SELECT of the table's columns, `unreadable` (the reason, or NULL), `file` and `row`."""
        groups: dict[tuple[bool, tuple[tuple[str, str], ...], tuple[str, ...]], list[str]] = {}
        for file in self.files:
            groups.setdefault((file.typed, file.from_path, file.missing), []).append(file.path)
        selects = [
            self._typed(paths, missing) if typed else self._untyped(paths, dict(given), missing)
            for (typed, given, missing), paths in groups.items()
        ]
        return "\nUNION ALL\n".join(selects or [self._no_rows()])

    def _typed(self, paths: Sequence[str], missing: Sequence[str]) -> str:
        columns = ", ".join(
            f"{_null_of(field) if field.name in missing else self._as_it_is(field)} AS {field.name}"
            for field in input_schema(self.table)
        )
        return self._select(columns, "NULL::VARCHAR", paths, "subject_id")

    def _as_it_is(self, field: pa.Field) -> str:
        """A column in its type. A moment with a zone becomes UTC without zone, which needs no DuckDB extension."""
        if pa.types.is_timestamp(field.type):
            return f"make_timestamp(epoch_us({field.name}))"
        if pa.types.is_floating(field.type) and field.name in self._optional:
            return f"CASE WHEN NOT isnan({field.name}) THEN {field.name} END"
        return str(field.name)

    @property
    def _optional(self) -> frozenset[str]:
        """The columns that may be left out."""
        return optional_columns(MODELS[self.table])

    def _untyped(self, paths: Sequence[str], given: Mapping[str, str], missing: Sequence[str]) -> str:
        """Read every value as text: one that its type cannot express unchanged is unreadable."""
        columns, problems = [], []
        for field in input_schema(self.table):
            text = f"{_literal(given[field.name])}" if field.name in given else f'"{field.name}"::VARCHAR'
            if field.name in missing:
                if field.name not in self._optional:
                    problems.append(f"WHEN true THEN '{field.name}_column_missing'")
                columns.append(f"{_null_of(field)} AS {field.name}")
                continue
            if field.name in self._optional and sql_type(field.type) in NUMBERS:
                # pandas writes NaN for a missing number.
                text = f"nullif(lower({text}), 'nan')"
            value = _value(text, sql_type(field.type))
            problems.append(f"WHEN {text} IS NOT NULL AND {value} IS NULL THEN '{field.name}_unreadable'")
            columns.append(f"{value} AS {field.name}")
        who = "NULL::VARCHAR" if "subject_id" in missing else '"subject_id"::VARCHAR'
        return self._select(", ".join(columns), f"CASE {' '.join(problems)} END", paths, who)

    def _select(self, columns: str, unreadable: str, paths: Sequence[str], who: str) -> str:
        place = ", ".join(ORIGIN) if self.fetched else "filename AS file, file_row_number AS row"
        options = "hive_partitioning = false" + ("" if self.fetched else ", filename = true, file_row_number = true")
        return (
            f"SELECT {columns}, {unreadable} AS unreadable, {place} "
            f"FROM read_parquet([{', '.join(map(_literal, paths))}], {options}) WHERE {_within(self.ids, who)}"
        )

    def _no_rows(self) -> str:
        columns = ", ".join(f"{_null_of(field)} AS {field.name}" for field in input_schema(self.table))
        return f"SELECT {columns}, NULL::VARCHAR AS unreadable, NULL::VARCHAR AS file, NULL::BIGINT AS row WHERE false"


def _value(text: str, kind: str) -> str:
    """The text as a value; NULL where it is unreadable. Cents are whole numbers: 12.5 is unreadable, not rounded."""
    if kind == "BIGINT":
        number = f"TRY_CAST({text} AS DECIMAL(38, 9))"
        return f"CASE WHEN {number} = trunc({number}) THEN TRY_CAST({number} AS BIGINT) END"
    if kind == "TIMESTAMP":
        # Without an offset it is UTC; a cast to TIMESTAMP would drop the offset.
        at_offset = (
            f"WHEN regexp_matches({text}, '{OFFSET}') THEN make_timestamp(epoch_us(TRY_CAST({text} AS TIMESTAMPTZ)))"
        )
        return (
            f"CASE {at_offset} WHEN NOT regexp_matches({text}, '{ANY_OFFSET}') THEN TRY_CAST({text} AS TIMESTAMP) END"
        )
    return f"TRY_CAST({text} AS {kind})"


def _null_of(field: pa.Field) -> str:
    return f"NULL::{sql_type(field.type)}"


def _within(ids: IdRange, who: str) -> str:
    bounds = [
        *([f"{who} >= {_literal(ids.first)}"] if ids.first is not None else []),
        *([f"{who} < {_literal(ids.end)}"] if ids.end is not None else []),
    ]
    inside = " AND ".join(bounds) or "true"
    return f"({inside} OR {who} IS NULL)" if ids.first is None and bounds else f"({inside})"


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def listed(names: Iterable[str]) -> str:
    """Texts as an SQL list in parentheses."""
    return f"({', '.join(map(_literal, names))})"
