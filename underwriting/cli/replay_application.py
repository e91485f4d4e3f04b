"""Replays an application: from the facts that its checks stored, and from what the sources answer now."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import typer

from rules.core.differences import fact_differences, named
from rules.prescreening.decide import decide, ends_review
from rules.prescreening.replay import differences, reevaluated
from underwriting.cli.draft_files import review_draft
from underwriting.cli.errors import refuse
from underwriting.cli.output import print_lines
from underwriting.cli.store import store_settings
from underwriting.decision_basis import ApplicationBasis, application_basis
from underwriting.domain.decision import CheckResult, Decision
from underwriting.runtime import open_runtime
from underwriting.settings import settings
from underwriting.store import rulebooks
from underwriting.store.errors import UnknownRulebook
from underwriting.store.session import Work


async def replayed(work: Work, application_id: str) -> bool:
    """Print what the stored facts and the rulebook give now; returns whether the decision differs. RuleDrift if the
    book has changed."""
    basis = await application_basis(work, application_id)
    then, checks = basis.decision, reevaluated(basis.book, basis.checks)
    if found := differences(then, basis.checks, _decision(basis, checks), checks):
        print_lines("code drift: the same facts and rulebook give another answer", named(found))
        return True
    facts = sum(len(check.facts) for check in basis.checks)
    typer.echo(f"same answer: {then.verdict}, from {facts} frozen facts of {len(checks)} checks, by {then.rulebook}")
    # A book of an experiment is in force beside the one that the settings name.
    name = then.rulebook.name if basis.book.experiment else settings().rulebook
    try:
        in_force = await rulebooks.in_force(work, name, datetime.now(UTC).date())
    except UnknownRulebook:
        typer.echo(f"rule: no version of {name} is in force today")
        return False
    if in_force.ref != then.rulebook:
        typer.echo(f"rule: {in_force.ref} is in force today")
    return False


async def tried(work: Work, application_id: str, files: Sequence[Path]) -> None:
    """Print what a draft would decide on the stored facts, and where it differs.

    Rules of checks that the review did not reach are unknown, since their facts were not asked for.
    """
    if len(files) > 1:
        refuse("an application is decided by one rulebook: name one file")
    basis = await application_basis(work, application_id)
    draft = review_draft(files[0])
    drafted = {rule.check for rule in draft.rules}
    checks = reevaluated(draft, [check for check in basis.checks if check.check in drafted])
    now = decide(draft, checks, basis.application, basis.decision.decided_at)
    typer.echo(f"{now.verdict} by the draft {draft.ref}; {basis.decision.verdict} by {basis.decision.rulebook}")
    left = drafted - {check.check for check in checks}
    if left and not ends_review(draft, checks):
        typer.echo(f"unknown, since the review did not reach them: {', '.join(sorted(left))}")
    print_lines("differences:", named(differences(basis.decision, basis.checks, now, checks)) or ["none"])


async def refreshed(application_id: str) -> bool:
    """Print the facts that the sources give differently now, and the decision that follows; returns whether there are
    any."""
    # Imported here, since Prefect's tasks take seconds to import.
    from tasks.again import checks_again  # noqa: PLC0415

    async with open_runtime(store_settings()) as runtime:
        async with runtime.store.read() as work:
            basis = await application_basis(work, application_id)
        checks = await checks_again(runtime, basis)
    for check in checks:
        if check.trouble:
            typer.echo(f"no answer for {check.check}: {check.trouble}")
    then = {check.check: check.facts for check in basis.checks}
    # If the review ended at another stage, other checks ran; those that ran in both are compared.
    found = [
        each
        for check in checks
        if check.check in then
        for each in fact_differences(then[check.check], check.facts, basis.application.requested.currency)
    ]
    if not found:
        typer.echo("the sources say the same")
        return False
    now = _decision(basis, checks)
    print_lines(f"data drift: the sources say otherwise now, which comes to {now.verdict}", named(found))
    return True


def _decision(basis: ApplicationBasis, checks: Sequence[CheckResult]) -> Decision:
    return decide(basis.book, checks, basis.application, basis.decision.decided_at)
