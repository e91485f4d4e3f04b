"""A run in Markdown: counts, money, reasons, what was quarantined, what the guard said. Nothing about one user."""

from collections.abc import Iterator, Mapping
from decimal import Decimal

from rules.core.reasons import reason
from rules.limits.guard import GuardVerdict
from underwriting.domain.money import minor_digits
from underwriting.limit_runs.intake import TableIntake
from underwriting.limit_runs.pictures import advertised
from underwriting.limit_runs.request import Report
from underwriting.limit_runs.totals import Counts, Totals


def summary(report: Report) -> str:
    """The whole summary, without pictures."""
    return "\n".join(
        [*_head(report), *_counts(report), *_promise(report.totals), *_reasons(report.totals), *_rows(report)]
    )


def _head(report: Report) -> Iterator[str]:
    state = "a rehearsal: nothing is stored" if report.state is None else report.state.replace("_", " ")
    yield f"## Limits as of {report.business_date}: {state}"
    yield ""
    terms = f", facts by {report.fact_terms}" if report.fact_terms else ""
    shards = f"{report.shards} shards, {report.calculated} of them calculated now"
    yield f"Run {report.run_id} by {report.policy}{terms}, {shards}."
    if report.guard.verdict is GuardVerdict.HOLD:
        yield ""
        yield "**The guard holds it** until a person releases or discards it (deployment `release-limits`):"
        yield ""
        yield from (f"- {why}" for why in report.guard.reasons)
    if report.failed:
        yield ""
        yield "**Shards that failed**; their users keep their limits:"
        yield ""
        yield from (f"- shard {number}: {why}" for number, why in sorted(report.failed.items()))


def _counts(report: Report) -> Iterator[str]:
    totals = report.totals
    yield from ("", "| | users | share | money |", "|---|---:|---:|---:|")
    for name, count, money in (
        ("raised", totals.raised, totals.money_up),
        ("lowered", totals.lowered, -totals.money_down),
        ("paused", totals.paused, 0),
        ("held", totals.held, 0),
    ):
        yield f"| {name} | {count} | {_share(count, totals.users)} | {_money(money, report.currency)} |"
    yield f"| all | {totals.users} | | {_money(totals.after - totals.before, report.currency)} |"
    yield ""
    before, after = _money(totals.before, report.currency), _money(totals.after, report.currency)
    yield f"All limits together: {before} before, {after} after. Not known well enough to judge: {totals.unknown}."
    if report.written or report.overtaken:
        yield f"Written now: {report.written} profiles; {report.overtaken} were changed by somebody else meanwhile."


def _promise(totals: Totals) -> Iterator[str]:
    kept, raised = sum(totals.kept.values()), sum(totals.kept_raised.values())
    yield ""
    yield (
        f"Advertised: “{advertised().claim}” Of {kept} who kept to it {raised} were raised "
        f"({_share(raised, kept)}; it takes {advertised().min_share_raised:.0%})."
    )


def _reasons(totals: Totals) -> Iterator[str]:
    yield from ("", "| reason | users | |", "|---|---:|---|")
    for code, count in _largest_first(totals.reasons):
        yield f"| {code} | {count} | {reason(code).sentence} |"
    yield from ("", "| gate that held users back from a tier whose row they meet | users |", "|---|---:|")
    yield from (f"| {gate} | {count} |" for gate, count in _largest_first(totals.gates))


def _rows(report: Report) -> Iterator[str]:
    yield from ("", "| input table | rows | malformed, quarantined |", "|---|---:|---|")
    for name, one in sorted(report.tables.items()):
        yield f"| {name} | {one.rows} | {_malformed(one)} |"


def _malformed(one: TableIntake) -> str:
    return ", ".join(f"{why.replace('_', ' ')}: {count}" for why, count in _largest_first(one.malformed)) or "none"


def _largest_first(counts: Counts | Mapping[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.2%}" if whole else "-"


def _money(minor: int, currency: str) -> str:
    digits = minor_digits(currency)
    return f"{Decimal(minor).scaleb(-digits):,.{digits}f} {currency}"
