"""`underwriting replay`: decides again from what is stored, and shows what drifted if the result differs."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from underwriting.cli import replay_application, replay_evaluation
from underwriting.cli.errors import refusing
from underwriting.cli.findings import Finding, What, drifted, print_findings
from underwriting.cli.output import Json
from underwriting.cli.store import read_store, with_store
from underwriting.decision_basis import RuleDrift
from underwriting.store.errors import StoreError
from underwriting.store.kinds import EVALUATIONS
from underwriting.store.session import Store


def replay(
    subject_id: Annotated[str, typer.Argument(metavar="ID", help="An evaluation, or an application.")],
    fresh: Annotated[bool, typer.Option("--fresh", help="Ask the sources again, too, as of that day.")] = False,
    rulebook: Annotated[
        list[Path] | None,
        typer.Option(exists=True, dir_okay=False, help="Decide by this draft instead. Repeat it for several books."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Decide an evaluation or an application again from its stored facts and rulebooks.

    Exit code 1 if the result differs. The drift is named: rule (a book has changed), code (the same facts and books
    give another result) or, with --fresh, data (the sources answer differently now).
    With --rulebook, what a draft would decide is shown, and nothing is stored; a draft for users takes the place of the
    book of its name.
    """
    answered, asked = (
        (replay_evaluation.replayed, replay_evaluation.refreshed)
        if subject_id.startswith(EVALUATIONS.prefix)
        else (replay_application.replayed, replay_application.refreshed)
    )

    if rulebook:
        tried = replay_evaluation.tried if subject_id.startswith(EVALUATIONS.prefix) else replay_application.tried
        print_findings(read_store(lambda work: tried(work, subject_id, rulebook)), subject_id, as_json=as_json)
        return

    async def replayed(store: Store) -> list[Finding]:
        async with store.read() as work:
            try:
                return await answered(work, subject_id)
            except RuleDrift as drift:
                return [Finding(What.RULE_DRIFT, str(drift))]

    async def refreshed() -> list[Finding]:
        # Found already: without the book nothing can be decided.
        with suppress(RuleDrift):
            return await asked(subject_id)
        return []

    findings = with_store(replayed)
    if fresh:
        with refusing(StoreError):
            findings += asyncio.run(refreshed())
    print_findings(findings, subject_id, as_json=as_json)
    if drifted(findings):
        raise typer.Exit(1)
