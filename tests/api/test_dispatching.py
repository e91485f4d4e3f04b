"""What is accepted goes to Prefect a few at a time, and a user's evaluation is not behind a morning's applications."""

import asyncio
from datetime import UTC, datetime

import pytest
from support.reviews import accept

from underwriting.api import context as api_context
from underwriting.api.context import DISPATCHED_AT_ONCE, ApiContext
from underwriting.domain.application import Application, Product
from underwriting.domain.eligibility import EvaluationRequest
from underwriting.rulebook_cache import RulebookCache
from underwriting.settings import Settings
from underwriting.store import evaluations
from underwriting.store.session import Store


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What a Prefect server got that takes a while for each."""
    taken: list[str] = []
    under_way: list[str] = []

    async def slow(_client: object, _store: Store, subject: Application | EvaluationRequest, _no: int) -> None:
        under_way.append(subject.id)
        assert len(under_way) <= 2 * DISPATCHED_AT_ONCE
        await asyncio.sleep(0.05)
        under_way.remove(subject.id)
        taken.append(subject.id)

    monkeypatch.setattr(api_context, "try_dispatch", slow)
    return taken


def context(store: Store, **changes: object) -> ApiContext:
    config = Settings.model_validate(changes)
    nobody: object = None
    return ApiContext(config, store, RulebookCache(store, config), nobody, nobody)  # type: ignore[arg-type]


async def asked(store: Store) -> EvaluationRequest:
    async with store.begin() as work:
        accepted = await evaluations.accept(work, "acme", "ada", Product.FLOAT, None, None, datetime.now(UTC))
    return accepted.stored.subject


async def test_an_evaluation_does_not_wait_for_the_applications_before_it(store: Store, taken: list[str]) -> None:
    api = context(store)
    applications = [await accept(store) for _ in range(40)]
    evaluation = await asked(store)
    await asyncio.gather(*map(api.dispatch, [*applications, evaluation]))
    assert len(taken) == 41
    assert taken.index(evaluation.id) <= 2 * DISPATCHED_AT_ONCE
    assert [found for found in taken if found != evaluation.id] == [one.id for one in applications], "first come"


async def test_what_waits_too_long_for_its_turn_is_left_to_the_housekeeping(store: Store, taken: list[str]) -> None:
    api = context(store, dispatch_seconds=0.12)
    applications = [await accept(store) for _ in range(40)]
    await asyncio.gather(*map(api.dispatch, applications))
    assert DISPATCHED_AT_ONCE <= len(taken) < 40
