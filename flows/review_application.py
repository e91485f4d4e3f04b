"""The pre-screening of one application: stage after stage until the review can end, then one decision."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed

from rules.prescreening.decide import decide, ends_review
from tasks import checks
from tasks.check import result_of
from tasks.counteroffer import with_alternatives
from tasks.deliver import try_deliver
from tasks.forms import form, refusing
from tasks.lease import Lease, claimed
from tasks.publish_review import publish_review
from tasks.record_decision import record_decision
from tasks.review import Review
from tasks.states import state_of
from underwriting.domain.application import Application
from underwriting.domain.decision import CheckResult
from underwriting.runtime import open_runtime
from underwriting.store import applications
from underwriting.store.errors import UnknownApplication
from underwriting.store.kinds import APPLICATIONS


@flow(flow_run_name="review-{application_id}", persist_result=False, validate_parameters=False)
@form
async def review_application(application_id: str) -> State[None]:
    """Review one accepted application and decide it: approved, rejected with reasons, or referred to a person.

    It is incomplete if the customer can supply what is missing. If a lower amount or a longer term would be approved,
    that is offered. Both wait for the customer's answer.

    One run at a time works on an application: without the claim a run ends as `NotOwed`.

    Args:
        application_id: An accepted application, such as app_01KAYB2M4Z5W8Q0V6T3R9N7XJC. The API fills it in.
    """
    return await reviewed(application_id)


async def reviewed(application_id: str) -> State[None]:
    """Review an application in the flow run that calls this, which also shows the rules that ran."""
    async with open_runtime() as runtime:
        async with claimed(runtime, APPLICATIONS, application_id, str(flow_run.id)) as lease:
            if lease is None:
                async with runtime.store.read() as work:
                    with refusing(UnknownApplication, field="application_id"):
                        await applications.get(work, None, application_id)
                return Completed(name="NotOwed", message="Decided already, or another run works on it.")
            review = Review(runtime, lease.claim, await runtime.rulebook_cache.book_for(lease.claim.subject))
            results = await run_stages(review, lease)
            decision = decide(review.book, results, review.application, datetime.now(UTC))
            await record_decision(review, results, decision)
        # The decision is stored. Later errors show in the run, and the outbox still has the message.
        await asyncio.gather(
            publish_review(review, results, decision),
            try_deliver(runtime, application_id),
        )
    why = ", ".join(reason.code for reason in decision.reasons)
    return Completed(name=decision.verdict.title(), message=why or f"by {decision.rulebook}")


async def run_stages(review: Review, lease: Lease[Application]) -> Sequence[CheckResult]:
    """Run the stages in the rulebook's order, and the checks of a stage concurrently, until a stage ends the review."""
    results: list[CheckResult] = []
    for stage in review.book.stages:
        lease.ensure()
        states = await asyncio.gather(*(state_of(checks.BY_NAME[name], review) for name in stage))
        for name, state in zip(stage, states, strict=True):
            results.append(await result_of(review, name, state))
        results = await with_alternatives(review, results)
        if ends_review(review.book, results):
            break
    return results
