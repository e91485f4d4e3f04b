"""What a user may take now: ask all sources at once, run every rulebook that applies, store one evaluation."""

from collections.abc import AsyncIterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from rules.eligibility.book import EligibilityBook
from rules.limits.tiers import CURRENCY, TIERS
from tasks.deliver import try_deliver
from tasks.forms import Empty, form_of
from tasks.gather import gather
from tasks.lease import Lease, claimed
from tasks.publish_evaluation import publish_evaluation
from tasks.record_evaluation import record_evaluation
from tasks.run_books import decide_evaluation, run_books
from tasks.user_check import UserCheck
from underwriting.domain.application import Product
from underwriting.domain.eligibility import Eligibility, EvaluationRequest
from underwriting.domain.profile import FloatProfile
from underwriting.runtime import Runtime, open_runtime
from underwriting.store import evaluations, profiles
from underwriting.store.claims import Claim
from underwriting.store.kinds import EVALUATIONS


def _run_name() -> str:
    """`evaluate-evl_…`, or `evaluate-float` of a run that staff started; without the user."""
    given = flow_run.parameters
    return f"evaluate-{given['evaluation_id'] or given['product']}"


async def _misfits(given: Mapping[str, Any]) -> AsyncIterator[str]:
    """Nobody to evaluate."""
    if given.get("user_id") == given.get("evaluation_id") == "":
        yield "user_id: name the user, such as steady-pay"


@flow(flow_run_name=_run_name, persist_result=False, validate_parameters=False)
@form_of(_misfits)
async def evaluate_eligibility(
    user_id: str = "",
    product: Product = Product.FLOAT,
    as_of: date | Empty = None,
    tenant: str = "staff",
    evaluation_id: str = "",
) -> State[None]:
    """Evaluate a user for a product, as of today or an earlier day: approved with amounts, rejected, or referred.

    The API passes the id of the evaluation that it accepted, and nothing else; an ad-hoc run accepts a new one. One run
    at a time works on an evaluation: without the claim a run ends as `NotOwed`.

    Args:
        user_id: The user, such as steady-pay.
        product: What the user wants to take.
        as_of: The day as of which the user is evaluated. Empty means today.
        tenant: Whose user it is, such as sandbox. "staff" keeps the evaluation apart from those of tenants.
        evaluation_id: Leave it empty. The API fills in the evaluation that it accepted.
    """
    async with open_runtime() as runtime:
        evaluation_id = evaluation_id or await _accepted(runtime, tenant, user_id, product, as_of)
        async with claimed(runtime, EVALUATIONS, evaluation_id, str(flow_run.id)) as lease:
            if lease is None:
                return Completed(name="NotOwed", message="Decided already, or another run works on it.")
            check = UserCheck(runtime, lease.claim, await _profile(runtime, lease.claim))
            await gather(check)
            if check.is_known and check.profile.version == profiles.NOT_STORED:
                check.profile = await _profile(runtime, lease.claim, met=True)
            eligibility, books = await _decided(check, lease)
        # The decision is stored. Later errors show in the run, and the outbox still has the messages.
        await publish_evaluation(runtime, check.request, eligibility, books)
        await try_deliver(runtime, evaluation_id)
    why = ", ".join(reason.code for reason in eligibility.reasons)
    return Completed(name=eligibility.verdict.title(), message=why or f"by {eligibility.deciding}")


async def _accepted(runtime: Runtime, tenant: str, user_id: str, product: Product, as_of: date | None) -> str:
    """A new evaluation, one for the same question that is under way, or on a retry of this run the earlier one."""
    async with runtime.store.begin() as work:
        accepted = await evaluations.accept(work, tenant, user_id, product, as_of, str(flow_run.id), datetime.now(UTC))
    return accepted.stored.subject.id


async def _decided(
    check: UserCheck, lease: Lease[EvaluationRequest]
) -> tuple[Eligibility, tuple[EligibilityBook, ...]]:
    """The stored result, and the books; they run again if books, profile or floats changed meanwhile."""
    while True:
        lease.ensure()
        result = await run_books(check)
        eligibility = decide_evaluation(check, result)
        if await record_evaluation(check, eligibility, result):
            return eligibility, result.books
        check.claim.steps.add("evaluated_again", why="the profile, the rulebooks or a reported float changed")
        check.profile = await _profile(check.runtime, check.claim, met=check.is_known)


async def _profile(runtime: Runtime, claim: Claim[EvaluationRequest], *, met: bool = False) -> FloatProfile:
    """The user's profile, else the default one. It is stored if the user is `met`: known to the user service."""
    request, now = claim.subject, datetime.now(UTC)
    async with runtime.store.read() as work:
        found = await profiles.current(work, request.tenant, request.user_id, now)
    if found is not None or not met:
        return found or profiles.default_profile(request.user_id, now, CURRENCY, TIERS)
    async with runtime.store.begin() as work:
        return await profiles.on_first_contact(work, request.tenant, request.user_id, now, CURRENCY, TIERS)
