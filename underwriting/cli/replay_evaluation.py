"""Replays an evaluation: from its stored facts and books, and from what the sources answer now."""

from collections.abc import Sequence
from pathlib import Path

import typer

from rules.core.differences import fact_differences, named
from rules.eligibility.replay import differences, reevaluated, with_books_named
from rules.facts.terms import fact_terms
from rules.limits.policy import shipped_policies
from underwriting.cli.draft_files import eligibility_drafts
from underwriting.cli.errors import refuse
from underwriting.cli.output import print_lines
from underwriting.cli.store import store_settings
from underwriting.decision_basis import EvaluationBasis, affordability_cap, cap_of_then, evaluation_basis
from underwriting.domain.eligibility import Eligibility
from underwriting.domain.money import amount_text
from underwriting.runtime import open_runtime
from underwriting.settings import settings
from underwriting.store.session import Work


async def replayed(work: Work, evaluation_id: str) -> bool:
    """Print what the stored facts and books give now; returns whether the result differs. RuleDrift if a book or the
    limit policy has changed.
    """
    basis = await evaluation_basis(work, evaluation_id, settings().limit_policy)
    then = basis.judged.eligibility
    now = reevaluated(
        basis.judged.request.product,
        then,
        basis.books,
        then.facts,
        basis.profile,
        await cap_of_then(work, then),
    )
    if found := differences(then, now):
        print_lines("code drift: the same facts and books give another answer", named(found))
        return True
    typer.echo(f"same answer: {then.verdict}, from {len(then.facts)} frozen facts and {len(then.books)} books")
    _print_changes_since(basis)
    return False


async def tried(work: Work, evaluation_id: str, files: Sequence[Path]) -> None:
    """Print what drafts would decide on the stored facts, each in the place of the book of its name, and where that
    differs.
    """
    basis = await evaluation_basis(work, evaluation_id, settings().limit_policy)
    then = basis.judged.eligibility
    drafts = eligibility_drafts(files)
    names = [result.rulebook.name for result in then.books]
    if strange := sorted(drafts.keys() - set(names)):
        refuse(f"{strange[0]} did not judge {evaluation_id}; these did: {', '.join(names)}")
    refs = {ref: drafts[ref.name].ref if ref.name in drafts else ref for ref in basis.books}
    now = reevaluated(
        basis.judged.request.product,
        with_books_named(then, refs),
        {refs[ref]: drafts.get(ref.name, book) for ref, book in basis.books.items()},
        then.facts,
        basis.profile,
        await cap_of_then(work, then),
    )
    drafted = ", ".join(str(draft.ref) for draft in drafts.values())
    typer.echo(f"{now.verdict} with the draft {drafted}; {then.verdict} as decided")
    # Compared under the names of the published books: a draft has another version.
    now = with_books_named(now, {draft: ref for ref, draft in refs.items()})
    print_lines("differences:", named(differences(then, now)) or ["none"])


def _print_changes_since(basis: EvaluationBasis) -> None:
    """Print which other books, policy or numbers a new evaluation would use; the stored answer stays."""
    then = basis.judged.eligibility
    if basis.digest_now != basis.judged.books_digest:
        typer.echo("rule: other rulebooks, another limit policy or other numbers in the facts are in force today")
    _print_fact_terms_change(then)
    policy = shipped_policies()[settings().limit_policy]
    if then.policy not in (None, policy.ref):
        typer.echo(f"rule: {policy.ref} says what is affordable today, and {then.policy} said it then")
    cap = affordability_cap(policy, then.facts)
    if cap != then.affordability_cap:
        allows, allowed = (
            "an unknown amount" if minor is None else amount_text(minor, then.currency)
            for minor in (cap, then.affordability_cap)
        )
        typer.echo(f"rule: the limit policy in force today allows {allows}, and allowed {allowed} then")


def _print_fact_terms_change(then: Eligibility) -> None:
    """Print whether facts would use other numbers now; older evaluations did not store theirs."""
    if (rested := then.fact_terms) is not None and rested != (ref := fact_terms().ref):
        typer.echo(
            f"rule: facts rest on {ref} with digest {ref.digest[:12]} today, "
            f"and rested on {rested} with {rested.digest[:12]} then"
        )


async def refreshed(evaluation_id: str) -> bool:
    """Print the facts that the sources give differently now, and the decision that follows; whether there are any."""
    # Imported here, since Prefect's tasks take seconds to import.
    from tasks.again import facts_again  # noqa: PLC0415

    async with open_runtime(store_settings()) as runtime:
        async with runtime.store.read() as work:
            basis = await evaluation_basis(work, evaluation_id, runtime.config.limit_policy)
        facts, troubles = await facts_again(runtime, basis)
    then = basis.judged.eligibility
    for source, why in troubles.items():
        typer.echo(f"trouble with {source}: {why}")
    _print_fact_terms_change(then)
    found = fact_differences(then.facts, facts, then.currency)
    if not found:
        typer.echo("the sources say the same")
        return False
    cap = affordability_cap(shipped_policies()[runtime.config.limit_policy], facts)
    now = reevaluated(basis.judged.request.product, then, basis.books, facts, basis.profile, cap)
    print_lines(f"data drift: the sources say otherwise now, which comes to {now.verdict}", named(found))
    return True
