"""`underwriting explain ID --log`: what was tried to decide an application or evaluation, line by line."""

from datetime import UTC

import typer

from underwriting.cli.output import console, new_table
from underwriting.cli.store import read_store
from underwriting.store import applications, evaluations, execution
from underwriting.store.execution import ExecutionLog, LogEntry
from underwriting.store.kinds import EVALUATIONS
from underwriting.store.session import Work


def print_log(subject_id: str, *, as_json: bool) -> None:
    """Print the log, with the times of UTC; as JSON it is the answer of the API."""
    log = read_store(lambda work: _log(work, subject_id))
    if as_json:
        typer.echo(log.model_dump_json(indent=2, exclude_none=True))
        return
    out, day = console(), None
    out.print(f"[bold]{log.id}[/]: [bold]{log.state}[/]")
    table = new_table("UTC", "seconds", "what", right=("seconds",), wraps=("what",))
    for entry in log.entries:
        at = entry.at.astimezone(UTC)
        if at.date() != day:
            day = at.date()
            table.add_row(f"[bold]{day}[/]")
        seconds = "" if entry.seconds is None else f"{entry.seconds:.3f}"
        table.add_row(f"{at:%H:%M:%S.%f}"[:-3], seconds, _told(entry))
    out.print(table)


async def _log(work: Work, subject_id: str) -> ExecutionLog:
    get = evaluations.get if subject_id.startswith(EVALUATIONS.prefix) else applications.get
    return await execution.read(work, await get(work, None, subject_id))


def _told(entry: LogEntry) -> str:
    """One line in words; what a source did is indented below its attempt."""
    why, cause = (f"{sign} {entry.why}" if entry.why else "" for sign in ":,")
    result = (entry.result or "still waiting").replace("_", " ")
    place = f"{entry.worker}, flow run {entry.flow_run_id}"
    by = f" by {entry.by}" if entry.by else ""
    of = f" ({entry.source})" if entry.source else ""
    match entry.what:
        case "dispatched":
            text = f"dispatch {entry.dispatch} by {place}"
        case "began":
            text = f"attempt {entry.attempt} on {place}: {result}"
        case "asked":
            tries = f", try {entry.tries}" if entry.tries != 1 else ""
            text = f"  {entry.source}, {entry.document}{tries}: {result}{cause}"
        case "waited":
            text = f"  waited {entry.why}{of}"
        case "last_renewed":
            text = f"attempt {entry.attempt}: its lease was last renewed"
        case "ended":
            text = f"attempt {entry.attempt} {result}{cause}"
        case "decided":
            text = f"{result}{by}"
        case what:
            text = f"{what.replace('_', ' ')}{of}{by}{why}"
    return text
