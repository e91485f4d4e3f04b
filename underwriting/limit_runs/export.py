"""The files of a run that people take away: its moves as CSV and Parquet, its summary, its pictures."""

from pathlib import Path

import duckdb

from underwriting.limit_runs.pictures import pictures
from underwriting.limit_runs.request import Report
from underwriting.limit_runs.summary import summary

MOVES = "subject_id, move, before, after, target, affordability_cap, at_once, reasons, gates_held"


def write_files(report: Report) -> Path:
    """Write them all into the run's folder; a second time replaces them. Returns the folder."""
    export_moves(report.folder, report.folder)
    (report.folder / "summary.md").write_text(summary(report), "utf-8")
    for name, _, png in pictures(report.totals):
        (report.folder / f"{name}.png").write_bytes(png)
    return report.folder


def export_moves(run: Path, into: Path) -> int:
    """`moves.csv` and `moves.parquet`: everybody but those who were held, in the order of their ids; how many."""
    into.mkdir(parents=True, exist_ok=True)
    found = sorted(str(file) for file in run.glob("records-*.parquet"))
    if not found:
        return 0
    with duckdb.connect() as connection:
        # S608: the columns are ours.
        connection.execute(
            f"CREATE TABLE moves AS SELECT {MOVES} FROM read_parquet(?) WHERE move <> 'held' ORDER BY 1",  # noqa: S608
            [found],
        )
        connection.execute(f"COPY moves TO '{_quoted(into / 'moves.csv')}' (HEADER)")
        connection.execute(f"COPY moves TO '{_quoted(into / 'moves.parquet')}' (FORMAT PARQUET)")
        (count,) = connection.execute("SELECT count(*) FROM moves").fetchall()[0]
    return int(count)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
