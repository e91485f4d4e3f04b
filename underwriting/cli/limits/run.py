"""`underwriting limits`: run, show, release, roll back and export limit runs; compare policies."""

import getpass
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rules.core.problems import RulebookError
from rules.limits.guard import GuardVerdict
from rules.limits.policy import policy_for
from rules.limits.tiers import CURRENCY, TIERS
from underwriting.cli.errors import refuse, refusing
from underwriting.cli.limits import policies
from underwriting.cli.limits.compare import backtest, compare
from underwriting.cli.limits.context import with_run_context
from underwriting.cli.store import read_store, write_store
from underwriting.domain.application import Product
from underwriting.domain.limits import LimitRunState, Scope
from underwriting.limit_runs.adoption import AdoptionError, limits_in
from underwriting.limit_runs.dry_run import run_dry
from underwriting.limit_runs.report import Report, report_of
from underwriting.limit_runs.report_files import export_moves, write_files
from underwriting.limit_runs.request import Request
from underwriting.limit_runs.rollback import roll_back
from underwriting.limit_runs.run import finish, recalculate
from underwriting.limit_runs.run_context import RunContext
from underwriting.settings import settings
from underwriting.store.limits import held_runs
from underwriting.store.limits import runs as limit_runs
from underwriting.store.limits.profiles import adopt as adopt_limits

app = typer.Typer(no_args_is_help=True, help="Limits of floats: run, release, roll back, adopt, compare.")
Day = Annotated[datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Business date; else the last one.")]
History = Annotated[str, typer.Option(help="Folder, s3://bucket/folder or `database`; by default as in the settings.")]
Policy = Annotated[str, typer.Option(help="A shipped policy, or a YAML file.")]
Tenant = Annotated[str, typer.Option(help="Whose users; by default as in the settings.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]
RunId = Annotated[str, typer.Argument(metavar="RUN_ID", help="As `underwriting limits status` lists it.")]

app.add_typer(policies.app, name="policies")
app.command()(compare)
app.command()(backtest)


@app.command()
def run(
    day: Day = None,
    history: History = "",
    policy: Policy = "cfi",
    segment: Annotated[str | None, typer.Option(help="Only users of this segment.")] = None,
    user: Annotated[str | None, typer.Option(help="Only this user.")] = None,
    shards: Annotated[int | None, typer.Option(min=1, help="By default as in the settings.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Calculate and show, but store nothing.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Read all rows again, also of unchanged files.")] = False,
    tenant: Tenant = "",
    as_json: Json = False,
) -> None:
    """Recalculate limits in this process, or continue an interrupted run. The same date again changes nothing."""
    config = settings()
    with refusing(ValueError, RulebookError):
        limit_policy = policy_for(policy, today=None if dry_run else datetime.now(UTC).date())
        request = Request(
            tenant=tenant or config.limits_tenant,
            product=Product.FLOAT,
            business_date=day.date() if day else limit_policy.business_day.last(datetime.now(UTC)),
            history=history or config.limits_history or refuse("name a history with --history"),
            policy=limit_policy,
            scope=Scope(segment, user),
            shards=shards,
            dry_run=dry_run,
            full=full,
        )
    report = with_run_context(lambda context: run_dry(context, request) if dry_run else recalculate(context, request))
    write_files(report)
    _show(report, as_json)


@app.command()
def status(
    run_id: Annotated[str | None, typer.Argument(metavar="[RUN_ID]", help="One run; by default the last ones.")] = None,
    tenant: Tenant = "",
    as_json: Json = False,
) -> None:
    """Show one run, or list the last ones."""
    if run_id is not None:
        _show(with_run_context(lambda context: report_of(context, run_id)), as_json)
        return
    rows = read_store(lambda work: limit_runs.newest(work, tenant or settings().limits_tenant))
    table = Table("run", "date", "about", "policy", "state", "users", "raised", "lowered")
    for row in rows:
        totals = row.totals or {}
        counts = [str(totals.get(name, "-")) for name in ("users", "raised", "lowered")]
        policy = f"{row.policy} v{row.policy_version}"
        table.add_row(row.id, str(row.business_date), row.scope or "everybody", policy, row.state, *counts)
    Console().print(table)


@app.command()
def release(
    run_id: RunId,
    note: Annotated[str, typer.Option(help="Why. Stored with your name.", prompt=True)],
    discard: Annotated[bool, typer.Option("--discard", help="Discard it instead.")] = False,
) -> None:
    """Release a run that the guard holds, which applies it; or discard it."""
    state = LimitRunState.DISCARDED if discard else LimitRunState.APPLYING

    async def decide(context: RunContext) -> Report:
        async with context.store.begin() as work:
            await held_runs.decide(work, run_id, state, getpass.getuser(), note)
        return await finish(context, run_id)

    _show(with_run_context(decide), as_json=False)


@app.command()
def rollback(run_id: RunId) -> None:
    """Give everybody whose limit a run changed the former limit back, as a new version of the profile."""
    back = with_run_context(lambda context: roll_back(context, run_id, getpass.getuser()))
    left = f"{back.overtaken} that were changed since are left alone"
    typer.echo(f"{run_id} is rolled back: {back.written} profiles written; {left}")


@app.command()
def adopt(
    file: Annotated[Path, typer.Argument(help="Parquet: subject_id, amount (minor units), raised_on.")],
    tenant: Tenant = "",
) -> None:
    """Take over limits from another system or a generated history, for users who have no profile here yet."""
    with refusing(AdoptionError):
        limits = limits_in(file, CURRENCY, TIERS, datetime.now(UTC))
    whose, by = tenant or settings().limits_tenant, getpass.getuser()
    new = write_store(lambda work: adopt_limits(work, whose, limits, CURRENCY, TIERS, by))
    typer.echo(f"{new} profiles are new of {len(limits)}")


@app.command()
def export(
    run_id: RunId, folder: Annotated[Path, typer.Argument(help="Where moves.csv and moves.parquet go.")]
) -> None:
    """Write everybody whom a run raised or lowered, as CSV and Parquet."""
    count = export_moves(settings().limits_place / run_id, folder)
    typer.echo(f"{count} moves of {run_id} are in {folder}")


def _show(report: Report, as_json: bool) -> None:
    """Print the run as a table, or as one JSON object."""
    if as_json:
        shown = {
            "run_id": report.run_id,
            "policy": report.policy,
            "fact_terms": report.fact_terms,
            "state": report.state,
            "sentence": report.sentence,
            "folder": str(report.folder),
        }
        typer.echo(json.dumps({**shown, "totals": report.totals.model_dump(), "failed": dict(report.failed)}))
        return
    table = Table("", "users", title=f"{report.run_id}: {report.state or 'dry run'}", title_justify="left")
    for name in ("users", "raised", "held", "lowered", "paused", "unknown"):
        table.add_row(name, str(getattr(report.totals, name)))
    Console().print(table)
    typer.echo(f"by {report.policy}, facts by {report.fact_terms or 'numbers that are not known any more'}")
    if report.busy:
        typer.echo("another worker is at it")
    for number, why in sorted(report.failed.items()):
        typer.echo(f"shard {number} failed: {why}")
    if report.guard.verdict is GuardVerdict.HOLD:
        typer.echo("the guard holds it: " + "; ".join(report.guard.reasons))
    if report.state is LimitRunState.HELD:
        typer.echo(f"`underwriting limits release {report.run_id}` applies it, with --discard it is discarded")
    typer.echo(f"files: {report.folder}")
