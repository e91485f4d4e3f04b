"""A person's word on a referred evaluation, from the Prefect UI."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed
from pydantic import Field

from flows.decide_referral import ClearsMatch, Note, Staff, Word
from rules.adverse import AdverseCodes, reasons_given
from rules.eligibility.settling import approved, rejected
from tasks.deliver import deliver
from tasks.record_evaluation import listening
from tasks.states import state_of
from underwriting.domain.eligibility import Eligibility, EvaluationId
from underwriting.domain.money import Money
from underwriting.recall import Recalled, recall
from underwriting.store import evaluations, matches
from underwriting.workplace import workplace

UpTo = Annotated[
    str | None,
    Field(
        pattern=r"^[0-9]{1,12}(\.[0-9]{1,4})?$",
        description="Highest amount to approve, in major units; left out, all that profile and affordability allow",
        examples=["20.00"],
    ),
]


@flow(flow_run_name="decide-{evaluation_id}", persist_result=False)
async def decide_evaluation(
    evaluation_id: EvaluationId,
    decision: Word,
    note: Note,
    decided_by: Staff,
    up_to: UpTo = None,
    reasons: AdverseCodes = (),
    clears_match: ClearsMatch = False,
) -> State[None]:
    """Approve or reject a referred evaluation; the decision is stored with who and why, and told like any other.

    A rejection needs its reasons. Fails, and changes nothing, where the evaluation is unknown, does not wait for a
    person, or is not the answer any more; where more is to be approved than the user's profile and the affordability
    allow; and where a match with a list is to be cleared and there is none.
    """
    if clears_match and decision is Word.REJECT:
        raise ValueError("a rejection clears no match with a list: leave `clears_match` out")
    async with workplace() as place:
        async with place.store.begin() as work:
            recalled = await recall(work, evaluation_id, place.config.limit_policy)
            settled = settled_by(recalled, decision, up_to, reasons)
            await evaluations.settle(
                work,
                recalled.judged,
                settled,
                note=note,
                decided_by=decided_by,
                window=timedelta(hours=place.config.evaluation_hours),
                books_digest=recalled.digest_now,
                channels=listening(place),
            )
            if clears_match:
                request = recalled.judged.request
                await matches.clear(work, request.tenant, request.user_id, decided_by, note)
        await state_of(deliver, place, evaluation_id)
    return Completed(name=settled.verdict.title(), message=f"{evaluation_id} {settled.verdict} by {decided_by}")


def settled_by(recalled: Recalled, decision: Word, up_to: str | None, reasons: Sequence[str]) -> Eligibility:
    """What comes of the evaluation by this word; ValueError where amount or reasons do not go with it."""
    given = reasons_given(decision.verdict, reasons)
    then, now = recalled.judged.eligibility, datetime.now(UTC)
    if decision is Word.REJECT:
        if up_to is not None:
            raise ValueError("a rejection approves no amount: leave `up_to` out")
        return rejected(then, given, now)
    minor = None if up_to is None else Money.parse(up_to, then.currency).minor
    return approved(then, recalled.judged.request.product, recalled.books.values(), recalled.profile, minor, now)
