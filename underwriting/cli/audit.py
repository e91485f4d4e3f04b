"""`underwriting audit`: is the log what was written?"""

from pathlib import Path
from typing import Annotated

import typer

from underwriting.cli.errors import refusing
from underwriting.cli.store import with_store
from underwriting.settings import settings
from underwriting.store import audit
from underwriting.store.audit import Fault, Head
from underwriting.store.errors import AnchorsUnreadable
from underwriting.store.session import Store

app = typer.Typer(no_args_is_help=True, help="The audit log: anchor its head, verify the chain.")
Anchors = Annotated[Path | None, typer.Option(help="Anchors file; in the state directory where left out.")]


@app.command()
def anchor(file: Anchors = None) -> None:
    """Write the log's head to the anchors file. Do it on a schedule, onto a disk the database's owner cannot write."""

    async def work(store: Store) -> Head:
        async with store.read() as unit:
            return await audit.head(unit)

    head = with_store(work)
    audit.write_anchor(_file(file), head)
    typer.echo(f"anchored entry {head.seq}")


@app.command()
def verify(file: Anchors = None) -> None:
    """Read the whole log and compare it with its head and the anchors; exit code 1 where it was tampered with."""
    path = _file(file)
    with refusing(AnchorsUnreadable):
        anchors = audit.read_anchors(path) if path.exists() else []

    async def work(store: Store) -> tuple[Head, list[Fault]]:
        async with store.read() as unit:
            return await audit.head(unit), await audit.verify(unit, anchors)

    head, faults = with_store(work)
    for fault in faults:
        typer.echo(f"entry {fault.seq}: {fault.what}")
    if faults:
        raise typer.Exit(1)
    typer.echo(f"{head.seq} entries are as they were written; {len(anchors)} anchors agree")


def _file(given: Path | None) -> Path:
    return given or settings().state_dir / "audit-anchors.jsonl"
