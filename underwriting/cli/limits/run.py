"""`underwriting limits`: run, show, release, roll back and export limit runs; compare policies."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from rules.core.problems import RulebookError
from rules.explain.limits import LimitDecision
from rules.limits.guard import GuardVerdict
from rules.limits.policy import LimitPolicy, policy_for
from rules.limits.tiers import CURRENCY, TIERS
from underwriting.cli.client import opaque_id
from underwriting.cli.errors import refuse, refusing
from underwriting.cli.explain import print_legend
from underwriting.cli.limits import policies
from underwriting.cli.limits.compare import Json, backtest, compare
from underwriting.cli.limits.context import with_run_context
from underwriting.cli.limits.explain import decision_as_json, decision_in, move_text, print_decision
from underwriting.cli.limits.histories import History, history_of
from underwriting.cli.output import confirmed, console, new_table, note_given, print_hanging, print_json, print_table
from underwriting.cli.person import this_person
from underwriting.cli.store import read_store, write_store
from underwriting.domain.application import Product
from underwriting.domain.limits import LimitRunState
from underwriting.limit_runs.adoption import AdoptionError, limits_in
from underwriting.limit_runs.dry_run import run_dry
from underwriting.limit_runs.files import SEALED, unsealed
from underwriting.limit_runs.report import Report, report_of
from underwriting.limit_runs.report_files import export_moves, write_files
from underwriting.limit_runs.request import Request, scope_of
from underwriting.limit_runs.rollback import Rollback, preview, roll_back
from underwriting.limit_runs.run import finish, recalculate
from underwriting.limit_runs.run_context import RunContext
from underwriting.limit_runs.totals import Totals
from underwriting.settings import Settings, settings
from underwriting.store.errors import Undecipherable, UnknownLimitRun
from underwriting.store.keyfile import KeysUnusable
from underwriting.store.limits import held_runs
from underwriting.store.limits import runs as limit_runs
from underwriting.store.limits.profiles import adopt as adopt_limits
from underwriting.store.models import LimitRunRow
from underwriting.store.session import Work

app = typer.Typer(
    no_args_is_help=True,
    help="Limits of floats: run, release, roll back, adopt, export, compare, backtest.",
)
# Sealed files whose key is missing, and files that are none of ours.
UNREADABLE = (Undecipherable, KeysUnusable, OSError)
# What a Parquet file begins with.
PARQUET = b"PAR1"
Day = Annotated[datetime | None, typer.Option("--date", formats=["%Y-%m-%d"], help="Business date; else the last one.")]
Policy = Annotated[str, typer.Option(help="A shipped policy, or a YAML file.")]
Tenant = Annotated[str, typer.Option(help="Whose users; by default as in the settings.")]
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
            history=history_of(history, config),
            policy=limit_policy,
            scope=scope_of(segment, user and opaque_id(user), _segments(config)),
            shards=shards,
            dry_run=dry_run,
            full=full,
        )
    report = with_run_context(lambda context: run_dry(context, request) if dry_run else recalculate(context, request))
    with refusing(*UNREADABLE):
        write_files(report)
        decision = decision_in(report.folder, user) if user else None
    if user and decision is None and not report.busy:
        refuse(f"the history has no user {user}")
    _show(report, as_json, decision, limit_policy)


def _segments(config: Settings) -> frozenset[str]:
    """The segments of the user service."""
    if config.segments or not config.simulated:
        return config.segments
    # Only here and in `history_of`: production has neither the sandbox nor the embedded services.
    from underwriting.local import known_segments  # noqa: PLC0415

    return known_segments(config)


@app.command()
def status(
    run_id: Annotated[str | None, typer.Argument(metavar="RUN_ID", help="One run; by default the last ones.")] = None,
    tenant: Annotated[str, typer.Option(help="Only this tenant's; by default all tenants'.")] = "",
    as_json: Json = False,
) -> None:
    """Show one run, or list the last ones."""
    if run_id is not None:
        _show(with_run_context(lambda context: report_of(context, run_id)), as_json)
        return
    rows = read_store(lambda work: limit_runs.newest(work, tenant or None))
    if as_json:
        typer.echo(json.dumps([_run_as_json(row) for row in rows]))
        return
    numbers = ("users", "raised", "lowered")
    table = new_table("run", "date", "state", *numbers, right=numbers, wraps=("state",))
    for row in rows:
        totals = row.totals or {}
        counts = (f"{totals[name]:,}" if name in totals else "-" for name in ("users", "raised", "lowered"))
        about = f"{row.id}\n  {row.policy} v{row.policy_version}, {row.scope or 'everybody'}\n  of {row.tenant}"
        table.add_row(about, str(row.business_date), row.state.replace("_", " "), *counts)
    print_table(table, f"There is no limit run{f' of {tenant}' if tenant else ''} yet.")


def _there(run_id: str) -> str:
    """The run, looked up at once, so that a wrong id is told together with what else is wrong."""

    async def trouble(work: Work) -> str:
        try:
            await limit_runs.get(work, run_id)
        except UnknownLimitRun as error:
            return str(error)
        return ""

    if why := read_store(trouble):
        raise typer.BadParameter(why)
    return run_id


@app.command()
def release(
    run_id: Annotated[
        str, typer.Argument(metavar="RUN_ID", help="As `underwriting limits status` lists it.", callback=_there)
    ],
    note: Annotated[str, typer.Option(help="Why. Stored with your name.", callback=note_given)],
    discard: Annotated[bool, typer.Option("--discard", help="Discard it instead.")] = False,
    as_json: Json = False,
) -> None:
    """Release a run that the guard holds, which applies it; or discard it."""
    state = LimitRunState.DISCARDED if discard else LimitRunState.APPLYING

    async def decide(context: RunContext) -> Report:
        async with context.store.begin() as work:
            await held_runs.decide(work, run_id, state, this_person(), note)
        return await finish(context, run_id)

    _show(with_run_context(decide), as_json)


@app.command()
def rollback(
    run_id: RunId,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    as_json: Json = False,
) -> None:
    """Give everybody whose limit a run changed the former limit back, as a new version of the profile."""
    if not yes:
        typer.echo(with_run_context(lambda context: preview(context, run_id)), err=True)
        if not confirmed("Roll it back?"):
            refuse(f"nothing is rolled back; `underwriting limits rollback {run_id} --yes` does not ask")
    back = with_run_context(lambda context: roll_back(context, run_id, this_person()))
    if as_json:
        typer.echo(json.dumps({"run_id": run_id, "state": "rolled_back", **_counts_of(back)}))
        return
    typer.echo(back.sentence)


@app.command()
def adopt(
    file: Annotated[Path, typer.Argument(help="Parquet: subject_id, amount (minor units), raised_on.")],
    tenant: Tenant = "",
    as_json: Json = False,
) -> None:
    """Take over limits from another system or a generated history, for users who have no profile here yet."""
    with refusing(AdoptionError):
        limits = limits_in(file, CURRENCY, TIERS, datetime.now(UTC))
    whose, by = tenant or settings().limits_tenant, this_person()
    new = write_store(lambda work: adopt_limits(work, whose, limits, CURRENCY, TIERS, by))
    if as_json:
        typer.echo(json.dumps({"tenant": whose, "users": len(limits), "new": new}))
        return
    typer.echo(f"{new:,} of {len(limits):,} users are new and have their limits now; the others keep theirs")


@app.command()
def export(
    run_id: RunId,
    folder: Annotated[Path, typer.Argument(help="Where moves.csv and moves.parquet go.")],
    as_json: Json = False,
) -> None:
    """Write everybody whom a run raised, lowered or paused, as CSV and Parquet."""
    read_store(lambda work: limit_runs.get(work, run_id))
    with refusing(*UNREADABLE):
        count = export_moves(settings().limits_place / run_id, folder)
    if as_json:
        typer.echo(json.dumps({"run_id": run_id, "moves": count, "folder": str(folder)}))
        return
    typer.echo(f"{count:,} moves of {run_id} are in {folder}")


@app.command()
def unseal(file: Annotated[Path, typer.Argument(help="A sealed file, such as moves.csv.sealed.", exists=True)]) -> None:
    """Print what is in a sealed file; send it to a file with `> moves.csv`."""
    with refusing(*UNREADABLE):
        content = unsealed(file)
    if sys.stdout.isatty() and content.startswith(PARQUET):
        refuse(f"this is Parquet; send it to a file, with `> {file.name.removesuffix(SEALED)}`")
    sys.stdout.buffer.write(content)


def _counts_of(back: Rollback) -> dict[str, int]:
    return {"written": back.written, "overtaken": back.overtaken}


def _run_as_json(row: LimitRunRow) -> dict[str, object]:
    return {
        "run_id": row.id,
        "tenant": row.tenant,
        "business_date": row.business_date.isoformat(),
        "scope": row.scope,
        "policy": f"{row.policy} v{row.policy_version}",
        "state": row.state,
        "currency": row.currency,
        "totals": row.totals and Totals.model_validate(row.totals).as_json(),
    }


def _show(
    report: Report, as_json: bool, decision: LimitDecision | None = None, policy: LimitPolicy | None = None
) -> None:
    """Print the run as a table, or as one JSON object; of a run about one user also the decision and its reasons."""
    if as_json:
        print_json(_as_json(report, decision))
        return
    out = console()
    state = "dry run" if report.state is None else report.state.replace("_", " ")
    out.print(f"[bold]{report.run_id}[/] of {report.business_date}: [bold]{state}[/]")
    out.print(f"  by {report.policy}, facts by {report.fact_terms or 'numbers that are not known any more'}")
    if report.decided_by:
        print_hanging(out, f"decided by {report.decided_by}: {report.note}")
    table = new_table("limit", "users", right=("users",))
    totals = report.totals
    for name in ("raised", "lowered", "paused"):
        table.add_row(name, f"{getattr(totals, name):,}")
    table.add_row("unchanged", f"{totals.held:,}")
    table.add_row("all", f"{report.totals.users:,}")
    out.print(table)
    if report.totals.unknown:
        out.print(f"of {report.totals.unknown:,} users a required fact was unknown")
    if decision is not None:
        print_legend(out)
        out.print(move_text(decision, report.currency))
        print_decision(policy, decision, report.currency)
    if report.busy:
        out.print("another worker is at it")
    for number, why in sorted(report.failed.items()):
        out.print(f"shard {number} failed: {why}", markup=False)
    if report.guard.verdict is GuardVerdict.HOLD:
        out.print(f"{report.guard_text}: {'; '.join(report.guard.reasons)}", markup=False)
    if report.state is LimitRunState.HELD:
        for end in ("applies it", "discards it"):
            option = " --discard" if end == "discards it" else ""
            typer.echo(f"`underwriting limits release {report.run_id} --note WHY{option}` {end}")
    typer.echo(f"files: {report.folder}")


def _as_json(report: Report, decision: LimitDecision | None) -> dict[str, object]:
    shown: dict[str, object] = {
        "run_id": report.run_id,
        "business_date": report.business_date,
        "policy": report.policy,
        "fact_terms": report.fact_terms,
        "state": report.state,
        "sentence": report.sentence,
        "folder": str(report.folder),
        "currency": report.currency,
        "totals": report.totals.as_json(),
        "failed": dict(report.failed),
        "guard": {"verdict": report.guard.verdict, "reasons": report.guard.reasons},
        "decided_by": report.decided_by,
        "note": report.note,
    }
    return shown if decision is None else {**shown, "decision": decision_as_json(decision)}
