"""What draft rulebooks decide on a customer by today's answers, as `review` and `eligibility` show it.

Imported only where a draft is tried, since Prefect's tasks take seconds to import.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import TypeVar

import typer
from pydantic import BaseModel

from rules.core.differences import Difference, named
from rules.eligibility.replay import differences as evaluation_differences
from rules.eligibility.replay import with_books_named
from rules.prescreening.replay import differences as review_differences
from tasks.credit_report import credit_report
from tasks.drafts import ReviewBy, try_evaluation, try_review
from underwriting.cli.books import rules_of
from underwriting.cli.draft_files import eligibility_drafts, review_draft
from underwriting.cli.eligibility import print_evaluation
from underwriting.cli.errors import refuse, refusing
from underwriting.cli.output import confirmed, console, print_json, print_lines
from underwriting.cli.person import this_person
from underwriting.cli.review import print_review
from underwriting.cli.store import store_settings
from underwriting.domain.application import Application, ApplicationRequest, Product, State
from underwriting.runtime import Runtime, open_runtime
from underwriting.settings import settings
from underwriting.store.errors import StoreError
from underwriting.store.evaluations import EvaluationRecord
from underwriting.store.record import CheckRecord, Record

T = TypeVar("T")

# Members of the API's records that only what is stored has.
STORED = {"id", "state"}


def review_by_draft(request: ApplicationRequest, file: Path, tenant: str, *, yes: bool, json: bool) -> None:
    """Print what a draft decides on an application now, and where the rulebook in force decides otherwise."""
    draft = review_draft(file)
    wanted = request.product, request.requested.currency
    if wanted != (draft.product, draft.currency):
        refuse(f"{draft.ref} decides on a {draft.product} in {draft.currency}, not on a {wanted[0]} in {wanted[1]}")
    pays = request.bureau_consent is not None and any(credit_report.name in stage for stage in draft.stages)
    if pays and not yes:
        typer.echo(
            f"If the draft's stages get as far as the credit report, one is pulled about {request.customer_id}, which "
            "has to be paid for. The audit log notes the pull; the report is not kept.",
            err=True,
        )
        if not confirmed("May a report be pulled?"):
            refuse("no source was asked; --yes does not ask first, and without --consent no report is pulled")
    tried = _with_runtime(
        lambda runtime: try_review(runtime, request, draft, tenant or settings().limits_tenant, this_person())
    )
    now, then = tried.draft, tried.in_force
    found = [] if then is None else review_differences(then.decision, then.checks, now.decision, now.checks)
    record = _record(tried.application, now)
    if json:
        _print_as_json(record, None if then is None else _record(tried.application, then), found)
        return
    out = console()
    out.print(f"[bold]{request.customer_id}[/] by the draft {draft.ref}; nothing is stored")
    print_review(out, record, draft.rules)
    if then is None:
        typer.echo(f"\n{now.decision.verdict} by the draft {draft.ref}; no rulebook in force decides on this")
        return
    typer.echo(
        f"\n{now.decision.verdict} by the draft {draft.ref}; {then.decision.verdict} by {then.decision.rulebook}"
    )
    asked = {check.check for check in now.checks}
    for check in then.checks:
        if check.trouble and check.check not in asked:
            typer.echo(f"no answer for {check.check}: {check.trouble}")
    _print_differences(found)


def eligibility_by_drafts(user_id: str, product: Product, files: Iterable[Path], tenant: str, *, json: bool) -> None:
    """Print what a user may take now with drafts in the place of the books of their names or beside the others, and
    where the books in force decide otherwise.
    """
    drafts = eligibility_drafts(files)
    for draft in drafts.values():
        if draft.product is not product:
            refuse(f"{draft.ref} decides on a {draft.product}; add --product {draft.product}")
    request, now, then = _with_runtime(
        lambda runtime: try_evaluation(runtime, user_id, product, drafts, tenant or settings().limits_tenant)
    )
    found: list[Difference] = []
    if then is not None:
        # Compared under the names of the published books: a draft may have another version.
        published = {result.rulebook.name: result.rulebook for result in then.books}
        replaced = {draft.ref: published[name] for name, draft in drafts.items() if name in published}
        found = evaluation_differences(then, with_books_named(now, replaced))
    record = EvaluationRecord.decided(request, now)
    if json:
        _print_as_json(record, None if then is None else EvaluationRecord.decided(request, then), found)
        return
    drafted = ", ".join(str(draft.ref) for draft in drafts.values())
    out = console()
    out.print(f"[bold]{user_id}[/] with the draft {drafted}; nothing is stored")
    # Of books in force, by the text that was published; of drafts, by that of their files.
    by_drafts = {draft.ref: draft.rules for draft in drafts.values()}
    print_evaluation(out, record, rules_of({book.rulebook for book in record.books} - by_drafts.keys()) | by_drafts)
    judged = {result.rulebook for result in now.books}
    for draft in drafts.values():
        if draft.ref not in judged:
            typer.echo(f"{draft.ref} does not apply to {user_id}")
    if then is None:
        typer.echo(f"\n{now.verdict} with the draft {drafted}; no rulebook in force decides on a {product}")
        return
    typer.echo(f"\n{now.verdict} with the draft {drafted}; {then.verdict} by the books in force")
    _print_differences(found)


def _with_runtime(work: Callable[[Runtime], Awaitable[T]]) -> T:
    """Run `work` with the store and the sources of the settings; a refusal of the store ends the command."""

    async def opened() -> T:
        async with open_runtime(store_settings()) as runtime:
            return await work(runtime)

    with refusing(StoreError, ValueError):
        return asyncio.run(opened())


def _record(application: Application, by: ReviewBy) -> Record:
    checks = tuple(map(CheckRecord.of, by.checks))
    return Record.undecided(application, State.DONE).decided(by.decision, checks)


def _print_differences(found: Iterable[Difference]) -> None:
    print_lines("differences:", named(found, "in force", "by the draft") or ["none"])


def _print_as_json(draft: BaseModel, in_force: BaseModel | None, found: Iterable[Difference]) -> None:
    """Print the records of both as the API would answer them, and where they differ."""
    print_json(
        {
            "draft": draft.model_dump(mode="json", exclude=STORED),
            "in_force": in_force and in_force.model_dump(mode="json", exclude=STORED),
            "differences": [{"place": each.place, "in_force": each.then, "draft": each.now} for each in found],
        }
    )
