"""Replays an application: from the facts that its checks stored, and from what the sources answer now."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rules.core.differences import fact_differences
from rules.prescreening.decide import decide, ends_review
from rules.prescreening.replay import differences, reevaluated
from underwriting.cli.draft_files import review_draft
from underwriting.cli.errors import refuse
from underwriting.cli.findings import Finding, What
from underwriting.cli.store import store_settings
from underwriting.decision_basis import ApplicationBasis, application_basis
from underwriting.domain.decision import CheckResult, Decision
from underwriting.runtime import open_runtime
from underwriting.settings import settings
from underwriting.store import rulebooks
from underwriting.store.errors import UnknownRulebook
from underwriting.store.session import Work


async def replayed(work: Work, application_id: str) -> list[Finding]:
    """What the stored facts and the rulebook give now. RuleDrift if the book has changed."""
    basis = await application_basis(work, application_id)
    then, checks = basis.decision, reevaluated(basis.book, basis.checks)
    if found := differences(then, basis.checks, _decision(basis, checks), checks):
        sentence = "code drift: the same facts and rulebook give another answer"
        return [Finding(What.CODE_DRIFT, sentence, tuple(found))]
    facts = sum(len(check.facts) for check in basis.checks)
    sentence = f"same answer: {then.verdict}, from {facts} stored facts of {len(checks)} checks, by {then.rulebook}"
    same = Finding(What.SAME, sentence)
    # A book of an experiment is in force beside the one that the settings name.
    name = then.rulebook.name if basis.book.experiment else settings().rulebook
    try:
        in_force = await rulebooks.in_force(work, name, datetime.now(UTC).date())
    except UnknownRulebook:
        return [same, Finding(What.IN_FORCE_NOW, f"rule: no version of {name} is in force today")]
    if in_force.ref == then.rulebook:
        return [same]
    return [same, Finding(What.IN_FORCE_NOW, f"rule: {in_force.ref} is in force today")]


async def tried(work: Work, application_id: str, files: Sequence[Path]) -> list[Finding]:
    """What a draft would decide on the stored facts, and where it differs.

    Rules of checks that the review did not reach are unknown, since their facts were not asked for.
    """
    if len(files) > 1:
        refuse("an application is decided by one rulebook: name one file")
    basis = await application_basis(work, application_id)
    draft = review_draft(files[0])
    drafted = {rule.check for rule in draft.rules}
    checks = reevaluated(draft, [check for check in basis.checks if check.check in drafted])
    now = decide(draft, checks, basis.application, basis.decision.decided_at)
    sentence = f"{now.verdict} by the draft {draft.ref}; {basis.decision.verdict} by {basis.decision.rulebook}"
    found = [Finding(What.DRAFT, sentence)]
    left = drafted - {check.check for check in checks}
    if left and not ends_review(draft, checks):
        sentence = f"unknown, since the review did not reach them: {', '.join(sorted(left))}"
        found.append(Finding(What.TROUBLE, sentence))
    differ = tuple(differences(basis.decision, basis.checks, now, checks))
    return [*found, Finding(What.DRAFT, "differences:", differ)]


async def refreshed(application_id: str) -> list[Finding]:
    """The facts that the sources give differently now, and the decision that follows."""
    # Imported here, since Prefect's tasks take seconds to import.
    from tasks.again import checks_again  # noqa: PLC0415

    async with open_runtime(store_settings()) as runtime:
        async with runtime.store.read() as work:
            basis = await application_basis(work, application_id)
        checks = await checks_again(runtime, basis)
    troubles = [
        Finding(What.TROUBLE, f"no answer for {check.check}: {check.trouble}") for check in checks if check.trouble
    ]
    then = {check.check: check.facts for check in basis.checks}
    # If the review ended at another stage, other checks ran; those that ran in both are compared.
    found = [
        each
        for check in checks
        if check.check in then
        for each in fact_differences(then[check.check], check.facts, basis.application.requested.currency)
    ]
    if not found:
        return [*troubles, Finding(What.SAME, "the sources say the same")]
    now = _decision(basis, checks)
    sentence = f"data drift: the sources say otherwise now, which comes to {now.verdict}"
    return [*troubles, Finding(What.DATA_DRIFT, sentence, tuple(found))]


def _decision(basis: ApplicationBasis, checks: Sequence[CheckResult]) -> Decision:
    return decide(basis.book, checks, basis.application, basis.decision.decided_at)
