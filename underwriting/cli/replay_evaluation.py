"""Replays an evaluation: from its stored facts and books, and from what the sources answer now."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rules.core.differences import fact_differences
from rules.eligibility.replay import differences, reevaluated, with_books_named
from rules.facts.terms import fact_terms
from rules.limits.policy import shipped_policy
from underwriting.cli.draft_files import eligibility_drafts
from underwriting.cli.errors import refuse
from underwriting.cli.findings import Finding, What
from underwriting.cli.store import store_settings
from underwriting.decision_basis import EvaluationBasis, affordability_cap, cap_of_then, evaluation_basis
from underwriting.domain.eligibility import Eligibility
from underwriting.domain.money import amount_text
from underwriting.runtime import open_runtime
from underwriting.settings import settings
from underwriting.store.session import Work


async def replayed(work: Work, evaluation_id: str) -> list[Finding]:
    """What the stored facts and books give now. RuleDrift if a book or the limit policy has changed."""
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
        sentence = "code drift: the same facts and books give another answer"
        return [Finding(What.CODE_DRIFT, sentence, tuple(found))]
    sentence = f"same answer: {then.verdict}, from {len(then.facts)} stored facts and {len(then.books)} books"
    return [Finding(What.SAME, sentence), *_changes_since(basis)]


async def tried(work: Work, evaluation_id: str, files: Sequence[Path]) -> list[Finding]:
    """What drafts would decide on the stored facts, each in the place of the book of its name, and where that
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
    sentence = f"{now.verdict} with the draft {drafted}; {then.verdict} as decided"
    # Compared under the names of the published books: a draft has another version.
    now = with_books_named(now, {draft: ref for ref, draft in refs.items()})
    return [Finding(What.DRAFT, sentence), Finding(What.DRAFT, "differences:", tuple(differences(then, now)))]


def _changes_since(basis: EvaluationBasis) -> Iterator[Finding]:
    """Which other books, policy or numbers a new evaluation would use; the stored answer stays."""
    then = basis.judged.eligibility
    if basis.digest_now != basis.judged.books_digest:
        yield Finding(
            What.IN_FORCE_NOW,
            "rule: other rulebooks, another limit policy or other numbers in the facts are in force today",
        )
    yield from _fact_terms_change(then)
    policy = shipped_policy(settings().limit_policy)
    if then.policy not in (None, policy.ref):
        yield Finding(
            What.IN_FORCE_NOW, f"rule: {policy.ref} says what is affordable today, and {then.policy} said it then"
        )
    cap = affordability_cap(policy, then.facts)
    if cap != then.affordability_cap:
        allows, allowed = (
            "an unknown amount" if minor is None else amount_text(minor, then.currency)
            for minor in (cap, then.affordability_cap)
        )
        yield Finding(
            What.IN_FORCE_NOW, f"rule: the limit policy in force today allows {allows}, and allowed {allowed} then"
        )


def _fact_terms_change(then: Eligibility) -> Iterator[Finding]:
    """Whether facts would use other numbers now; older evaluations did not store theirs."""
    if (rested := then.fact_terms) is not None and rested != (ref := fact_terms().ref):
        yield Finding(
            What.IN_FORCE_NOW,
            f"rule: facts rest on {ref} with digest {ref.digest[:12]} today, "
            f"and rested on {rested} with {rested.digest[:12]} then",
        )


async def refreshed(evaluation_id: str) -> list[Finding]:
    """The facts that the sources give differently now, and the decision that follows."""
    # Imported here, since Prefect's tasks take seconds to import.
    from tasks.again import facts_again  # noqa: PLC0415

    async with open_runtime(store_settings()) as runtime:
        async with runtime.store.read() as work:
            basis = await evaluation_basis(work, evaluation_id, runtime.config.limit_policy)
        facts, troubles = await facts_again(runtime, basis)
    then = basis.judged.eligibility
    before = [Finding(What.TROUBLE, f"trouble with {source}: {why}") for source, why in troubles.items()]
    before += _fact_terms_change(then)
    found = fact_differences(then.facts, facts, then.currency)
    if not found:
        return [*before, Finding(What.SAME, "the sources say the same")]
    cap = affordability_cap(shipped_policy(runtime.config.limit_policy), facts)
    now = reevaluated(basis.judged.request.product, then, basis.books, facts, basis.profile, cap)
    sentence = f"data drift: the sources say otherwise now, which comes to {now.verdict}"
    return [*before, Finding(What.DATA_DRIFT, sentence, tuple(found))]
