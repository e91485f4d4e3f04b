"""What the sources state about a user: one task for each source, all run at the same time."""

import asyncio
import functools
from collections.abc import Callable, Coroutine
from typing import Any

from prefect import task

from tasks.check import CHECK
from tasks.states import state_of
from tasks.user_check import UserCheck
from underwriting.domain.documents import NoPerson
from underwriting.integrations.errors import CustomerNotFound, SourceError
from underwriting.process.metrics import metrics

# A year, for the age of the account, and longer than six monthly pays and any time window of the facts.
FEED_DAYS = 400


def _answered(
    ask: Callable[[UserCheck], Coroutine[Any, Any, None]],
) -> Callable[[UserCheck], Coroutine[Any, Any, None]]:
    """That a source does not know the user is an answer, and no failure of the task: `check.troubles` says so."""

    @functools.wraps(ask)
    async def asked(check: UserCheck) -> None:
        try:
            await ask(check)
        except CustomerNotFound as error:
            _note(check, ask.__name__, str(error))

    return asked


def _note(check: UserCheck, source: str, why: str) -> None:
    check.troubles[source] = why
    metrics().troubled(source)


@task(**CHECK)
@_answered
async def user_record(check: UserCheck) -> None:
    """Ask the user service: standing, segment, confirmed fraud. That it has no such user is an answer, too."""
    request = check.request
    try:
        check.add(await check.runtime.sources.user(request.user_id, request.as_of))
    except CustomerNotFound:
        check.add(NoPerson())
        raise


@task(**CHECK)
@_answered
async def subscription(check: UserCheck) -> None:
    """Ask the user service for the renewals of the subscription."""
    request = check.request
    check.add(await check.runtime.sources.subscription(request.user_id, request.as_of))


@task(**CHECK)
@_answered
async def list_screening(check: UserCheck) -> None:
    """Screen the user's name against the lists in the store."""
    request = check.request
    person = await check.runtime.sources.person(request.user_id, request.as_of)
    check.screened = await check.runtime.screener.screen(request.tenant, request.user_id, person, None)
    check.add(check.screened.document)


@task(**CHECK)
@_answered
async def transaction_feed(check: UserCheck) -> None:
    """Fetch the bank feed of the main account, and classify it; gaps are noted in `check.troubles`."""
    request, currency = check.request, check.profile.currency
    reading = await check.runtime.sources.transaction_feed(request.user_id, currency, FEED_DAYS, request.as_of)
    check.add(reading.feed)
    check.troubles.pop(transaction_feed.name, None)
    if reading.missing is not None:
        check.troubles[transaction_feed.name] = reading.missing


@task(**CHECK)
@_answered
async def float_history(check: UserCheck) -> None:
    """Ask the float service for every float that the user took."""
    request, currency = check.request, check.profile.currency
    check.add(await check.runtime.sources.float_history(request.user_id, currency, request.as_of))


@task(**CHECK)
@_answered
async def ongoing_loans(check: UserCheck) -> None:
    """Ask the loan service for the user's loans with us."""
    request, currency = check.request, check.profile.currency
    check.add(await check.runtime.sources.ongoing_loans(request.user_id, currency, request.as_of))


@task(**CHECK)
@_answered
async def scores(check: UserCheck) -> None:
    """Ask the score service for what it predicts."""
    request = check.request
    check.add(await check.runtime.sources.scores(request.user_id, request.as_of))


SOURCES = (user_record, subscription, list_screening, transaction_feed, float_history, ongoing_loans, scores)


async def gather(check: UserCheck) -> None:
    """Ask all sources at once. If one fails, its facts are unknown, and `check.troubles` says why.

    Any other error is ours and is raised: nothing is decided then, and the evaluation is tried again.
    """
    states = await asyncio.gather(*(state_of(source, check) for source in SOURCES))
    for source, state in zip(SOURCES, states, strict=True):
        try:
            await state.aresult()
        except (SourceError, TimeoutError) as error:
            _note(check, source.name, str(error) or "timed out")
