"""Describes a folder of histories: rows, spans and shares, computed by DuckDB without loading the files."""

from dataclasses import dataclass
from pathlib import Path

import duckdb

from underwriting.playground.generator.layout import EXPECTED, MALFORMED, REPAYMENTS, SIDE_FILES, TABLES
from underwriting.playground.generator.write import GeneratorError

# Figures by table: a label, and an SQL expression over its rows.
_FIGURES: dict[str, tuple[tuple[str, str], ...]] = {
    "transactions": (
        ("first and last day", "min(booked_on) || ' to ' || max(booked_on)"),
        ("transactions a user", "round(count(*) / count(DISTINCT subject_id), 1)"),
        ("users paid wages or benefits", "share(subject_id, category IN ('wages', 'benefits'))"),
        ("users charged for an overdraft", "share(subject_id, category = 'overdraft_fee')"),
        ("users with a returned debit", "share(subject_id, category = 'returned')"),
        ("users with advances of other apps", "share(subject_id, category = 'advance')"),
    ),
    "floats": (
        ("floats a user who took any", "round(count(*) / count(DISTINCT subject_id), 1)"),
        ("mean amount", "money(avg(amount))"),
        ("repaid on time, of those repaid", "percent(avg((repaid_on <= due_on)::INTEGER))"),
        ("open", "percent(avg((repaid_on IS NULL)::INTEGER))"),
    ),
    REPAYMENTS: (
        ("months", "min(month) || ' to ' || max(month)"),
        ("advanced", "money(sum(advanced))"),
        ("lost of that", "percent(sum(loss) / sum(advanced))"),
    ),
    EXPECTED: (("kinds of personas", "count(DISTINCT persona)"),),
    MALFORMED: (("kinds of malformed rows", "count(DISTINCT reason)"),),
}
_MACROS = """
CREATE MACRO money(minor) AS format('{:,.2f}', minor / 100) || ' USD';
CREATE MACRO percent(part) AS printf('%.1f%%', 100 * part);
CREATE MACRO share(who, such) AS percent(count(DISTINCT CASE WHEN such THEN who END) / count(DISTINCT who));
"""


@dataclass(frozen=True)
class Description:
    """The number of rows of each table, and figures by (table, label)."""

    rows: dict[str, int]
    figures: dict[tuple[str, str], str]


def describe(folder: Path) -> Description:
    """Describe a folder that `write` wrote. GeneratorError where it has no table."""
    found = {table: path for table in (*TABLES, *SIDE_FILES) if (path := _place(folder, table))}
    if not set(TABLES) & set(found):
        raise GeneratorError(f"{folder} has none of {', '.join(TABLES)}: give a folder that `generate` wrote")
    with duckdb.connect() as database:
        database.execute(_MACROS)
        rows, figures = dict[str, int](), dict[tuple[str, str], str]()
        for table, path in found.items():
            source = database.read_parquet(path, hive_partitioning=False)
            rows[table] = len(source)
            labels, expressions = zip(*_FIGURES.get(table, ()), strict=True) if table in _FIGURES else ((), ())
            if labels:
                values = source.aggregate(", ".join(expressions)).fetchall()[0]
                figures.update({(table, label): str(value) for label, value in zip(labels, values, strict=True)})
    return Description(rows, figures)


def _place(folder: Path, table: str) -> str | None:
    """The files of a table as DuckDB names them, None where there are none."""
    if (folder / f"{table}.parquet").is_file():
        return str(folder / f"{table}.parquet")
    return f"{folder / table}/**/*.parquet" if any((folder / table).rglob("*.parquet")) else None
