"""The files of a run for people: its moves as CSV and Parquet, its summary in Markdown, its pictures."""

import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from rules.core.reasons import reason
from rules.limits.guard import GuardVerdict
from rules.limits.tiers import CURRENCY
from underwriting.domain.limits import LimitRunState
from underwriting.domain.money import amount_text
from underwriting.limit_runs.files import find, make_folder, read_table, write
from underwriting.limit_runs.intake import TableIntake
from underwriting.limit_runs.pictures import advertised, pictures
from underwriting.limit_runs.records import DECIDED
from underwriting.limit_runs.report import Report, shards_text
from underwriting.limit_runs.totals import Counts, Totals
from underwriting.settings import settings

# Prefect does not wrap the cells of a table; this many characters fit in a window of 1,280 pixels.
SENTENCE = 50
# Amounts in files are minor units, and named so.
AMOUNTS = ("before", "after", "target", "affordability_cap")
MOVES = f"""
    subject_id, move, {", ".join(f"{name} AS {name}_minor" for name in AMOUNTS)}, '{CURRENCY}' AS currency,
    at_once, reasons, gates_held
"""


def write_files(report: Report) -> Path:
    """Write them all into the run's folder; a second time replaces them. Returns the folder."""
    export_moves(report.folder, report.folder)
    write(report.folder / "summary.md", summary(report).encode())
    for name, _, png in pictures(report.totals):
        write(report.folder / f"{name}.png", png)
    return report.folder


def export_moves(run: Path, into: Path) -> int:
    """`moves.csv` and `moves.parquet`: everybody but those who were held, in the order of their ids; how many."""
    make_folder(into)
    found = find(run, "records-*.parquet")
    if not found:
        return 0
    with duckdb.connect() as connection, TemporaryDirectory() as scratch:
        for number, file in enumerate(found):
            connection.register("records", read_table(file, list(DECIDED.names)))
            insert = "INSERT INTO moves" if number else "CREATE TABLE moves AS"
            # S608: the columns are ours.
            connection.execute(f"{insert} SELECT {MOVES} FROM records WHERE move <> 'held'")  # noqa: S608
        for name, form in (("moves.csv", "HEADER"), ("moves.parquet", "FORMAT PARQUET")):
            here = Path(scratch) / name
            connection.execute(f"COPY (FROM moves ORDER BY 1) TO '{here}' ({form})")
            write(into / name, here.read_bytes(), sealed=settings().limits_sealed)
        (count,) = connection.execute("SELECT count(*) FROM moves").fetchall()[0]
    return int(count)


def summary(report: Report, *, rollback: str = "") -> str:
    """The summary in Markdown: counts, money, reasons, quarantined rows, the guard. Nothing about one user.

    On the page of a `rollback` it begins with what that took back, or would.
    """
    head = _head(report, rollback)
    return "\n".join([*head, *_counts(report), *_promise(report.totals), *_reasons(report.totals), *_rows(report)])


def _head(report: Report, rollback: str) -> Iterator[str]:
    if rollback:
        yield from ("# Rollback of a limit run", "", rollback, "")
    state = "dry run, nothing is stored" if report.state is None else report.state.replace("_", " ")
    yield f"## Limits as of {report.business_date}: {state}"
    yield ""
    terms = f", facts by {report.fact_terms}" if report.fact_terms else ""
    # A run that went on, or was only changed, calculated fewer.
    part = 0 < report.calculated < report.shards
    now = f", of which {report.calculated:,} calculated now" if part else ""
    yield f"Run {report.run_id} by {report.policy}{terms}, {shards_text(report.shards)}{now}."
    if report.state is LimitRunState.ROLLED_BACK:
        yield ""
        yield "Its changes, which are shown here, were taken back."
    if report.guard.verdict is GuardVerdict.HOLD:
        yield ""
        until = " until a person releases or discards it (deployment `release-limits`)"
        yield f"**{report.guard_text.capitalize()}**{until if report.state is LimitRunState.HELD else ''}:"
        yield ""
        yield from (f"- {why}" for why in report.guard.reasons)
    if report.state in (LimitRunState.APPLIED, LimitRunState.INCOMPLETE) and not rollback:
        yield ""
        yield f"To take it back: deployment `rollback-limits`, or `underwriting limits rollback {report.run_id}`."
    if report.failed:
        yield ""
        yield "**Shards that failed**; their users keep their limits:"
        yield ""
        yield from (f"- shard {number}: {why}" for number, why in sorted(report.failed.items()))


def _counts(report: Report) -> Iterator[str]:
    totals = report.totals
    yield from ("", "| limit | users | share | money |", "|---|---:|---:|---:|")
    for name, count, money in (
        ("raised", totals.raised, totals.money_up),
        ("lowered", totals.lowered, -totals.money_down),
        ("paused", totals.paused, 0),
        ("unchanged", totals.held, 0),
    ):
        yield f"| {name} | {count:,} | {_share(count, totals.users)} | {amount_text(money, report.currency)} |"
    yield f"| all | {totals.users:,} | | {amount_text(totals.after - totals.before, report.currency)} |"
    yield ""
    before, after = amount_text(totals.before, report.currency), amount_text(totals.after, report.currency)
    yield f"All limits together: {before} before, {after} after."
    if totals.unknown:
        yield f"Of {totals.unknown:,} users a required fact was unknown."
    if report.written or report.overtaken:
        yield f"Written now: {report.written:,} profiles; {report.overtaken:,} were changed by somebody else meanwhile."


def _promise(totals: Totals) -> Iterator[str]:
    kept, raised = sum(totals.kept.values()), sum(totals.kept_raised.values())
    yield ""
    yield (
        f"Advertised: “{advertised().claim}” Of {kept:,} who kept to it {raised:,} were raised "
        f"({_share(raised, kept)}; the claim is true from {advertised().min_share_raised:.0%})."
    )


def _reasons(totals: Totals) -> Iterator[str]:
    yield from ("", "| reason | users | what the user reads |", "|---|---:|---|")
    for code, count in _largest_first(totals.reasons):
        yield f"| {code} | {count:,} | {'<br>'.join(textwrap.wrap(reason(code).sentence, SENTENCE))} |"
    yield from ("", "| gate that kept users from a tier whose row they meet | users |", "|---|---:|")
    yield from (f"| {gate} | {count:,} |" for gate, count in _largest_first(totals.gates))


def _rows(report: Report) -> Iterator[str]:
    yield from ("", "| input table | rows | malformed, quarantined |", "|---|---:|---|")
    for name, one in sorted(report.tables.items()):
        yield f"| {name} | {one.rows:,} | {_malformed(one)} |"


def _malformed(one: TableIntake) -> str:
    return ", ".join(f"{why.replace('_', ' ')}: {count:,}" for why, count in _largest_first(one.malformed)) or "none"


def _largest_first(counts: Counts | Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "-"
