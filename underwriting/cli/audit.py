"""`underwriting audit`: check that nobody changed the audit log, and note what a restore lost of it."""

import json
from pathlib import Path
from typing import Annotated

import typer

from underwriting.cli.errors import refuse, refusing
from underwriting.cli.output import Json, note_given, print_json
from underwriting.cli.person import this_person
from underwriting.cli.store import read_store, write_store
from underwriting.settings import settings
from underwriting.store import audit
from underwriting.store.audit import Anchor, Fault, Head
from underwriting.store.errors import AnchorsUnreadable
from underwriting.store.models import AuditRow
from underwriting.store.session import Work

app = typer.Typer(no_args_is_help=True, help="The audit log: anchor its head, verify the chain, note a restore.")
Anchors = Annotated[Path | None, typer.Option(help="Anchors file; by default in the state directory.")]


@app.command()
def anchor(file: Anchors = None, as_json: Json = False) -> None:
    """Write the log's head to the anchors file. Do so on a schedule, to a disk that database users cannot write to."""
    head = read_store(audit.head)
    _write_anchor(_file(file), head)
    if as_json:
        print_json(head)
        return
    typer.echo(f"anchored entry {head.seq}")


@app.command()
def restored(
    note: Annotated[str, typer.Option(help="Why, and to which moment; the audit log keeps it.", callback=note_given)],
    last: Annotated[
        int | None, typer.Option(min=1, help="The last entry that any copy has; by default the last that was anchored.")
    ] = None,
    file: Anchors = None,
    as_json: Json = False,
) -> None:
    """Note that the database was restored to an earlier moment. The log goes on behind the numbers that were lost."""
    path = _file(file)
    known = max((each.seq for each in _anchors(file)), default=0)
    if last is None and not known:
        refuse(f"{path} has no anchor; name the last entry that a copy of the log has, by --last")
    anchor = write_store(lambda work: audit.note_restore(work, max(last or 0, known), this_person(), note))
    _write_anchor(path, anchor)
    if as_json:
        print_json(anchor)
        return
    typer.echo(f"entries {anchor.lost_from} to {anchor.seq - 1} are noted as lost, and entry {anchor.seq} is anchored")


@app.command()
def verify(file: Anchors = None, as_json: Json = False) -> None:
    """Compare the whole log with its head and the anchors; exit code 1 if it was tampered with."""
    anchors = _anchors(file)

    async def check(work: Work) -> tuple[Head, list[Fault], list[AuditRow]]:
        return await audit.head(work), await audit.verify(work, anchors), await audit.restores(work)

    head, faults, noted = read_store(check)
    restores = [{"seq": each.seq, "at": each.at, "by": each.actor} | json.loads(each.details) for each in noted]
    if as_json:
        print_json({"entries": head.seq, "anchors": len(anchors), "faults": faults, "restores": restores})
        raise typer.Exit(1 if faults else 0)
    for each in restores:
        lost = f"entries {each['lost_from']} to {each['lost_to']} were lost by a restore"
        typer.echo(f"{lost}, noted {each['at']:%Y-%m-%d %H:%M} UTC by {each['by']}: {each['note']}")
    for fault in faults:
        typer.echo(f"entry {fault.seq}: {fault.what}")
    if faults:
        raise typer.Exit(1)
    agree = f"{len(anchors)} anchors agree" if anchors else "there is no anchor yet: underwriting audit anchor"
    which = f"the other entries up to {head.seq}" if restores else f"{head.seq} entries"
    typer.echo(f"{which} are as they were written; {agree}")


def _anchors(file: Path | None) -> list[Anchor]:
    path = _file(file)
    if file is not None and not path.exists():
        refuse(f"there is no file {path}")
    with refusing(AnchorsUnreadable):
        return audit.read_anchors(path) if path.exists() else []


def _write_anchor(path: Path, head: Head) -> None:
    with refusing(OSError):
        audit.write_anchor(path, head)


def _file(given: Path | None) -> Path:
    return given or settings().state_dir / "audit-anchors.jsonl"
