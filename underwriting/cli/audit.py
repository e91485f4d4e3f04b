"""`underwriting audit`: check that nobody changed the audit log."""

from pathlib import Path
from typing import Annotated

import typer

from underwriting.cli.errors import refuse, refusing
from underwriting.cli.output import Json, print_json
from underwriting.cli.store import read_store
from underwriting.settings import settings
from underwriting.store import audit
from underwriting.store.audit import Fault, Head
from underwriting.store.errors import AnchorsUnreadable
from underwriting.store.session import Work

app = typer.Typer(no_args_is_help=True, help="The audit log: anchor its head, verify the chain.")
Anchors = Annotated[Path | None, typer.Option(help="Anchors file; by default in the state directory.")]


@app.command()
def anchor(file: Anchors = None, as_json: Json = False) -> None:
    """Write the log's head to the anchors file. Do so on a schedule, to a disk that database users cannot write to."""
    head = read_store(audit.head)
    audit.write_anchor(_file(file), head)
    if as_json:
        print_json(head)
        return
    typer.echo(f"anchored entry {head.seq}")


@app.command()
def verify(file: Anchors = None, as_json: Json = False) -> None:
    """Compare the whole log with its head and the anchors; exit code 1 if it was tampered with."""
    path = _file(file)
    if file is not None and not path.exists():
        refuse(f"there is no file {path}")
    with refusing(AnchorsUnreadable):
        anchors = audit.read_anchors(path) if path.exists() else []

    async def check(work: Work) -> tuple[Head, list[Fault]]:
        return await audit.head(work), await audit.verify(work, anchors)

    head, faults = read_store(check)
    if as_json:
        print_json({"entries": head.seq, "anchors": len(anchors), "faults": faults})
        raise typer.Exit(1 if faults else 0)
    for fault in faults:
        typer.echo(f"entry {fault.seq}: {fault.what}")
    if faults:
        raise typer.Exit(1)
    agree = f"{len(anchors)} anchors agree" if anchors else "there is no anchor yet: underwriting audit anchor"
    typer.echo(f"{head.seq} entries are as they were written; {agree}")


def _file(given: Path | None) -> Path:
    return given or settings().state_dir / "audit-anchors.jsonl"
