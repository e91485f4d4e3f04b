"""`underwriting demo` and `underwriting up`: the complete system on this machine, with embedded services."""

import asyncio
import os
import shlex
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.table import Table

from rules.core.problems import RulebookError
from rules.limits.guard import GuardVerdict
from rules.limits.policy import UnknownPolicy, shipped_policy
from underwriting.cli.client import ApiRefused, Client, consent_now
from underwriting.cli.errors import refuse, refusing
from underwriting.cli.setup import check_named, prepare_sandbox
from underwriting.cli.tokens import SCOPES
from underwriting.domain.application import ApplicationRequest, Product
from underwriting.domain.decision import Verdict
from underwriting.domain.money import amount_of
from underwriting.lender import open_store
from underwriting.limit_runs.dry_run import run_dry
from underwriting.limit_runs.report import Report
from underwriting.limit_runs.request import Request
from underwriting.limit_runs.run_context import RunContext
from underwriting.local import SANDBOX_TENANT, EmbeddedError, Services, embedded, issue_token
from underwriting.playground.sandbox.float_user import FloatUser
from underwriting.playground.sandbox.personas import Persona, find
from underwriting.playground.sandbox.users import find_user
from underwriting.process.logs import write_logs
from underwriting.process.signals import ending_on_signals
from underwriting.settings import Settings, SettingsRefused, settings
from underwriting.store.errors import StoreError
from underwriting.store.evaluations import EvaluationRecord
from underwriting.store.keyfile import KeysUnusable
from underwriting.store.record import Record

console = Console(highlight=False)
PREFECT_FILE = Path("prefect.yaml")
# On a busy machine, with sources that time out and are retried.
DECISION_SECONDS = 90.0
COLOURS = {Verdict.APPROVED: "green", Verdict.REJECTED: "red"}

# Ten applicants of the sandbox, from a clean approval to a source that is down.
APPLICANTS = (
    ("good", "2500.00"),
    ("good-company", "12000.00"),
    ("underage", "500.00"),
    ("unstable-balances", "2500.00"),
    ("loss-making", "8000.00"),
    ("over-indebted", "4000.00"),
    ("thin-file", "1500.00"),
    ("listed", "2500.00"),
    ("late-payer", "2000.00"),
    ("dead-source", "2500.00"),
)

# What a user can mend: what runs here, the database, and settings that cannot be used.
REFUSED = (EmbeddedError, StoreError, UnknownPolicy, RulebookError, KeysUnusable, SettingsRefused)

# What `up` suggests to try, and the settings by which a command finds these services.
TO_TRY = ("review good --amount 2500.00 --consent", "eligibility steady-pay", "limits run --dry-run")
WHERE = tuple(f"UNDERWRITING_{name}" for name in ("STATE_DIR", "HOST", "API_PORT", "PREFECT_PORT", "SANDBOX_PORT"))

# Four users of floats: approved, approved for less, rejected, and one whose bank feed is down.
USERS = ("steady-pay", "unsubscribed", "below-zero", "dead-feed")


def up() -> None:
    """Run everything until Ctrl-C: PostgreSQL, Prefect, a worker, the sandbox, the API and the housekeeping."""

    async def run() -> None:
        with ending_on_signals():
            async with _running_services() as services:
                write_logs()
                _addresses(services)
                console.print(
                    f"Ctrl-C ends everything. To try it, in another shell:\n\n{commands_to_paste()}\n",
                    soft_wrap=True,
                    markup=False,
                )
                await services.watch()

    _ensure_project()
    with refusing(*REFUSED):
        asyncio.run(run())


def demo() -> None:
    """Start everything, decide on ten applicants, four users of floats and the limits of 3,000 users, and end."""

    async def run() -> None:
        with ending_on_signals():
            async with _running_services() as services:
                # Started before the applications and read after them: a source that is down takes half a minute.
                started = await asyncio.to_thread(_start_evaluations, services)
                await asyncio.to_thread(_apply_all, services)
                _eligibilities(await asyncio.to_thread(_finish_evaluations, services, started))
                _limits(await _dry_limit_run(services.settings))
                _addresses(services)
                console.print("They end with the demo; [bold]make up[/] keeps them running.")

    _ensure_project()
    with refusing(*REFUSED, ApiRefused):
        asyncio.run(run())


def _ensure_project() -> None:
    """Refuse before anything is made in a folder that is not the project's."""
    if not PREFECT_FILE.exists():
        refuse(f"there is no {PREFECT_FILE} here; go to the folder of the project first")


@asynccontextmanager
async def _running_services() -> AsyncIterator[Services]:
    began = time.monotonic()
    status = console.status("Starting ...")
    status.start()

    def tell(what: str) -> None:
        console.print(f"{time.monotonic() - began:3.0f} s  {what}", soft_wrap=True)

    try:
        check_named(config := settings())
        async with embedded(config, prefect_file=PREFECT_FILE, prepare=prepare_sandbox, tell=tell) as services:
            status.stop()
            console.print(f"Everything runs, after {time.monotonic() - began:.0f} s.")
            yield services
            status.update("Ending everything ...")
            status.start()
    finally:
        status.stop()


def _apply_all(services: Services) -> None:
    """Send the applications at once, and show each decision as it comes; a pipe gets all of them at the end."""
    table = Table("customer", "wanted", "decision", "reasons, or what is special", title="Decisions")
    with _client(services) as client, Live(table, console=console):
        waiting = [
            client.apply(
                ApplicationRequest(customer_id=id_, amount=wanted, currency="USD", bureau_consent=consent_now())
            )
            for id_, wanted in APPLICANTS
        ]
        for accepted in waiting:
            record = client.decided(accepted, DECISION_SECONDS)
            table.add_row(
                record.customer_id,
                amount_of(record.amount, record.currency),
                *_decision_and_why(record, find(record.customer_id)),
            )


def _start_evaluations(services: Services) -> list[EvaluationRecord]:
    """Start an evaluation of each user for a float."""
    with _client(services) as client:
        return [client.check(user_id, Product.FLOAT) for user_id in USERS]


def _finish_evaluations(services: Services, started: Sequence[EvaluationRecord]) -> list[EvaluationRecord]:
    """Wait for the evaluations."""
    with _client(services) as client, console.status("Evaluating four users of floats ..."):
        return [client.evaluated(record, DECISION_SECONDS) for record in started]


def _client(services: Services) -> Client:
    return Client(services.settings.api_url, issue_token(services.settings, SANDBOX_TENANT, "demo", SCOPES))


def _eligibilities(records: Sequence[EvaluationRecord]) -> None:
    table = Table("user", "may take", "decision", "reasons, or what is special", title="Floats")
    for record in records:
        amounts = "\n".join(amount_of(amount, record.currency or "") for amount in record.approved_amounts)
        table.add_row(record.user_id, amounts, *_decision_and_why(record, find_user(record.user_id)))
    console.print(table)


def _decision_and_why(record: Record | EvaluationRecord, who: Persona | FloatUser | None) -> tuple[str, str]:
    """The decision with its reasons; an approval has none, so it has what is special about the customer."""
    verdict = record.verdict
    decision = f"[{COLOURS.get(verdict, 'yellow')}]{verdict}[/]" if verdict else str(record.state)
    reasons = "\n".join(f"{reason.code}: {reason.sentence}" for reason in record.reasons)
    return decision, reasons or (who.special if who else "")


async def _dry_limit_run(config: Settings) -> Report:
    """What tonight's limit run would change for the users of the sandbox's history."""
    policy = shipped_policy(config.limit_policy)
    request = Request(
        tenant=config.limits_tenant,
        product=Product.FLOAT,
        business_date=policy.business_day.last(datetime.now(UTC)),
        history=config.limits_history,
        policy=policy,
        dry_run=True,
    )
    with console.status("Recalculating the limits of some thousand users ..."):
        async with open_store(config) as store:
            return await run_dry(RunContext(store, config), request)


def _limits(report: Report) -> None:
    totals = report.totals
    table = Table("limit", title=f"Limits of {totals.users:,} users on {report.business_date}, a dry run")
    table.add_column("users", justify="right")
    table.add_column("share", justify="right")
    shown = {
        "raised": totals.raised,
        "unchanged": totals.held,
        "lowered": totals.lowered,
        "paused": totals.paused,
    }
    for name, users in shown.items():
        table.add_row(name, f"{users:,}", f"{users / max(totals.users, 1):.1%}")
    console.print(table)
    if report.guard.verdict is GuardVerdict.HOLD:
        console.print(f"The guard would hold this run for a person: {'; '.join(report.guard.reasons)}.")


def commands_to_paste() -> str:
    """Commands to paste into another shell, wherever it is."""
    here = Path.cwd()
    program = Path(sys.argv[0]).absolute()
    shown = program.relative_to(here) if program.is_relative_to(here) else program
    given = [f"export {name}={shlex.quote(os.environ[name])}" for name in WHERE if name in os.environ]
    lines = [f"cd {shlex.quote(str(here))}", *given, *(f"{shown} {command}" for command in TO_TRY)]
    return "\n".join(lines)


def _addresses(services: Services) -> None:
    console.print(f"Prefect UI: {services.settings.prefect_url}\nAPI docs:   {services.settings.api_url}/docs")
