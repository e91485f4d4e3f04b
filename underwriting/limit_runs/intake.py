"""Loads the rows of one range of ids as views of a DuckDB connection; malformed rows are counted and quarantined.

For a user with a malformed row, the source counts as not answered, because the malformed row might be a returned debit.
So its facts are unknown, and unknown never raises.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import duckdb

from rules.facts import input_schema
from underwriting.limit_runs.history import HEADERS, MODELS, USERS
from underwriting.limit_runs.quality import DUPLICATE, KEYS, UNKNOWN_USER, Quality, defects
from underwriting.limit_runs.source import Source, listed


@dataclass(frozen=True)
class TableIntake:
    """Counts of one table: its rows, malformed rows by reason, and a digest of all rows in any order."""

    rows: int
    malformed: dict[str, int] = field(default_factory=dict)
    digest: str = ""

    @property
    def malformed_share(self) -> float:
        """Malformed rows over all rows; 0 where there are none."""
        return sum(self.malformed.values()) / self.rows if self.rows else 0.0


def load_tables(
    connection: duckdb.DuckDBPyConnection, sources: Mapping[str, Source], quality: Quality, quarantine: Path
) -> dict[str, TableIntake]:
    """Make every input table a view of the connection, and `judged` a table of its users' ids, in order.

    Malformed rows go to the Parquet file `quarantine` with their file, their number in it (from 0) and the reason;
    without any, no file is written.
    """
    # S608 here and below: names and conditions are the documents' and ours, paths are quoted.
    for table, source in sources.items():
        connection.execute(f"CREATE VIEW source_{table} AS {source.sql}")
    connection.execute(
        f"CREATE TABLE judged AS SELECT DISTINCT subject_id FROM source_{USERS} WHERE subject_id <> '' ORDER BY 1"
    )
    connection.execute(
        "CREATE TABLE quarantined(table_name VARCHAR, file VARCHAR, row BIGINT, subject_id VARCHAR, reason VARCHAR)"
    )
    found = {table: _inspect(connection, table, quality) for table in sources}
    for table in sources:
        _create_view(connection, table)
    if any(one.malformed for one in found.values()):
        connection.execute(f"COPY (FROM quarantined ORDER BY ALL) TO '{quarantine}' (FORMAT PARQUET)")
    return found


def _inspect(connection: duckdb.DuckDBPyConnection, table: str, quality: Quality) -> TableIntake:
    """Count in one pass over the table; only where something is wrong, a second pass finds the rows."""
    columns = ", ".join(input_schema(table).names)
    cases = " OR ".join(f"({one.condition})" for one in defects(MODELS[table], quality))
    # Rows that rise strictly by their keys have no key twice. Most files are in that order, and a look at the row
    # before is far cheaper than a table of all keys.
    key = KEYS.get(table)
    rising = "id_before < subject_id" + (f" OR (id_before = subject_id AND key_before < {key})" if key else "")
    before = "lag(subject_id) OVER () AS id_before" + (f", lag({key}) OVER () AS key_before" if key else "")
    rows, wrong, falling, digest = connection.execute(
        f"""
        SELECT count(*), count(*) FILTER (unreadable IS NOT NULL OR {cases} OR subject_id NOT IN (FROM judged)),
            count(*) FILTER (NOT coalesce({rising}, true)), sum(hash({columns}))
        FROM (SELECT *, {before} FROM source_{table})
        """
    ).fetchall()[0]
    if wrong or (falling and _has_twice(connection, table)):
        _quarantine(connection, table, quality)
    counts = connection.execute(
        "SELECT reason, count(*) FROM quarantined WHERE table_name = ? GROUP BY 1 ORDER BY 1", [table]
    ).fetchall()
    return TableIntake(rows, dict(counts), f"{rows}-{digest or 0:x}")


def _key(table: str) -> str:
    """The columns that identify a row of the table."""
    return f"subject_id, {KEYS[table]}" if table in KEYS else "subject_id"


def _has_twice(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    key = _key(table)
    query = f"SELECT 1 FROM source_{table} GROUP BY {key} HAVING count(*) > 1 LIMIT 1"
    return bool(connection.execute(query).fetchall())


def _quarantine(connection: duckdb.DuckDBPyConnection, table: str, quality: Quality) -> None:
    """Store file, row number and reason of each malformed row; of rows with the same key the first one is valid."""
    cases = " ".join(f"WHEN {one.condition} THEN '{one.reason}'" for one in defects(MODELS[table], quality))
    connection.execute(
        f"""
        INSERT INTO quarantined
        SELECT '{table}', file, row, subject_id, reason
        FROM (
            SELECT *, CASE
                WHEN unreadable IS NOT NULL THEN unreadable
                {cases}
                WHEN subject_id NOT IN (FROM judged) THEN '{UNKNOWN_USER}'
                WHEN row_number() OVER (PARTITION BY {_key(table)} ORDER BY file, row) > 1 THEN '{DUPLICATE}'
            END AS reason
            FROM source_{table}
        )
        WHERE reason IS NOT NULL
        """
    )


def _create_view(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """The table under its own name, without users of whom a row in it or in its document's other table is malformed."""
    columns = ", ".join(input_schema(table).names)
    document = listed(one for one, header in HEADERS.items() if header == HEADERS[table])
    bad = f"FROM quarantined WHERE table_name IN {document}"
    if not connection.execute(f"SELECT 1 {bad} LIMIT 1").fetchall():
        connection.execute(f"CREATE VIEW {table} AS SELECT {columns} FROM source_{table}")
        return
    connection.execute(
        f"""
        CREATE VIEW {table} AS SELECT {columns} FROM source_{table}
        WHERE subject_id IN (FROM judged)
            AND subject_id NOT IN (SELECT subject_id {bad} AND subject_id IS NOT NULL)
        """
    )
